"""Weights of 4 bits, eight a word, as the kernels of rnn_portable4.h read them: on every core without its own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..ir.arithmetic import IntArray
from ..ir.short_rows import bias_shift, scale_byte
from .linear import Column, Field, Linear

ORIGIN = 8
"""What stands for zero in half a byte."""

ROWS = 4
"""Rows side by side."""


def packed(weight: IntArray) -> IntArray:
    """`weight` [rows, columns] in -7 to 7 as rnn_matvec4_s8 reads it [words]."""
    rows, columns = weight.shape
    filled = np.pad(weight, ((0, -rows % ROWS), (0, columns % 2))) + ORIGIN
    pairs = (filled[:, 0::2] | filled[:, 1::2] << 4).reshape(-1, ROWS, filled.shape[1] // 2)
    words: IntArray = np.bitwise_or.reduce(pairs << np.arange(0, 32, 8)[:, None], axis=1)
    return words.ravel()


def packed_fields(linear: Linear) -> dict[str, Field]:
    """Fields of rnn_linear4."""
    return short_fields(linear, Column("uint32_t", packed(linear.weight)))


def short_fields(linear: Linear, weight: Column) -> dict[str, Field]:
    """Fields of an rnn_linear4 with weights in any order: biases and scales of its rows, each a table."""
    shift = bias_shift(linear.bias)
    return {
        "bias_shift": shift,
        "weight": weight,
        "bias": Column("int16_t", linear.bias >> shift),
        "scale": Column("uint8_t", scale_byte(linear.r, linear.t)),
    }


def packed_table(elements: NDArray[np.int8]) -> IntArray:
    """The `elements` [tokens, columns] of an embedding as rnn_gather4_s8 reads them [tokens, bytes of a row]."""
    upper = np.pad(elements.astype(np.int64), ((0, 0), (0, elements.shape[1] % 2))) >> 4 & 15
    pairs: IntArray = upper[:, 0::2] | upper[:, 1::2] << 4
    return pairs
