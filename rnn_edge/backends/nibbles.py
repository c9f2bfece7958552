"""Weights of 4 bits, two a byte, as the plain kernels of rnn_kernels.c read them: on every core without its own."""

from __future__ import annotations

import numpy as np

from ..ir.arithmetic import IntArray
from .linear import Column, Field, Linear

LARGEST = 7

ORIGIN = 8
"""What stands for zero in half a byte."""

ROWS = 4
"""Rows side by side."""


def packed(weight: IntArray) -> IntArray:
    """`weight` [rows, columns] in -7 to 7 as rnn_matvec4_s8 reads it [bytes]."""
    rows, columns = weight.shape
    filled = np.pad(weight, ((0, -rows % ROWS), (0, columns % 2))) + ORIGIN
    pairs = filled[:, 0::2] | filled[:, 1::2] << 4
    return pairs.reshape(-1, ROWS, pairs.shape[1]).transpose(0, 2, 1).ravel()


def packed_fields(linear: Linear) -> dict[str, Field]:
    """Fields of rnn_linear4: a multiplier has 2 r in its upper half and a shift in its lowest byte."""
    return {
        "weight": Column("uint8_t", packed(linear.weight)),
        "bias": Column("int32_t", linear.bias),
        "multiplier": Column("uint32_t", linear.r << 17 | (linear.t - 15)),
    }
