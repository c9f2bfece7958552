"""Integer arithmetic on int64 arrays: the definition that every runtime has to meet, bit for bit.

It is the arithmetic of TensorFlow Lite's reference kernels for int16 activations and int8 weights. `>>` is the
arithmetic shift (floor). Every function takes and returns int64 arrays; inputs lie in the ranges given.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .tables import EXP2, SIGMOID

IntArray = NDArray[np.int64]

_SIGMOID: IntArray = np.array(SIGMOID, dtype=np.int64)
_EXP2: IntArray = np.array(EXP2, dtype=np.int64)


def saturate(value: IntArray, bits: int) -> IntArray:
    """Clip to the range of a signed integer of `bits` bits."""
    limit = 1 << (bits - 1)
    return np.minimum(np.maximum(value, -limit), limit - 1)


def quantize_multiplier(real: float) -> tuple[int, int]:
    """`real` > 0 as (q, e) with real ~ q * 2^(e - 31) and 2^30 <= q < 2^31."""
    mantissa, exponent = math.frexp(real)
    q = round(mantissa * (1 << 31))
    return (q // 2, exponent + 1) if q == 1 << 31 else (q, exponent)


def requantize_multiplier(real: float) -> tuple[int, int]:
    """`real` > 0 as (r, t) for `requantize`: real ~ r * 2^-t with 2^14 <= r < 2^15."""
    q, exponent = quantize_multiplier(real)
    return (0x7FFF if q >= 0x7FFF0000 else (q + (1 << 15)) >> 16), 15 - exponent


def requantize(accumulator: IntArray, r: IntArray, t: IntArray) -> IntArray:
    """|accumulator| < 2^31 times r * 2^-t, rounded half up, to int16. Needs 1 <= t <= 46."""
    # |accumulator * r| < 2^46 and the rounding term is at most 2^45: far inside int64.
    return saturate((accumulator * r + (np.int64(1) << (t - 1))) >> t, 16)


def shift_round(value: IntArray, shift: int) -> IntArray:
    """|value| <= 2^30 times 2^-shift, shift >= 1, rounded twice as TensorFlow Lite does, not saturated.

    TensorFlow Lite multiplies by 2^30 in a doubling high multiply (round half up at 1/2), then divides by
    2^(shift - 1) rounding half away from zero. For a power of two the first is (value + 1) >> 1.
    """
    half = (value + 1) >> 1
    if shift == 1:
        return half
    return (half + (1 << (shift - 2)) + (half >> 63)) >> (shift - 1)


def _interpolate(position: IntArray, fraction_bits: int) -> IntArray:
    """Sigmoid table at position * 2^-fraction_bits, in units of 2^-(16 + fraction_bits); position < 255 intervals."""
    index = np.minimum(position >> fraction_bits, 254)
    low: IntArray = _SIGMOID[index]
    rise: IntArray = _SIGMOID[index + 1] - low
    return (low << fraction_bits) + (position & ((1 << fraction_bits) - 1)) * rise


def sigmoid(value: IntArray, fraction: int) -> IntArray:
    """Sigmoid of an int16 at 2^-fraction (9 <= fraction <= 12), as int16 at 2^-15."""
    position = value * (3 << (12 - fraction))
    magnitude = np.abs(position)
    curve = np.where(magnitude >> 9 >= 255, 0x7FFF << 10, _interpolate(magnitude, 9))
    return np.where(position >= 0, curve + 512, (1 << 25) - curve + 511) >> 10


def tanh(value: IntArray, fraction: int) -> IntArray:
    """Hyperbolic tangent of an int16 at 2^-fraction (8 <= fraction <= 12), as int16 at 2^-15."""
    position = value * (3 << (12 - fraction))
    magnitude = np.abs(position)
    curve = np.where(magnitude >> 8 >= 255, 0xFFFF << 8, _interpolate(magnitude, 8))
    return np.where(position >= 0, curve - (1 << 23) + 128, (1 << 23) - curve + 127) >> 8


def softmax_multiplier(scale: float) -> int:
    """Multiplier of `softmax` for logits at `scale`: steps of 2^-10 octaves for each unit, times 2^16."""
    return min(max(round(scale / math.log(2) * (1 << 26)), 1), (1 << 31) - 1)


def softmax(logits: IntArray, multiplier: int) -> IntArray:
    """Probabilities `[..., n]` in units of 2^-15 (0 to 32767) of int16 or int8 logits `[..., n]`, n <= 32768.

    exp(l - max) = 2^-d with d in units of 2^-10: five bits index EXP2, five bits interpolate, the rest shifts.
    """
    distance: IntArray = (logits.max(axis=-1, keepdims=True) - logits) * multiplier >> 16  # < 2^16 * 2^31 / 2^16
    index = distance >> 5 & 31
    high, low = _EXP2[index], _EXP2[index + 1]
    power: IntArray = ((high * 32 - (high - low) * (distance & 31)) >> 5) >> np.minimum(distance >> 10, 16)
    probability: IntArray = power * 32767 // power.sum(axis=-1, keepdims=True)
    return probability
