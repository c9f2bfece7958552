"""Cores with vectors of 16 bytes (Cortex-M55, M85): the weights row after row, nothing padded.

Weights of 4 bits: two rows share a byte, the first in the lower half, in two's complement; the last rows are filled up
to four.
"""

from __future__ import annotations

import numpy as np

from ..nibbles import short_fields
from . import Column, Field, Linear

GUARD = "RNN_MVE"

_ALIGNED = "__attribute__((aligned(8)))"
"""Weights begin at a multiple of what these cores read at once; rnn_mve.h needs no alignment."""


def fields(linear: Linear) -> dict[str, Field]:
    """`weight` [rows, columns]; `bias` and `multiplier` = r * 2^(32 - t) < 2^30 [rows], as rnn_mve.h reads them."""
    return {
        "weight": Column("int8_t", linear.weight, _ALIGNED),
        "bias": Column("int32_t", linear.bias),
        "multiplier": Column("int32_t", np.left_shift(linear.r, 32 - linear.t)),
    }


def packed_fields(linear: Linear) -> dict[str, Field]:
    """`weight` [pairs of rows, columns], as rnn_mve4.h reads them; the rest as in nibbles.py."""
    halves = np.pad(linear.weight, ((0, -len(linear.weight) % 4), (0, 0))) & 15
    return short_fields(linear, Column("uint8_t", halves[0::2] | halves[1::2] << 4, _ALIGNED))
