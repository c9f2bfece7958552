"""Weights, biases and scales as integers, of 8 bits a weight or of 4."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .cells import FloatArray, Linear
from .errors import UserError
from .ir.arithmetic import IntArray
from .ir.ops import faulty_rows, requantization
from .ir.program import Value
from .ir.short_rows import LARGEST_WEIGHT, TABLE_STEP, short_bias, short_scale
from .rounding import CUT, least_error, rounded
from .usage import Lookups, Operand

WEIGHT_BITS = (8, 4)


def quantize_rows(
    linear: Linear, x: Value, y_scale: float, name: str, bits: int = 8, operand: Operand | None = None
) -> tuple[NDArray[np.int8], NDArray[np.int64], NDArray[np.float32]]:
    """Weight `[rows, columns]`, bias `[rows]` (zero point folded in) and scale `[rows]` of a matvec.

    One scale a row. The floors keep the bias below 2^30 and the shift of a row of nearly no weights in its range;
    where an accumulator could still pass 32 bits the row's scale is doubled until the bound holds. Weights of 4 bits
    are rounded for what `operand` says they meet, each to the nearest where it is not known.
    """
    end, unit = (1 << (bits - 1)) - 1, y_scale / x.scale
    largest, bias = np.abs(linear.weight).max(axis=1), np.abs(linear.bias)
    floor = np.maximum(bias / (x.scale * 2.0**30), unit * 2.0**-16)
    scale = np.maximum(largest / end, floor)
    if bits == 4:
        scales = short_scale(np.maximum(CUT * largest / end, floor), unit)
        scale = least_error(linear.weight, scales, end, None if operand is None else operand.covariance)
    for _ in range(16):
        row_scale = scale.astype(np.float32)
        exact = row_scale.astype(np.float64)
        weight, real_bias = _rounded(linear, exact, end, operand if bits == 4 else None)
        integer_bias = np.rint(real_bias / (exact * x.scale)).astype(np.int64)
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


def _rounded(linear: Linear, scale: FloatArray, end: int, operand: Operand | None) -> tuple[IntArray, FloatArray]:
    """Integer weights, and the bias as real numbers that takes up what these change in the mean."""
    if operand is None:
        return rounded(linear.weight, scale, end, None).astype(np.int64), linear.bias
    weight = rounded(linear.weight, scale, end, operand.covariance)
    error = weight * scale[:, None] - linear.weight
    return weight.astype(np.int64), linear.bias - error @ operand.mean


def table_scale(table: FloatArray, peak: float, bits: int, lookups: Lookups | None) -> float:
    """The scale of the elements of an embedding, int8, up to `peak`."""
    if bits == 8:
        return peak / 127
    scales, gram = peak * CUT[:, 0] / LARGEST_WEIGHT, None if lookups is None else lookups.gram
    weight = np.ones(len(table)) if lookups is None else lookups.counts
    errors = [rounded(table, np.full(len(table), scale), LARGEST_WEIGHT, gram) * scale - table for scale in scales]
    losses = [weight @ ((error if gram is None else error @ gram) * error).sum(axis=1) for error in errors]
    return float(scales[np.argmin(losses)]) / TABLE_STEP


def quantize_table(table: FloatArray, scale: float, bits: int, lookups: Lookups | None) -> NDArray[np.int8]:
    """An embedding at `scale`; of 4 bits, elements are 16 times -7 to 7."""
    step, end = (1, 127) if bits == 8 else (TABLE_STEP, LARGEST_WEIGHT)
    gram = None if lookups is None or bits == 8 else lookups.gram
    return (step * rounded(table, np.full(len(table), step * scale), end, gram)).astype(np.int8)
