"""What the weights of a product prove: that 32-bit accumulators and a high multiply do, and that no row saturates."""

from __future__ import annotations

from .ops import Requantization, op_requantization
from .program import Op, Program

LEAST, MOST = 17, 32
"""Shifts t + headroom for which r * 2^(32 - t - headroom) is an int32 below 2^30 and loses no bit."""

_PAIRED_BITS = 23
_LARGEST = (1 << 15) - 1


def headroom(program: Program, op: Op) -> int | None:
    """Bits by which the accumulators of a matvec may and have to go left before they are requantized; None where some
    row needs 64 bits.

    With a = headroom: |acc| * 2^a < 2^31 and 17 <= t + a <= 32 for every row. Of an int8 vector also |acc| < 2^23, so
    that two rows can share an accumulator (256 * acc + acc'), and a <= 8, so that 16 bits of acc * 2^-8 do for narrow
    multipliers.
    """
    _, t, bound = op_requantization(program, op)
    bits = max(0, LEAST - int(t.min()))
    paired = program.values[op.inputs[0]].dtype == "int8"
    most = min(1 << (31 - bits), 1 << _PAIRED_BITS) if paired else 1 << (31 - bits)
    fits = int(bound.max()) < most and int(t.max()) + bits <= MOST and bits <= (8 if paired else 31)
    return bits if fits else None


def saturates(rows: Requantization) -> bool:
    """Whether sat16 may change the result of some row: false where (bound * r + 2^(t - 1)) >> t fits int16 for all.

    bound * r < 2^46. A negative sum rounds to at least minus that.
    """
    largest = (rows.bound * rows.r + (1 << (rows.t - 1))) >> rows.t
    return bool(largest.max() > _LARGEST)
