"""Tables of log-mel features as exact integers: decimal arithmetic in software, so that no mathematical library of a
platform decides a bit.
"""

from __future__ import annotations

import decimal
from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cache

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]

TWIDDLE_BITS = 14
"""Sines are at 2^-14, so that 1 is one of them."""

WINDOW_BITS = 15
WEIGHT_BITS = 8

_CONTEXT = decimal.Context(prec=40, rounding=ROUND_HALF_EVEN)
_PI = Decimal("3.141592653589793238462643383279502884197")


def _table(values: Iterable[Decimal]) -> IntArray:
    """Rounded to integers; a table is kept and shared, so that nobody may write to it."""
    made = np.array([int(value.to_integral_value(ROUND_HALF_EVEN)) for value in values], dtype=np.int64)
    made.flags.writeable = False
    return made


def _sine(angle: Decimal) -> Decimal:
    """Its Taylor series, for 0 <= angle <= pi / 2: the first term below 10^-40 is about the 20th."""
    term = total = angle
    order = 1
    while abs(term) > Decimal("1e-42"):
        term = -term * angle * angle / ((order + 1) * (order + 2))
        total += term
        order += 2
    return total


@cache
def quarter_sine(points: int) -> IntArray:
    """sin(2 pi i / points) at 2^-14, i = 0 to points / 4."""
    with decimal.localcontext(_CONTEXT):
        scale = 1 << TWIDDLE_BITS
        return _table(_sine(2 * _PI * i / points) * scale for i in range(points // 4 + 1))


@cache
def half_hann(window: int) -> IntArray:
    """The periodic Hann window sin(pi n / window)^2 at 2^-15, n = 0 to window / 2; the rest mirrors it."""
    with decimal.localcontext(_CONTEXT):
        scale = 1 << WINDOW_BITS
        return _table(_sine(_PI * n / window) ** 2 * scale for n in range(window // 2 + 1))


def _mel(frequency: Decimal) -> Decimal:
    """The mel scale of HTK, in units of 1127 mel: ln(1 + f / 700)."""
    return (1 + frequency / 700).ln()


@cache
def mel_positions(rate_hz: int, fft: int, mels: int, low_hz: int, high_hz: int) -> IntArray:
    """Where each bin lies between `low_hz` (0) and `high_hz` (mels + 1) on the mel scale, at 2^-8; `[fft / 2 + 1]`."""
    with decimal.localcontext(_CONTEXT):
        low, high = _mel(Decimal(low_hz)), _mel(Decimal(high_hz))
        step = (high - low) / ((mels + 1) << WEIGHT_BITS)
        bins = [_mel(Decimal(rate_hz) * k / fft) for k in range(fft // 2 + 1)]
        return _table((mel - low) / step for mel in bins)


@cache
def log2_table() -> IntArray:
    """log2(1 + i / 32) at 2^-15, i = 0 to 32."""
    with decimal.localcontext(_CONTEXT):
        two = Decimal(2).ln()
        return _table((1 + Decimal(i) / 32).ln() / two * (1 << 15) for i in range(33))
