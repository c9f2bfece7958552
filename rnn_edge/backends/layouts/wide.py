"""Cores with products of 64 bits, in plain C: eight rows side by side, multipliers of 32 bits."""

from __future__ import annotations

import numpy as np

from ...ir.arithmetic import IntArray
from . import Column, Field, Linear

GUARD = "RNN_WIDE"

OCTET = 8  # rows side by side


def interleave(weight: IntArray) -> IntArray:
    """`weight` [rows, columns] as rnn_portable.h reads it [rows * columns].

    For every eight rows, column by column the eight weights of the column; the rows % 8 last rows as they are.
    """
    rows, columns = weight.shape
    in_octets = rows // OCTET * OCTET
    octets = weight[:in_octets].reshape(-1, OCTET, columns).transpose(0, 2, 1)
    return np.concatenate([octets.ravel(), weight[in_octets:].ravel()])


def fields(linear: Linear) -> dict[str, Field]:
    """Fields of rnn_linear: the multiplier is r * 2^(32 - t), below 2^30 as t >= 17."""
    return {
        "saturates": int(linear.saturates),
        "weight": Column("int8_t", interleave(linear.weight)),
        "bias": Column("int32_t", linear.bias),
        "multiplier": Column("int32_t", np.left_shift(linear.r, 32 - linear.t)),
    }
