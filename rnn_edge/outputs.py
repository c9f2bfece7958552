"""What the outputs of a program mean: real numbers, classes, and their distance from another result."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .ir.arithmetic import IntArray
from .ir.elements import UNIT_SCALE
from .ir.program import Program

FloatArray = NDArray[np.float64]


def dequantize(program: Program, y: IntArray) -> FloatArray:
    """Outputs as real numbers."""
    value = program.values[program.output]
    real: FloatArray = (y - value.zero_point) * value.scale
    return real


def decide(program: Program, real: FloatArray) -> NDArray[np.int64]:
    """Class of outputs `[..., n]`: the largest; for one output 1 above a half (sigmoid) or above zero."""
    if real.shape[-1] > 1:
        return np.asarray(real.argmax(axis=-1), dtype=np.int64)
    threshold = 0.5 if program.values[program.output].scale in (UNIT_SCALE, UNIT_SCALE * 256) else 0.0
    return (real[..., 0] > threshold).astype(np.int64)


def snr_db(signal: FloatArray, noise: FloatArray) -> float:
    """Signal to noise ratio of outputs `[..., n]` in decibels, without the mean over classes that softmax ignores."""
    if signal.shape[-1] > 1:
        signal = signal - signal.mean(axis=-1, keepdims=True)
        noise = noise - noise.mean(axis=-1, keepdims=True)
    power = float(np.sum(noise**2))
    return float("inf") if power == 0 else 10 * float(np.log10(float(np.sum(signal**2)) / power))
