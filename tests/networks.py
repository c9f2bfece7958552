"""Networks for tests: random ones of every cell and shape, and the golden GRU."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rnn_edge.calibrate import calibrate
from rnn_edge.cells import Cell, Linear, all_cells
from rnn_edge.float_model import DenseLayer, EmbeddingLayer, FloatModel, Layer, RecurrentLayer
from rnn_edge.ir.check import check
from rnn_edge.ir.program import Program
from rnn_edge.quantize import quantize

GOLDEN = Path(__file__).parent / "golden" / "gru_16x32.npz"
VOCABULARY = 50


@dataclass(frozen=True)
class Network:
    """Shape of a random network: recurrent layers of `cells` with `units`, then dense layers."""

    cells: tuple[str, ...]
    units: tuple[int, ...]
    inputs: int = 5
    embedding: int = 0  # width; 0: numeric input
    dense: tuple[tuple[int, str], ...] = ((4, "softmax"),)
    every_step: bool = False

    @property
    def id(self) -> str:
        parts = [f"{cell}{units}" for cell, units in zip(self.cells, self.units, strict=True)]
        parts += [f"{activation}{size}" for size, activation in self.dense]
        front = f"embedding{self.embedding}" if self.embedding else f"in{self.inputs}"
        return "-".join([front, *parts, "every" if self.every_step else "last"])


def one_of_each_cell() -> list[Network]:
    return [Network((name,), (7,)) for name in all_cells()]


GRU = Network(("gru",), (7,))

STACKS = [
    Network(("lstm", "gru"), (6, 3), inputs=3, dense=((6, "relu"), (5, "softmax"))),
    Network(("gru", "gru"), (4, 5), dense=((3, "tanh"),), every_step=True),
    Network(("lstm",), (7,), embedding=6),
    Network(("gru",), (8,), embedding=3, dense=((4, "linear"),), every_step=True),
    Network(("simple_rnn",), (1,), inputs=1, dense=((1, "sigmoid"),)),
    Network(("gru",), (9,), inputs=2, dense=()),
    Network(("lstm", "simple_rnn"), (5, 4), inputs=1, dense=((3, "sigmoid"), (2, "linear")), every_step=True),
    Network(("min_gru", "fast_grnn", "mgu"), (6, 5, 4), dense=((3, "linear"),), every_step=True),
]

NETWORKS = [*one_of_each_cell(), *STACKS]


def float_model(network: Network, seed: int = 0, gain: float = 1.0, name: str = "net") -> FloatModel:
    """Random weights: `gain` 1 keeps gates in their linear range, larger ones saturate them."""
    rng = np.random.default_rng(seed)
    layers: list[Layer] = []
    width = network.inputs
    if network.embedding:
        width = network.embedding
        layers.append(EmbeddingLayer("embedding0", rng.normal(size=(VOCABULARY, width))))
    for index, (cell_name, units) in enumerate(zip(network.cells, network.units, strict=True)):
        cell = all_cells()[cell_name]
        products = random_products(cell, width, units, rng, gain)
        constants = {
            name: constant.value(constant.start + rng.normal(size=units) * 0.3)
            for name, constant in cell.constants.items()
        }
        layers.append(RecurrentLayer(f"{cell_name}{index}", index, cell, units, products, constants))
        width = units
    for index, (size, activation) in enumerate(network.dense):
        layers.append(DenseLayer(f"dense{index}", _linear(size, width, rng, 2.0), activation))
        width = size
    numeric = not network.embedding
    mean = rng.normal(size=network.inputs) if numeric else np.zeros(1)
    deviation = rng.uniform(0.5, 2.0, network.inputs) if numeric else np.ones(1)
    return FloatModel(name, len(mean), mean, deviation, tuple(layers), network.every_step)


def random_products(cell: Cell, width: int, units: int, rng: np.random.Generator, gain: float) -> dict[str, Linear]:
    return {
        name: _linear(len(product.gates) * units, product.columns(width, units), rng, 1.5 * gain)
        for name, product in cell.products.items()
    }


def _linear(rows: int, columns: int, rng: np.random.Generator, gain: float) -> Linear:
    return Linear(rng.normal(size=(rows, columns)) * gain / np.sqrt(columns), rng.normal(size=rows) * 0.3)


def samples(
    model: FloatModel, count: int = 32, steps: int = 30, seed: int = 1
) -> tuple[NDArray[np.generic], NDArray[np.int64]]:
    """Raw sequences `[count, steps, inputs]` and their lengths."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, steps + 1, count)
    lengths[0] = steps
    if model.vocabulary is not None:
        return rng.integers(0, model.vocabulary, (count, steps, 1)).astype(np.int32), lengths
    return (rng.normal(size=(count, steps, model.inputs)) * model.deviation + model.mean).astype(np.float32), lengths


def program(
    network: Network,
    scheme: str = "int8",
    output: str = "int16",
    seed: int = 0,
    gain: float = 1.0,
    weight_bits: int = 8,
) -> Program:
    model = float_model(network, seed, gain)
    classes = [f"class {i}" for i in range(network.dense[-1][0])] if network.dense else []
    ranges = calibrate(model, *samples(model))
    return quantize(model, ranges, scheme, output, classes, weight_bits=weight_bits)


def golden_program() -> Program:
    """The golden GRU (16 inputs, 32 units, gates at 2^-12) from its committed integers."""
    golden = np.load(GOLDEN, allow_pickle=False)
    made = program(Network(("gru",), (32,), inputs=16, dense=()))
    constants = {
        "input_mean": np.zeros(16),
        "input_deviation": np.ones(16),
        **{
            f"gru0_g{operand}_{role}": golden[key]
            for operand in "xh"
            for role, key in (("weight", f"W{operand}"), ("bias", f"b{operand}"), ("scale", f"W{operand}_scale"))
        },
    }
    gate = made.values["gru0_gx"].scale
    values = {
        name: replace(value, scale=2.0**-12) if value.scale == gate else value for name, value in made.values.items()
    }
    values["x"] = replace(values["x"], scale=float(golden["input_scale"]), zero_point=0)
    return check(replace(made, name="golden", constants=constants, values=values))
