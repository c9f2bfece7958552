"""How the arrays of a network are used over the calibration set: what rounding them to few bits should leave alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from .cells import FloatArray
from .readings import FloatReading, Signal

_MOST_COLUMNS = 1024
"""Of products whose operand is watched: the covariance of more takes long, and much memory."""


class Operand(NamedTuple):
    """What a product reads: `mean` `[columns]` and `covariance` `[columns, columns]`."""

    mean: FloatArray
    covariance: FloatArray


class Lookups(NamedTuple):
    """How often each token is looked up, `counts` `[tokens]`, and W^T W `[width, width]` of what reads the rows."""

    counts: FloatArray
    gram: FloatArray


@dataclass(frozen=True)
class Usage:
    """By the name of the value: products (those of the same weights together) of 1,024 columns at most, embeddings."""

    products: Mapping[str, Operand] = field(default_factory=dict)
    tables: Mapping[str, Lookups] = field(default_factory=dict)


class UsageReading(FloatReading):
    """Computes the step as floats, and keeps how its arrays are used."""

    def __init__(self) -> None:
        super().__init__()
        self._counts: dict[str, FloatArray] = {}
        self._sums: dict[str, tuple[int, FloatArray, FloatArray]] = {}  # steps, of the operand, of its products
        self._readers: dict[str, dict[str, FloatArray]] = {}  # embedding -> weights -> W^T W

    def emit(self, kind: str, name: str, form: str, inputs: Sequence[Signal], **constants: Any) -> Signal:
        x = inputs[0].payload
        if kind == "gather":
            tokens = np.bincount(x[:, 0].astype(np.int64), minlength=len(constants["table"]))
            self._counts[name] = self._counts.get(name, 0.0) + tokens
        if kind == "matvec" and x.shape[1] <= _MOST_COLUMNS:
            weights, weight = constants["weights"], constants["linear"].weight
            steps, total, products = self._sums.get(weights, (0, 0.0, 0.0))
            self._sums[weights] = (steps + len(x), total + x.sum(axis=0), products + x.T @ x)
            self._readers.setdefault(inputs[0].name, {})[weights] = weight.T @ weight
        return super().emit(kind, name, form, inputs, **constants)

    def usage(self) -> Usage:
        """Of all that was read."""
        products = {}
        for name, (steps, total, squares) in self._sums.items():
            mean = total / steps
            products[name] = Operand(mean, squares / steps - np.outer(mean, mean))
        tables = {
            name: Lookups(counts, np.sum(list(self._readers[name].values()), axis=0))
            for name, counts in self._counts.items()
            if name in self._readers
        }
        return Usage(products, tables)
