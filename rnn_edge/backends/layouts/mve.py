"""Cores with vectors of 16 bytes (Cortex-M55, M85): the weights row after row, nothing padded."""

from __future__ import annotations

import numpy as np

from . import Column, Field, Linear

GUARD = "RNN_MVE"


def fields(linear: Linear) -> dict[str, Field]:
    """`weight` [rows, columns]; `bias` and `multiplier` = r * 2^(32 - t) < 2^30 [rows], as rnn_mve.h reads them.

    The weights begin at a multiple of 8 bytes, which is what these cores read at once; rnn_mve.h needs no alignment.
    """
    return {
        "weight": Column("int8_t", linear.weight, "__attribute__((aligned(8)))"),
        "bias": Column("int32_t", linear.bias),
        "multiplier": Column("int32_t", np.left_shift(linear.r, 32 - linear.t)),
    }
