"""Recurrent cells: one file each, holding the equations and, where there is one, the Keras layer.

`equations(s, x, *states)` is written once and read several ways: as float arrays (`readings`), as integer operations
(`quantize`), as a layer that Keras trains (`keras_cell`). It returns the next states in the order of `Cell.states`;
the first of them is the output of the layer.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


class Product(NamedTuple):
    """One matrix-vector product: its rows are the stacked gates, each `units` rows."""

    operand: str  # "x": as wide as the input of the layer; "h": as wide as its units
    gates: tuple[str, ...]
    bias: bool = True  # False: the bias is zero and is not trained

    def columns(self, inputs: int, units: int) -> int:
        """Width of the operand."""
        return inputs if self.operand == "x" else units


class Constant(NamedTuple):
    """A trained value for every unit that no operand multiplies."""

    start: float = 0.0  # where training begins
    shared: bool = False  # one number for all units
    fraction: bool = False  # the equations read the sigmoid of what is trained, so that it stays between 0 and 1

    def value(self, trained: FloatArray) -> FloatArray:
        """What the equations read."""
        return 1 / (1 + np.exp(-trained)) if self.fraction else trained


class Linear(NamedTuple):
    """Float weight `[rows, columns]` and bias `[rows]` of one product."""

    weight: FloatArray
    bias: FloatArray


@dataclass(frozen=True)
class KerasLayer:
    """How a Keras layer becomes this cell."""

    class_name: str
    settings: Mapping[str, object]  # configuration values that this cell implements; others are refused
    weights: Callable[[list[FloatArray]], dict[str, Linear]]  # arrays in Keras order -> Linear of every product


@dataclass(frozen=True)
class Cell:
    """One recurrent cell."""

    name: str
    products: Mapping[str, Product]
    states: Mapping[str, float | None]  # name -> bound of |state|: 1.0, or None where only calibration can tell
    equations: Callable[..., tuple[Any, ...]]
    constants: Mapping[str, Constant] = field(default_factory=dict)
    bias_starts: Mapping[str, float] = field(default_factory=dict)  # gate -> where training begins, if not at zero
    memory_gate: str | None = None  # the gate whose value near 1 means a long memory
    keras: KerasLayer | None = None  # None: Keras trains it as a `keras_cell.CellLayer`

    def variables(self, inputs: int, units: int) -> dict[str, tuple[int, ...]]:
        """Name -> shape of what `keras_cell.CellLayer` trains, in the order in which its file holds it."""
        shapes: dict[str, tuple[int, ...]] = {}
        for name, product in self.products.items():
            rows = len(product.gates) * units
            shapes[f"{name}_kernel"] = (product.columns(inputs, units), rows)
            if product.bias:
                shapes[f"{name}_bias"] = (rows,)
        return shapes | {name: (1,) if constant.shared else (units,) for name, constant in self.constants.items()}


@cache
def all_cells() -> dict[str, Cell]:
    """Every cell found in this folder, by name."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    cells: list[Cell] = [importlib.import_module(f"{__name__}.{name}").CELL for name in names]
    return {cell.name: cell for cell in cells}


def without_bias(weight: FloatArray) -> Linear:
    """A product whose bias is zero."""
    return Linear(weight, np.zeros(len(weight)))
