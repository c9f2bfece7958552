"""A matrix-vector product and its tables, whatever the core."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ..ir.arithmetic import IntArray


@dataclass(frozen=True)
class Linear:
    """A product y = sat16((2^headroom * (W x + b) * r + 2^(t - 1)) >> t), one r and t a row, 17 <= t <= 32.

    `weight` [rows, columns] in -127 to 127; `bias`, `r` (2^14 to 2^15 - 1) and `t` [rows]; `operand`: s8 or s16, of x.
    For every row and x, |W x + b| * 2^headroom < 2^31; where the operand is s8, |W x + b| < 2^23 and headroom <= 8.
    `saturates`: false where it is proven that no x needs sat16.
    """

    weight: IntArray
    bias: IntArray
    r: IntArray
    t: IntArray
    headroom: int
    operand: str
    saturates: bool


class Column(NamedTuple):
    """One constant table: a C type, its integers [n] or [rows, n], and an attribute of its definition."""

    ctype: str
    content: IntArray
    attribute: str = ""


Field = Column | int
"""What a field of `rnn_linear` holds: the address of a table, or a number."""
