"""What is measured: an exported model, or a recurrent layer of any shape with random weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..calibrate import calibrate
from ..cells import Cell, Linear, all_cells
from ..errors import UserError
from ..float_model import FloatModel, RecurrentLayer
from ..ir.check import check
from ..ir.program import Program, load
from ..paths import Artifacts
from ..quantize import quantize

_SEED = 0
_SEQUENCES, _STEPS = 32, 30  # of the random inputs for calibration
_LARGEST = 1024


@dataclass(frozen=True)
class Subject:
    """A program and what to call it: `name` in files, `title` for people."""

    name: str
    title: str
    program: Program

    @property
    def macs(self) -> int:
        """Products of a weight and an operand in one step."""
        matrices = (self.program.constants[op.constants[0]] for op in self.program.ops if op.kind == "matvec")
        return sum(matrix.size for matrix in matrices)


@dataclass(frozen=True)
class Shape:
    """One recurrent layer; its first state is the output of every step."""

    cell: str
    inputs: int
    units: int
    scheme: str = "int8"
    weights: int = 8  # bits of each

    @property
    def name(self) -> str:
        suffix = "" if self.scheme == "int8" else f"_{self.scheme}"
        suffix += "" if self.weights == 8 else f"_w{self.weights}"
        return f"{self.cell}_{self.inputs}x{self.units}{suffix}"

    @property
    def title(self) -> str:
        return f"{self.cell}, {self.inputs} inputs, {self.units} units, {self.scheme}{self._bits}"

    @property
    def _bits(self) -> str:
        return "" if self.weights == 8 else f", weights of {self.weights} bits"


REFERENCE = (
    Shape("gru", 16, 32),
    Shape("lstm", 16, 32),
    Shape("simple_rnn", 16, 32),
    Shape("gru", 64, 128),
    Shape("gru", 16, 32, weights=4),
)
"""The shapes of docs/benchmarks.md."""


def choose(artifacts: Artifacts | None, shape: Shape | None, reference: bool) -> list[Subject]:
    """What was asked for; UserError where that is not one of a model, a shape and the reference shapes."""
    if (artifacts is not None) + (shape is not None) + reference != 1:
        raise UserError("Give one of MODEL, --cell with --inputs and --units, or --reference: what shall be measured?")
    if artifacts is not None:
        return [of_model(artifacts)]
    return [of_shape(one) for one in (REFERENCE if shape is None else (shape,))]


def of_model(artifacts: Artifacts) -> Subject:
    """An exported model. ProgramError where it was not exported."""
    return of_program(check(load(artifacts.program_json, artifacts.program_npz)))


def of_program(program: Program) -> Subject:
    """A program that is at hand."""
    return Subject(program.name, f"{program.name}, {program.scheme}", program)


def of_shape(shape: Shape) -> Subject:
    """Random weights, the same for the same shape, that keep the gates in their linear range.

    UserError for an unknown cell, and for sizes outside 1 to 1,024.
    """
    cell = all_cells().get(shape.cell)
    if cell is None:
        raise UserError(f"There is no cell {shape.cell!r}: use one of {', '.join(all_cells())}.")
    for name, size in (("inputs", shape.inputs), ("units", shape.units)):
        if not 1 <= size <= _LARGEST:
            raise UserError(f"A layer of {size:,} {name} cannot be measured: give 1 to {_LARGEST:,} {name}.")
    model, rng = _layer(shape, cell), np.random.default_rng(_SEED)
    x = rng.normal(size=(_SEQUENCES, _STEPS, shape.inputs)).astype(np.float32)
    ranges = calibrate(model, x, np.full(_SEQUENCES, _STEPS), weight_bits=shape.weights)
    return Subject(shape.name, shape.title, quantize(model, ranges, shape.scheme, weight_bits=shape.weights))


def _layer(shape: Shape, cell: Cell) -> FloatModel:
    rng = np.random.default_rng(_SEED)
    products = {}
    for name, product in cell.products.items():
        rows, columns = len(product.gates) * shape.units, product.columns(shape.inputs, shape.units)
        weight = rng.normal(size=(rows, columns)) * 1.5 / np.sqrt(columns)
        products[name] = Linear(weight, rng.normal(size=rows) * 0.3)
    constants = {
        name: constant.value(np.full(shape.units, constant.start)) for name, constant in cell.constants.items()
    }
    layer = RecurrentLayer(f"{shape.cell}0", 0, cell, shape.units, products, constants)
    return FloatModel(shape.name, shape.inputs, np.zeros(shape.inputs), np.ones(shape.inputs), (layer,), True)
