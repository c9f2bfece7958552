"""Short rows: biases of 16 bits and scales of a byte, near what they stand for and exactly what they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnn_edge.ir.arithmetic import requantize_multiplier
from rnn_edge.ir.short_rows import are_short, bias_shift, scale_byte, short_bias, short_scale

BIASES = st.lists(st.integers(-(2**30), 2**30), min_size=1, max_size=20)


@given(BIASES)
def test_short_biases_fit_16_bits_and_are_nearest(values: list[int]) -> None:
    bias = np.array(values)
    made, shift = short_bias(bias), bias_shift(bias)
    assert shift <= 16
    assert (np.abs(made) <= 32767 << shift).all()
    assert not (made % (1 << shift)).any()
    assert (np.abs(made - bias) * 2 <= 1 << shift).all()
    assert bias_shift(made) <= shift
    assert are_short(made, np.array([1 << 14]))


@given(st.floats(2.0**-16, 2.0**10), st.floats(2.0**-20, 2.0**4))
def test_scales_have_short_multipliers(multiplier: float, unit: float) -> None:
    """As float32, which is what a program holds, and within half of a step of five bits."""
    scale = np.array([multiplier * unit])
    made = short_scale(scale, unit)
    r, t = requantize_multiplier(float(np.float32(made[0])) / unit)
    assert are_short(np.array([0]), np.array([r]))
    assert abs(r * 2.0**-t / multiplier - 1) <= 1 / 32 + 2.0**-15
    assert short_scale(made, unit) == pytest.approx(made, rel=2.0**-19)


@pytest.mark.parametrize("unit", [2.0**-7, 3.0, 0.0123])
def test_powers_of_two_stay_what_they_are(unit: float) -> None:
    """A float32 right below one would have the multiplier 2^15 - 1, which is not short."""
    for exponent in range(-16, 4):
        made = np.float32(short_scale(np.array([2.0**exponent * unit]), unit)[0])
        assert requantize_multiplier(float(made) / unit) == (1 << 14, 14 - exponent)


def test_every_short_scale_is_a_byte_of_its_own() -> None:
    r, t = (axis.ravel() for axis in np.meshgrid(np.arange(16, 32) << 10, np.arange(17, 33)))
    byte = scale_byte(r, t)
    assert sorted(byte.tolist()) == list(range(256))
    assert np.array_equal((16 + (byte >> 4)) << (10 + (byte & 15)), r << (32 - t))


def test_what_is_not_short() -> None:
    short = np.array([1 << 14])
    assert are_short(np.array([32767, -5]), short)
    assert not are_short(np.array([32768, 1]), short)
    assert not are_short(np.array([0]), short + 1)
