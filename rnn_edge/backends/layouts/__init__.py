"""How the tables of a matrix-vector product lie in memory: one file for each kind of core, found in this folder."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from ..linear import Column, Field, Linear
from ..nibbles import packed_fields

__all__ = ["Column", "Field", "Layout", "Linear", "all_layouts"]


@dataclass(frozen=True)
class Layout:
    """A product on one kind of core: field of `rnn_linear`, beside its sizes -> what it holds.

    `packed`: the same of `rnn_linear4`, where all weights are -7 to 7, biases and multipliers short.
    """

    guard: str  # the macro of rnn_core.h
    fields: Callable[[Linear], dict[str, Field]]
    packed: Callable[[Linear], dict[str, Field]]


@cache
def all_layouts() -> dict[str, Layout]:
    """Every layout found in this folder, by the name of its file; without `packed_fields` weights of 4 bits lie as in
    nibbles.py."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    modules = {name: importlib.import_module(f"{__name__}.{name}") for name in names}
    return {
        name: Layout(module.GUARD, module.fields, getattr(module, "packed_fields", packed_fields))
        for name, module in modules.items()
    }
