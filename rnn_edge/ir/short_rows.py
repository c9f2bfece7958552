"""Rows whose bias and scale are short, as those of weights of 4 bits are: three bytes beside the weights.

A bias is an int16 times 2^shift, one shift a product. A multiplier r has no more than its five highest bits, of which
the first is set, and so, with a shift t of sixteen, it is a byte.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .arithmetic import IntArray

LARGEST_WEIGHT, TABLE_STEP = 7, 16
"""Weights of 4 bits are -7 to 7, elements of an embedding that times 16: an int8 with no others than its upper bits."""

LARGEST_BIAS = (1 << 15) - 1
"""Before the shift."""

_SIGNIFICANT = 5
_LOW = 15 - _SIGNIFICANT
"""Bits of 2^14 <= r < 2^15 that are 0 in a short one."""


def bias_shift(bias: IntArray) -> int:
    """The least shift with |bias| <= 32767 * 2^shift in every row: 16 at most, where |bias| <= 2^30."""
    largest = int(np.abs(bias).max())
    return next(shift for shift in range(32) if largest <= LARGEST_BIAS << shift)


def short_bias(bias: IntArray) -> IntArray:
    """The nearest short biases."""
    shift = bias_shift(bias)
    steps: IntArray = np.rint(bias / (1 << shift)).astype(np.int64)
    return steps << shift


def short_scale(scale: NDArray[np.float64], unit: float) -> NDArray[np.float64]:
    """The nearest row scales > 0 whose multiplier, scale / unit, is short.

    They are a little above, 2^-20 of them, which r does not see: right below a power of two, where a float32 may come
    to lie, r would be 2^15 - 1.
    """
    mantissa, exponent = np.frexp(scale / unit)
    multiplier = np.ldexp(np.rint(np.ldexp(mantissa, _SIGNIFICANT)), exponent - _SIGNIFICANT)
    return np.asarray(multiplier * (1 + 2.0**-20) * unit)


def are_short(bias: IntArray, r: IntArray) -> bool:
    """Whether the biases and multipliers of a product are."""
    return not (np.any(bias % (1 << bias_shift(bias))) or np.any(r % (1 << _LOW)))


def scale_byte(r: IntArray, t: IntArray) -> IntArray:
    """Short r and 17 <= t <= 32 of each row in a byte, 16 m + e: r * 2^(32 - t) = (16 + m) * 2^(10 + e)."""
    return (r >> _LOW & 15) << 4 | (32 - t)
