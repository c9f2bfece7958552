"""Quantization of the input: the definition of `<model>_quantize_input` and `<model>_quantize_raw` in C.

Both fold the normalization `(x - mean) / deviation` into one gain and one offset a channel.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from .arithmetic import IntArray
from .program import Program

FloatChannels = tuple[NDArray[np.float32], NDArray[np.float32]]

RAW_SHIFT = 40
"""Finest shift of a raw channel: 2^15 counts times an error of 2^-41 in the gain are far below one step."""


def float_channels(program: Program) -> FloatChannels:
    """Gain and offset of every channel, float32 `[inputs]` each; UserError where a gain is no normal float32."""
    value = program.values[program.input]
    step = program.constants["input_deviation"] * value.scale
    with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
        gain = (1.0 / step).astype(np.float32)
        offset = (value.zero_point - program.constants["input_mean"] / step).astype(np.float32)
    normal = np.isfinite(gain) & (gain >= np.finfo(np.float32).tiny) & np.isfinite(offset)
    if not normal.all():
        channel = int(np.flatnonzero(~normal)[0])
        raise UserError(
            f"Input {channel} has deviation {program.constants['input_deviation'][channel]:.3g} and mean "
            f"{program.constants['input_mean'][channel]:.3g}, too far apart for float32; scale the data and train anew."
        )
    return gain, offset


def from_float(program: Program, x: NDArray[np.generic]) -> IntArray:
    """Physical values `[..., inputs]` as integers of the input format; NaN becomes the lowest integer.

    float32 throughout: the product is rounded before the offset is added, the sum is clipped and rounded half up.
    Tokens stay what they are; UserError where one is out of range.
    """
    if program.tokens is not None:
        return _tokens(program, x)
    gain, offset = float_channels(program)
    low, high = _limits(program)
    with np.errstate(over="ignore", invalid="ignore"):
        value = x.astype(np.float32) * gain + offset
        clipped = np.where(value > np.float32(low), np.minimum(value, np.float32(high)), np.float32(low))
    # float64 holds v + 1/2 of a float32 v of this range closely enough that the floor is that of the exact sum
    rounded: IntArray = np.floor(clipped.astype(np.float64) + 0.5).astype(np.int64)
    return rounded


def to_float(program: Program, x: IntArray) -> NDArray[np.float64]:
    """Physical values `[..., inputs]` that integers of the input format stand for, each in the middle of its step."""
    value = program.values[program.input]
    normalized = (x - value.zero_point) * value.scale
    real: NDArray[np.float64] = normalized * program.constants["input_deviation"] + program.constants["input_mean"]
    return real


def raw_channels(program: Program) -> tuple[IntArray, IntArray, IntArray]:
    """Gain (0 to 2^31 - 1), offset (|offset| < 2^61) and shift (0 to 40) of every channel, for `from_raw`.

    Exact rational arithmetic on the float64 constants; the offset carries the half that rounds. UserError where one raw
    count spans more than 2^30 steps of the input.
    """
    value = program.values[program.input]
    mean, deviation = (program.constants[f"input_{name}"].tolist() for name in ("mean", "deviation"))
    rows = [
        _raw_channel(
            channel, Fraction(program.raw_unit), Fraction(m), Fraction(d) * Fraction(value.scale), value.zero_point
        )
        for channel, (m, d) in enumerate(zip(mean, deviation, strict=True))
    ]
    gain, offset, shift = (np.array(column, dtype=np.int64) for column in zip(*rows, strict=True))
    return gain, offset, shift


def from_raw(program: Program, raw: NDArray[np.int16]) -> IntArray:
    """Raw int16 sensor counts `[..., inputs]`, each worth `raw_unit`, as integers of the input format."""
    if program.tokens is not None:
        raise UserError(f"{program.name} takes tokens, not raw sensor counts; give it tokens.")
    gain, offset, shift = raw_channels(program)
    # |raw * gain| <= 2^15 * (2^31 - 1) < 2^46 and |offset| < 2^61: the sum stays below 2^62
    return np.clip((raw.astype(np.int64) * gain + offset) >> shift, *_limits(program))


def _raw_channel(channel: int, unit: Fraction, mean: Fraction, step: Fraction, zero_point: int) -> tuple[int, int, int]:
    gain, offset = unit / step, zero_point - mean / step + Fraction(1, 2)
    for shift in range(RAW_SHIFT, -1, -1):
        scaled = round(gain * 2**shift), round(offset * 2**shift)
        if scaled[0] < 1 << 31 and abs(scaled[1]) < 1 << 61:
            return *scaled, shift
    raise UserError(
        f"Input {channel}: one raw count is {float(gain):.3g} steps of the quantized input, and zero lies at "
        f"{float(offset):.3g}; correct raw_unit in model.toml."
    )


def _tokens(program: Program, x: NDArray[np.generic]) -> IntArray:
    assert program.tokens is not None
    if not np.isin(x, np.arange(program.tokens)).all():
        raise UserError(f"{program.name} takes whole tokens from 0 to {program.tokens - 1}; the input has others.")
    return x.astype(np.int64)


def _limits(program: Program) -> tuple[int, int]:
    bits = 8 if program.values[program.input].dtype == "int8" else 16
    return -(1 << (bits - 1)), (1 << (bits - 1)) - 1
