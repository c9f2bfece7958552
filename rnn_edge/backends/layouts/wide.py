"""Cores with products of 64 bits, in plain C: four rows side by side, multipliers of 32 bits."""

from __future__ import annotations

import numpy as np

from ...ir.arithmetic import IntArray
from . import Column, Linear

GUARD = "RNN_WIDE"


def interleave(weight: IntArray) -> IntArray:
    """`weight` [rows, columns] as rnn_portable.h reads it [rows * columns].

    For every four rows, column by column the four weights of the column; the rows % 4 last rows as they are.
    """
    rows, columns = weight.shape
    quads = rows // 4
    interleaved = weight[: 4 * quads].reshape(quads, 4, columns).transpose(0, 2, 1)
    return np.concatenate([interleaved.ravel(), weight[4 * quads :].ravel()])


def tables(linear: Linear) -> dict[str, Column]:
    """Fields of rnn_linear: the multiplier is r * 2^(32 - t), below 2^30 as t >= 17."""
    return {
        "weight": Column("int8_t", interleave(linear.weight)),
        "bias": Column("int32_t", linear.bias),
        "multiplier": Column("int32_t", linear.r << (32 - linear.t)),
    }
