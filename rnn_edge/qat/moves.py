"""Which integers to move so that the outputs come nearer to what they should be."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..ir.arithmetic import IntArray
from .parameters import Parameters

_NOTHING = 1e-6
"""Of the sum of all squared errors: what a move has to take away."""


def best_moves(
    parameters: Parameters, slopes: NDArray[np.float32], errors: NDArray[np.float32], count: int
) -> IntArray:
    """How far each of n parameters goes, `[n]`: `count` moves at most, each the best one after those before it.

    `errors` `[samples]` are to become small, and `slopes` `[n, samples]` are theirs by the real numbers: they are taken
    to follow in proportion. A weight moves once and by one, a bias as often and as far as it helps. That is the
    matching pursuit of S. Mallat and Z. Zhang (IEEE Transactions on Signal Processing 41, 1993) with integers as
    factors.
    """
    left, by = errors.copy(), np.zeros(len(slopes), np.int64)
    power = np.einsum("ij,ij->i", slopes, slopes).astype(np.float64)
    toward = (slopes @ left).astype(np.float64)
    waiting = np.ones(len(slopes), bool)
    nothing = _NOTHING * float(left @ left)
    for _ in range(count):
        best_factor = -toward / np.maximum(power * parameters.step, 1e-30)
        factor = np.where(parameters.free, np.rint(best_factor), np.sign(best_factor)) * waiting
        factor = np.clip(factor, parameters.least - parameters.now - by, parameters.most - parameters.now - by)
        change = factor * parameters.step
        gain = -(2 * toward + power * change) * change
        best = int(gain.argmax())
        if gain[best] <= nothing:
            break
        by[best] += int(factor[best])
        waiting[best] = parameters.free[best]
        difference = slopes[best] * np.float32(change[best])
        left += difference
        toward += slopes @ difference
    return by
