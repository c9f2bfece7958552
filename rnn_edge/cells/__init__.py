"""Recurrent cells: one file each, holding the equations and, where there is one, the Keras layer.

`equations(s, x, *states)` is written once and read several ways (see `readings`): as float arrays, as integer
operations. It returns the next states in the order of `Cell.states`; the first of them is the output of the layer.
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
    states: Mapping[str, float | None]  # name -> bound of |state|; None where only calibration can tell
    equations: Callable[..., tuple[Any, ...]]
    memory_gate: str | None = None  # the gate whose value near 1 means a long memory
    keras: KerasLayer | None = field(default=None)


@cache
def all_cells() -> dict[str, Cell]:
    """Every cell found in this folder, by name."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    cells: list[Cell] = [importlib.import_module(f"{__name__}.{name}").CELL for name in names]
    return {cell.name: cell for cell in cells}


def without_bias(weight: FloatArray) -> Linear:
    """A product whose bias is zero."""
    return Linear(weight, np.zeros(len(weight)))
