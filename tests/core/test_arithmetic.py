"""The arithmetic against formulas in Python's big integers and fractions, written from the text of the definition."""

from __future__ import annotations

import hashlib
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnn_edge.ir import arithmetic
from rnn_edge.ir.tables import EXP2, SIGMOID

INT16 = range(-32768, 32768)


def clip(value: int, bits: int) -> int:
    return max(-(1 << (bits - 1)), min((1 << (bits - 1)) - 1, value))


def round_half_up(value: Fraction) -> int:
    return math.floor(value + Fraction(1, 2))


def round_half_away(value: Fraction) -> int:
    return round_half_up(value) if value >= 0 else -round_half_up(-value)


def sigmoid(x: int, p: int) -> int:
    """From the definition: table position in units of 1/512 interval, rounding half up at the end."""
    d = x * 3 * 2 ** (12 - p)
    interval, part = divmod(abs(d), 512)
    curve = Fraction(32767)
    if interval < 255:
        curve = Fraction(SIGMOID[interval] * (512 - part) + SIGMOID[interval + 1] * part, 1024)
    if d >= 0:
        return math.floor(curve + Fraction(1, 2))
    return math.floor(32768 - curve + Fraction(511, 1024))


def tanh(x: int, p: int) -> int:
    d = x * 3 * 2 ** (12 - p)
    interval, part = divmod(abs(d), 256)
    curve = Fraction(65535)
    if interval < 255:
        curve = Fraction(SIGMOID[interval] * (256 - part) + SIGMOID[interval + 1] * part, 256)
    if d >= 0:
        return math.floor(curve - 32768 + Fraction(128, 256))
    return math.floor(32768 - curve + Fraction(127, 256))


def test_tables_are_the_ones_of_the_formula() -> None:
    def f(v: float) -> float:
        return 65536 / (1 + math.exp(-v / 24))

    wanted = [round(f(i) + (f(i + 0.5) - (f(i) + f(i + 1)) / 2) / 2) for i in range(255)] + [65535]
    assert list(SIGMOID) == wanted
    assert list(EXP2) == [round(32768 * 2 ** (-i / 32)) for i in range(33)]
    digest = hashlib.sha256(np.array(SIGMOID, dtype="<u2").tobytes()).hexdigest()
    assert digest == "c79a34d2c8c6e794fbb0207601538fe0169e968cd6d9d5ca65fff859dcd55183"


@pytest.mark.parametrize("p", range(13))
def test_sigmoid_and_tanh_of_every_int16(p: int) -> None:
    x = np.array(INT16, dtype=np.int64)
    assert arithmetic.sigmoid(x, p).tolist() == [sigmoid(v, p) for v in INT16]
    assert arithmetic.tanh(x, p).tolist() == [tanh(v, p) for v in INT16]


@pytest.mark.parametrize("p", [9, 10, 11, 12])
def test_curves_are_close_to_the_real_ones(p: int) -> None:
    x = np.array(INT16, dtype=np.int64)
    real = x / 2.0**p
    assert np.abs(arithmetic.sigmoid(x, p) - 32768 / (1 + np.exp(-real))).max() <= 2.0
    assert np.abs(arithmetic.tanh(x, p) - 32768 * np.tanh(real)).max() <= 5.0


@pytest.mark.parametrize("shift", range(1, 16))
def test_rescale_of_every_int16(shift: int) -> None:
    x = np.array(INT16, dtype=np.int64)
    wanted = [round_half_away(Fraction(round_half_up(Fraction(v, 2)), 2 ** (shift - 1))) for v in INT16]
    assert arithmetic.shift_round(x, shift).tolist() == wanted


@given(st.integers(-32768, 32767), st.integers(-32768, 32767), st.integers(1, 30))
def test_mul(a: int, b: int, shift: int) -> None:
    """The general TensorFlow Lite recipe with q = 2^30 gives what the short form gives."""
    high = round_half_up(Fraction(a * b * 2**30, 2**31))
    wanted = clip(round_half_away(Fraction(high, 2 ** (shift - 1))), 16)
    product = np.array([a * b], dtype=np.int64)
    assert arithmetic.saturate(arithmetic.shift_round(product, shift), 16).tolist() == [wanted]


def test_mul_of_the_smallest_integers() -> None:
    product = np.array([-32768 * -32768], dtype=np.int64)
    assert arithmetic.saturate(arithmetic.shift_round(product, 15), 16).tolist() == [32767]


@given(st.integers(-(2**31) + 1, 2**31 - 1), st.integers(2**14, 2**15 - 1), st.integers(1, 46))
def test_requantize(accumulator: int, r: int, t: int) -> None:
    wanted = clip(round_half_up(Fraction(accumulator * r, 2**t)), 16)
    arrays = (np.array([value], dtype=np.int64) for value in (accumulator, r, t))
    assert arithmetic.requantize(*arrays).tolist() == [wanted]


@given(st.floats(2.0**-40, 2.0**20))
def test_multipliers_stand_for_their_ratio(real: float) -> None:
    q, exponent = arithmetic.quantize_multiplier(real)
    assert 2**30 <= q < 2**31
    assert abs(Fraction(q) * Fraction(2) ** (exponent - 31) / Fraction(real) - 1) <= Fraction(1, 2**31)
    r, t = arithmetic.requantize_multiplier(real)
    assert 2**14 <= r < 2**15
    assert abs(Fraction(r) * Fraction(2) ** -t / Fraction(real) - 1) <= Fraction(1, 2**14)


def test_multiplier_that_rounds_up_to_two_is_halved() -> None:
    assert arithmetic.quantize_multiplier(1.0 - 2.0**-40) == (2**30, 1)
    assert arithmetic.requantize_multiplier(float(np.nextafter(1.0, 0.0)))[0] == 2**14


@given(st.lists(st.integers(-32768, 32767), min_size=1, max_size=20), st.floats(1e-6, 10.0))
def test_softmax_is_close_and_keeps_order(logits: list[int], scale: float) -> None:
    values = np.array(logits, dtype=np.int64)
    p = arithmetic.softmax(values, arithmetic.softmax_multiplier(scale))
    exact = np.exp((values - values.max()) * scale)
    exact /= exact.sum()
    assert np.abs(p / 32767 - exact).max() < 0.002
    assert p.min() >= 0
    assert p.sum() <= 32767
    assert np.all(np.diff(p[np.argsort(values, kind="stable")]) >= 0)
