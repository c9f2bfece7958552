"""Cores with products of 32 bits at most: eight rows side by side, weights and int8 operands as unsigned bytes."""

from __future__ import annotations

from . import Column, Field, Linear
from .wide import interleave

GUARD = "RNN_NARROW"

ORIGIN = 128  # RNN_ORIGIN of rnn_core.h: what stands for zero in a byte


def fields(linear: Linear) -> dict[str, Field]:
    """Fields of rnn_linear; a multiplier has 2 r in its upper half and a shift in its lowest byte.

    An int8 operand x is read as x + 128, which adds 128 sum(w) to a row: the bias takes it away again. That stays
    within int32: x = -128 everywhere is one of the inputs for which |W x + b| < 2^31.
    """
    shift = linear.t - linear.headroom - 7 if linear.operand == "s8" else linear.t - 15
    moved = ORIGIN * linear.weight.sum(axis=1) if linear.operand == "s8" else 0
    return {
        "saturates": int(linear.saturates),
        "weight": Column("uint8_t", interleave(linear.weight + ORIGIN)),
        "bias": Column("int32_t", linear.bias - moved),
        "multiplier": Column("uint32_t", linear.r << 17 | shift),
    }
