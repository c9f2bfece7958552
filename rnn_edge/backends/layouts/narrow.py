"""Cores with products of 32 bits at most: four rows side by side, weights and int8 operands moved to unsigned bytes."""

from __future__ import annotations

from . import Column, Linear
from .wide import interleave

GUARD = "RNN_NARROW"

ORIGIN = 128  # RNN_ORIGIN of rnn_portable.h: it stands for zero in a byte


def tables(linear: Linear) -> dict[str, Column]:
    """Fields of rnn_linear.

    An int8 operand x is read as x + 128: W x = W (x + 128) - 128 W 1, the last a part of the bias. It stays
    within int32, as x = -128 everywhere is one of the inputs for which the sums fit.
    """
    offset = ORIGIN * linear.weight.sum(axis=1) if linear.operand == "s8" else 0
    return {
        "weight": Column("uint8_t", interleave(linear.weight + ORIGIN)),
        "bias": Column("int32_t", linear.bias - offset),
        "multiplier": Column("uint16_t", linear.r),
        "shift": Column("uint8_t", linear.t - 17),
    }
