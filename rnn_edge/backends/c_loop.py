"""One loop over the elements in C: the operations as nested calls, a name for whatever is read twice."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..ir.elements import mul_shift, rescale_shift
from ..ir.plan import LOCAL, Part
from ..ir.program import Op, Program
from ..ir.statements import Loop
from .c_names import Names
from .c_text import WIDTH, broken


@dataclass(frozen=True)
class Call:
    """One kind of operation: its function on lanes, with {a}, {b} and {p}, the number that it needs."""

    text: str
    parameter: Callable[[Program, Op], int] = lambda program, op: 0


def _fraction(program: Program, op: Op) -> int:
    return program.values[op.inputs[0]].fraction


CALLS: dict[str, Call] = {
    "add": Call("rnn_add({a}, {b})"),
    "sub": Call("rnn_sub({a}, {b})"),
    "mul": Call("rnn_mul({a}, {b}, {p})", mul_shift),
    "rescale": Call("rnn_rescale({a}, {p})", rescale_shift),
    "shift": Call("rnn_shift({a}, {p})", rescale_shift),
    "sigmoid": Call("rnn_sigmoid({a}, {p})", _fraction),
    "tanh": Call("rnn_tanh({a}, {p})", _fraction),
    "relu": Call("rnn_relu({a})"),
    "maximum": Call("rnn_maximum({a}, {b})"),
}
"""Every kind that works element by element."""


def loop_lines(program: Program, part: Part, number: int, names: Names, indent: int) -> list[str]:
    """The lines of the loop that is statement `number` of a part."""
    writer = _Writer(program, part, number, names)
    space = " " * indent
    lines = _fitting(writer, indent + 4)
    single = len(lines) == 1 and "\n" not in lines[0]
    head = f"{space}for (int i = 0; i < {writer.loop.size}; i += RNN_LANES)"
    body = [f"{space}    {line}" for line in lines]
    return [head, *body] if single else [f"{head} {{", *body, f"{space}}}"]


def copy_lines(target: str, source: str, size: int, note: str, indent: int) -> list[str]:
    """The lines that move int16 from one array to another."""
    space = " " * indent
    return [
        f"{space}/* {note} */",
        f"{space}for (int i = 0; i < {size}; i += RNN_LANES)",
        f"{space}    rnn_store({target}, i, {size}, rnn_load({source}, i, {size}));",
    ]


def _fitting(writer: _Writer, indent: int) -> list[str]:
    """The statements of the body, with one more name for a nested call as long as a line is too wide."""
    while True:
        lines = list(writer.lines())
        wide = next((line for line in lines if indent + len(line) > WIDTH), None)
        if wide is None or not writer.name_one_more(wide):
            return [part.removeprefix(" " * indent) for line in lines for part in broken(" " * indent + line)]


class _Writer:
    def __init__(self, program: Program, part: Part, number: int, names: Names) -> None:
        loop = part.statements.order[number]
        assert isinstance(loop, Loop)
        self.loop = loop
        self._program, self._part, self._names = program, part, names
        self._reads = Counter(name for op in loop.ops for name in op.inputs)
        self._own = {op.output: op for op in loop.ops}
        self._named = {name for name in self._own if self._wants_name(name)}
        self._taken: set[str] = set()

    def _wants_name(self, name: str) -> bool:
        """A value with a name in the equations, or read more than once; one that is only stored needs none."""
        uses = self._reads[name] + (name in self.loop.stores)
        return uses > 1 or (not re.fullmatch(r"\w+_t\d+", name) and name not in self.loop.stores)

    def lines(self) -> Iterator[str]:
        """Loads that need a name, values, stores."""
        self._text: dict[str, str] = {}
        for name in dict.fromkeys(name for op in self.loop.ops for name in op.inputs if name not in self._own):
            if self._reads[name] > 1 or self._is_overwritten(name):
                yield self._named_as(name, self._load(name))
            else:
                self._text[name] = self._load(name)
        for op in self.loop.ops:
            call = CALLS[op.kind]
            terms = dict(zip("ab", (self._text[name] for name in op.inputs), strict=False))
            text = call.text.format(**terms, p=call.parameter(self._program, op))
            if op.output in self._named:
                yield self._named_as(op.output, text)
            else:
                self._text[op.output] = text
        for name in self.loop.stores:
            yield self._store(name)

    def name_one_more(self, line: str) -> bool:
        """Give a name to the largest nested call within a line; is there one?"""
        nested = [name for name in self._own if name not in self._named and self._text[name] in line]
        nested = [name for name in nested if name not in self.loop.stores] or nested
        if not nested:
            return False
        self._named.add(max(nested, key=lambda name: len(self._text[name])))
        return True

    def _named_as(self, name: str, text: str) -> str:
        """A definition; from then on the value is its name."""
        is_array = any(place.area == LOCAL and place.name == name for place in self._part.places.values())
        self._text[name] = self._names.register(name, is_array)
        return f"const rnn_lanes {self._text[name]} = {text};"

    def _is_overwritten(self, name: str) -> bool:
        """Does one of several stores write where it is read? They follow each other, and it has to be read before."""
        places = [self._part.find(stored)[0] for stored in self.loop.stores]
        return len(places) > 1 and self._part.find(name)[0] in places

    def _load(self, name: str) -> str:
        place, offset = self._part.find(name)
        return f"rnn_load({self._names.pointer(place, offset)}, i, {self.loop.size})"

    def _store(self, name: str) -> str:
        place, offset = self._part.find(name)
        kind = "" if self._program.values[name].dtype == "int16" else "_operand" if place.area == LOCAL else "_s8"
        target = self._names.pointer(place, offset)
        return f"rnn_store{kind}({target}, i, {self.loop.size}, {self._text[name]});"
