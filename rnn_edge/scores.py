"""How right outputs are: the share of right classes, also by the time since a change, or R2 of forecast values."""

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


def after_change(
    answer: Array,
    y: Array,
    lengths: NDArray[np.int64],
    decide: Callable[[Array], Array] = lambda answer: answer.argmax(axis=-1),
) -> tuple[float | None, ...]:
    """How soon outputs `[N, T, outputs]` follow labels `[N, T]` that change within a sequence.

    The share of right ones among the first steps after a change (the step of the change itself), among the second and
    third, the fourth to seventh, and so on: 2**k to 2**(k + 1) - 1. None where no label is so late; empty where none
    changes. Steps before the first change of a sequence are not counted.
    """
    step = np.arange(y.shape[1])
    asked = (step < lengths[:, None]) & (y >= 0)
    latest = np.maximum.accumulate(np.where(asked, step, -1), axis=1)
    label = np.where(latest < 0, -1, np.take_along_axis(y, np.maximum(latest, 0), axis=1))
    changed = np.zeros(y.shape, np.bool_)
    changed[:, 1:] = (label[:, 1:] != label[:, :-1]) & (label[:, :-1] >= 0)
    change = np.maximum.accumulate(np.where(changed, step, -1), axis=1)
    counted = asked & (change >= 0)
    octave = np.frexp(np.float64((step - change)[counted] + 1))[1] - 1
    right = decide(answer[counted]) == y[counted]
    octaves = range(octave.max(initial=-1) + 1)
    return tuple(float(right[octave == k].mean()) if (octave == k).any() else None for k in octaves)


def _r2(answer: Array, y: Array) -> float:
    error = np.sum((answer.astype(np.float64) - y) ** 2, axis=0)
    spread = np.sum((y - y.mean(axis=0, dtype=np.float64)) ** 2, axis=0)
    return float(np.mean(1 - error / spread))
