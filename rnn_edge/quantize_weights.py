"""Weights, biases and scales as integers, of 8 bits a weight or of 4."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .cells import FloatArray, Linear
from .errors import UserError
from .ir.ops import faulty_rows, requantization
from .ir.program import Value
from .ir.short_rows import short_bias, short_scale

WEIGHT_BITS = (8, 4)

_CUT = np.linspace(0.5, 1.0, 26)[:, None]
"""Where weights of 4 bits may end, as shares of the largest: with few bits it pays to cut."""

_UPPER, _LARGEST_UPPER = 16, 7
"""An element of an embedding with 4 bits is an int8 with no others than its upper ones."""


def quantize_rows(
    linear: Linear, x: Value, y_scale: float, name: str, bits: int = 8
) -> tuple[NDArray[np.int8], NDArray[np.int64], NDArray[np.float32]]:
    """Weight `[rows, columns]`, bias `[rows]` (zero point folded in) and scale `[rows]` of a matvec.

    One scale a row. The floors keep the bias below 2^30 and the shift of a row of nearly no weights in its range;
    where an accumulator could still pass 32 bits the row's scale is doubled until the bound holds.
    """
    end, unit = (1 << (bits - 1)) - 1, y_scale / x.scale
    largest, bias = np.abs(linear.weight).max(axis=1), np.abs(linear.bias)
    floor = np.maximum(bias / (x.scale * 2.0**30), unit * 2.0**-16)
    scale = np.maximum(largest / end, floor)
    if bits == 4:
        scale = _least_error(linear.weight, short_scale(np.maximum(largest * _CUT / end, floor), unit), end)
    for _ in range(16):
        row_scale = scale.astype(np.float32)
        exact = row_scale.astype(np.float64)[:, None]
        weight = np.clip(np.rint(linear.weight / exact), -end, end).astype(np.int64)
        integer_bias = np.rint(linear.bias / (exact[:, 0] * x.scale)).astype(np.int64)
        integer_bias -= x.zero_point * weight.sum(axis=1)
        if bits == 4:
            integer_bias = short_bias(integer_bias)
        rows = requantization(weight, integer_bias, row_scale, x, y_scale)
        faulty = faulty_rows(rows)
        if not len(faulty):
            return weight.astype(np.int8), integer_bias, row_scale
        scale[faulty] *= 2
    raise UserError(
        f"Row {faulty[0]} of {name} has weights up to {largest[faulty[0]]:.3g} and a bias of {bias[faulty[0]]:.3g}, "
        "too large for 32-bit accumulators: train with weight decay or gradient clipping, or scale the input."
    )


def table_scale(table: FloatArray, peak: float, bits: int) -> float:
    """The scale of the elements of an embedding, int8, up to `peak`."""
    if bits == 8:
        return peak / 127
    return float(_least_error(table.reshape(1, -1), peak * _CUT / _LARGEST_UPPER, _LARGEST_UPPER)[0]) / _UPPER


def quantize_table(table: FloatArray, scale: float, bits: int) -> NDArray[np.int8]:
    """An embedding at `scale`; of 4 bits, elements are 16 times -7 to 7."""
    step, end = (1, 127) if bits == 8 else (_UPPER, _LARGEST_UPPER)
    elements: NDArray[np.float64] = np.rint(table / (scale * step)).clip(-end, end) * step
    return elements.astype(np.int8)


def _least_error(weight: FloatArray, scales: FloatArray, end: int) -> FloatArray:
    """For each row that of `scales` [n, rows] whose rounded weights, cut to -end to end, are nearest."""
    rounded = np.clip(np.rint(weight / scales[..., None]), -end, end) * scales[..., None]
    best = np.square(rounded - weight).sum(axis=2).argmin(axis=0)
    return np.asarray(scales[best, np.arange(len(weight))])
