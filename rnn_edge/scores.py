"""How right outputs are: the share of right classes, or R2 where values are forecast."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def score(
    answer: Array,
    y: Array,
    lengths: NDArray[np.int64],
    decide: Callable[[Array], Array] = lambda answer: answer.argmax(axis=-1),
) -> float:
    """Of outputs `[N, outputs]`, or `[N, T, outputs]` at every step, for targets as in `datasets.Split`.

    A class of a sequence is read after its last real step, labels at every step where there is one. R2 is the mean over
    the outputs of 1 - (squared error) / (squared distance of the targets from their mean): at most 1.
    """
    steps = np.arange(answer.shape[1]) < lengths[:, None]
    if y.ndim == answer.ndim and y.dtype.kind == "f":
        return _r2(answer[steps], y[steps]) if y.ndim == 3 else _r2(answer, y)
    if y.ndim == 2:
        asked = steps & (y >= 0)
        return float(np.mean(decide(answer[asked]) == y[asked]))
    last = answer if answer.ndim == 2 else answer[np.arange(len(answer)), lengths - 1]
    return float(np.mean(decide(last) == y))


def _r2(answer: Array, y: Array) -> float:
    error = np.sum((answer.astype(np.float64) - y) ** 2, axis=0)
    spread = np.sum((y - y.mean(axis=0, dtype=np.float64)) ** 2, axis=0)
    return float(np.mean(1 - error / spread))
