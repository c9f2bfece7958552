"""How the tables of a matrix-vector product lie in memory: one file for each kind of core, found in this folder."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from ...ir.arithmetic import IntArray


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


@dataclass(frozen=True)
class Layout:
    """A product on one kind of core: field of `rnn_linear`, beside its sizes -> what it holds."""

    guard: str  # the macro of rnn_core.h
    fields: Callable[[Linear], dict[str, Field]]


@cache
def all_layouts() -> dict[str, Layout]:
    """Every layout found in this folder, by the name of its file."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    modules = {name: importlib.import_module(f"{__name__}.{name}") for name in names}
    return {name: Layout(module.GUARD, module.fields) for name, module in modules.items()}
