"""The names of arrays and values inside a step function in C."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..ir.plan import LOCAL, Part, Place
from ..ir.program import Program
from .c_text import identifier

_LAYER = re.compile(r"(\w*?[A-Za-z]\d+)_\w+")


class Names:
    """Short and apart: a value without the name of its layer where that is clear."""

    def __init__(self, program: Program, part: Part) -> None:
        self._program = program
        arrays = [place.name for place in part.places.values() if place.area == LOCAL]
        arrays += [copy.target.name for copy in part.copies if copy.target.area == LOCAL]
        values = [op.output for statement in part.statements.order for op in statement.ops]
        self._short = _clear(dict.fromkeys([*arrays, *values, *part.statements.defined]), layers(program, part))
        self._all = set(self._short.values()) or {*arrays, *values, *part.statements.defined}

    @property
    def input(self) -> str:
        return "token" if self._program.tokens is not None else "x"

    def array(self, name: str) -> str:
        """A local array."""
        return identifier(self._short.get(name, name), self._program.name)

    def register(self, value: str, is_array: bool) -> str:
        """The elements of a value that a loop is at; `is_array`: there is an array of this name as well."""
        name = self.array(value)
        while is_array and (name == self.array(value) or name in self._all):
            name += "_i"
        return name

    def pointer(self, place: Place, offset: int) -> str:
        """Where an array is, from element `offset` on."""
        match place.area:
            case "input":
                base = self.input
            case "output":
                base = "y"
            case "state":
                base = f"state->{identifier(place.name, self._program.name)}"
            case _:
                base = self.array(place.name)
        return f"{base} + {offset}" if offset else base


def short(name: str, layer: str) -> str:
    return name.removeprefix(f"{layer}_")


def _clear(names: Mapping[str, None], layers: Mapping[str, str]) -> dict[str, str]:
    """Name -> itself without that of its layer, where this leaves all of them apart; otherwise nothing."""
    made = {name: short(name, layers.get(name, "")) for name in names}
    apart = len(set(made.values())) == len(made) and all(name[0].isalpha() for name in made.values())
    return made if apart else {}


def _own_layer(name: str) -> str:
    match = _LAYER.fullmatch(name)
    return match[1] if match else ""


def layers(program: Program, part: Part) -> dict[str, str]:
    """The heading under which each value is computed: its layer.

    States have no layer in their names: a new one belongs to what was computed before it, one narrowed for a product
    to that product.
    """
    ops = [op for statement in part.statements.order for op in statement.ops]
    states = {state.name for state in program.states}
    readers = {name: op.output for op in reversed(ops) for name in op.inputs}
    found: dict[str, str] = {}
    layer = ""
    for op in ops:
        name = readers.get(op.output, op.output) if op.kind == "rescale" else op.output
        own = _own_layer(name)
        layer = own if own and own not in states else layer
        found[op.output] = layer
    for name in [*part.statements.defined, *part.places]:
        own = _own_layer(name)
        found.setdefault(name, "" if own in states else own)
    return found
