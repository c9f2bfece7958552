"""Quantization of the input: rounding, clipping, NaN, and the raw form against the exact rational value."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from rnn_edge.errors import UserError
from rnn_edge.ir.program import Program
from rnn_edge.ir.quantize_input import float_channels, from_float, from_raw, raw_channels
from tests.networks import Network, program

SCHEMES = ("int8", "int16x8")


def _program(
    scheme: str, mean: float = 0.0, deviation: float = 1.0, raw_unit: float = 1.0, scale: float = 1.0
) -> Program:
    made = program(Network(("simple_rnn",), (2,), inputs=1), scheme)
    constants = {**made.constants, "input_mean": np.array([mean]), "input_deviation": np.array([deviation])}
    x = replace(made.values["x"], scale=scale, zero_point=0)
    return replace(made, constants=constants, values={**made.values, "x": x}, raw_unit=raw_unit)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_halves_round_up(scheme: str) -> None:
    x = np.array([[-2.5], [-1.5], [-0.5], [0.5], [1.5], [np.float32(0.5) - np.float32(2**-25)], [-1e-30]])
    assert from_float(_program(scheme), x).ravel().tolist() == [-2, -1, 0, 1, 2, 0, 0]


@pytest.mark.parametrize(("scheme", "low", "high"), [("int8", -128, 127), ("int16x8", -32768, 32767)])
def test_far_values_clip_and_nan_is_the_lowest(scheme: str, low: int, high: int) -> None:
    x = np.array([[math.inf], [1e300], [high + 0.49], [-math.inf], [low - 0.51], [math.nan]])
    assert from_float(_program(scheme), x).ravel().tolist() == [high] * 3 + [low] * 3


def test_the_product_is_rounded_before_the_sum() -> None:
    made = _program("int16x8", mean=0.1, deviation=0.3, scale=float(np.float32(0.007)))
    gain, offset = float_channels(made)
    x = np.random.default_rng(0).normal(size=(100_000, 1)).astype(np.float32)
    product = (x.astype(np.float64) * float(gain[0])).astype(np.float32)
    value = (product.astype(np.float64) + float(offset[0])).astype(np.float32)
    expected = [math.floor(Fraction(float(v)) + Fraction(1, 2)) for v in value.ravel()]
    assert from_float(made, x).ravel().tolist() == expected


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(
    ("mean", "deviation", "raw_unit"),
    [(0.0, 1.0, 1.0), (0.3, 0.7, 0.001), (-1e4, 3.0, 0.5), (1e9, 2.0, 1e-3), (0.0, 1e-6, 1.0), (5.0, 1e9, 1e-9)],
)
def test_raw_counts_round_as_the_exact_value(scheme: str, mean: float, deviation: float, raw_unit: float) -> None:
    scale = float(np.float32(0.013))
    made = _program(scheme, mean, deviation, raw_unit, scale)
    gain, offset, shift = raw_channels(made)
    assert 0 <= gain[0] < 1 << 31 and abs(offset[0]) < 1 << 61 and 0 <= shift[0] <= 40
    limit = 1 << (7 if scheme == "int8" else 15)
    raw = np.arange(-32768, 32768, 7, dtype=np.int16)
    for count, found in zip(raw.tolist(), from_raw(made, raw[:, None]).ravel().tolist(), strict=True):
        exact = (Fraction(raw_unit) * count - Fraction(mean)) / (Fraction(deviation) * Fraction(scale)) + Fraction(1, 2)
        # the gain is off by at most 2^-(shift + 1) a count: beside that the result is the floor of the exact sum
        slack = Fraction(1 << 15, 2 << int(shift[0])) + Fraction(1, 2 << int(shift[0]))
        allowed = {min(max(math.floor(exact + s), -limit), limit - 1) for s in (-slack, slack)}
        assert min(allowed) <= found <= max(allowed)


def test_tokens_stay_and_must_be_in_range() -> None:
    made = program(Network(("gru",), (3,), embedding=2))
    assert from_float(made, np.array([[0], [49]])).ravel().tolist() == [0, 49]
    for wrong in (-1, 50, 0.5, math.nan):
        with pytest.raises(UserError, match="tokens from 0 to 49"), np.errstate(invalid="ignore"):
            from_float(made, np.array([[wrong]]))
    with pytest.raises(UserError, match="takes tokens"):
        from_raw(made, np.zeros((1, 1), dtype=np.int16))


@pytest.mark.parametrize(("mean", "deviation"), [(0.0, 1e-300), (1e30, 1e-20), (0.0, 1e300)])
def test_channels_beyond_float32_are_refused(mean: float, deviation: float) -> None:
    with pytest.raises(UserError, match="too far apart"):
        from_float(_program("int8", mean, deviation), np.zeros((1, 1)))


def test_a_raw_unit_of_far_too_many_steps_is_refused() -> None:
    with pytest.raises(UserError, match="correct raw_unit"):
        from_raw(_program("int8", raw_unit=1e12), np.zeros((1, 1), dtype=np.int16))
