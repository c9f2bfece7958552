"""The body of a step function in C: pointers to the values of each layer, then one call an operation."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from ..ir.ops import mul_shift, rescale_shift
from ..ir.plan import INPUT, OUTPUT, SCRATCH, Copy, Part, Place
from ..ir.program import Op, Program
from .c_text import identifier, with_notes


@dataclass(frozen=True)
class Call:
    """One kind of operation: the kernel it calls, the equation beside it, and a number that the kernel needs.

    Both texts take {y}, {a} and {b}; the kernel also {n} (elements of y), {p} (the number), {in_type} (s8 or s16, of a)
    and {data} (prefix of its tables).
    """

    kernel: str
    equation: str
    parameter: Callable[[Program, Op], int] = lambda program, op: 0


def _fraction(program: Program, op: Op) -> int:
    return program.values[op.inputs[0]].fraction


CALLS: dict[str, Call] = {
    "matvec": Call("rnn_matvec_{in_type}_s16({y}, {a}, &{data}_linear);", "{y} = W {a} + b"),
    "add": Call("rnn_add_s16({y}, {a}, {b}, {n});", "{y} = {a} + {b}"),
    "sub": Call("rnn_sub_s16({y}, {a}, {b}, {n});", "{y} = {a} - {b}"),
    "mul": Call("rnn_mul_s16({y}, {a}, {b}, {p}, {n});", "{y} = {a} * {b}", mul_shift),
    "rescale": Call("rnn_rescale_s16_s8({y}, {a}, {p}, {n});", "{y} = {a} in 8 bits", rescale_shift),
    "sigmoid": Call("rnn_sigmoid_s16({y}, {a}, {p}, {n});", "{y} = sigmoid({a})", _fraction),
    "tanh": Call("rnn_tanh_s16({y}, {a}, {p}, {n});", "{y} = tanh({a})", _fraction),
    "relu": Call("rnn_relu_s16({y}, {a}, {n});", "{y} = max({a}, 0)"),
    "gather": Call("rnn_gather_s8({y}, {data}_table, {a}, {n});", "{y} = table[{a}]"),
}
"""Every kind but slice, which is a pointer into its parent and no call."""


def function_body(program: Program, part: Part, trace: bool) -> str:
    """The statements of one part of a step, without braces."""
    writer = _Writer(program, part, trace)
    sections = ["\n".join(lines) for lines in writer.sections() if lines]
    text = "\n\n".join(sections)
    opening = [f"    (void){name};" for name in writer.parameters() if not re.search(rf"\b{name}\b", text)]
    if part.scratch:
        opening.append(f"    int16_t scratch[{part.scratch}];")
    return "\n\n".join(["\n".join(opening), text] if opening else [text])


class _Writer:
    def __init__(self, program: Program, part: Part, trace: bool) -> None:
        self.program, self.part, self.trace = program, part, trace
        self._values = program.values
        self._layers = _layers(program, part)
        self._locals = _local_names(self._layers)
        self._read = _read_names(part, trace)
        self._slices = {op.output: op for op in part.ops if op.kind == "slice"}
        self._terms: dict[str, str] = {}  # value without a name in the equations -> what it stands for

    def parameters(self) -> list[str]:
        """The parameters of the function that this part becomes."""
        names = {place.area for place in self.part.places.values()}
        return ["state", *([self._input] if INPUT in names else [])]

    def sections(self) -> Iterator[list[str]]:
        for layer, ops in groupby(self.part.ops, lambda op: self._layers[op.output]):
            yield self._section(layer, list(ops))
        yield with_notes([self._copy(copy) for copy in self.part.copies], indent=4)

    def _section(self, layer: str, ops: list[Op]) -> list[str]:
        title = [f"    /* {layer} */"] if layer else []
        pointers = [line for op in ops for line in self._pointer(op)]
        calls = [line for op in ops for line in self._call(op, layer)]
        return title + pointers + ([""] if pointers and calls else []) + with_notes(calls, indent=4)

    # pointers

    def _pointer(self, op: Op) -> Iterator[str]:
        """Declaration of a value that is neither an array of the caller nor a state, where it is read at all."""
        name, place = op.output, self.part.places[op.output]
        if op.kind == "slice":
            if name in self._read:
                parent = self.expression(op.inputs[0])
                yield f"    const int16_t *const {self._local(name)} = {parent} + {op.begin};"
        elif place.area == SCRATCH:
            yield f"    {self._values[name].dtype}_t *const {self._local(name)} = {self._in_scratch(name, place)};"

    def expression(self, name: str) -> str:
        """How the step says a value: a parameter, a state, or a pointer that `_pointer` declared."""
        place = self.part.places[name]
        if name in self._slices or place.area == SCRATCH:
            return self._local(name)
        return self._at(name, place)

    def _at(self, name: str, place: Place) -> str:
        match place.area:
            case "input":
                return self._input
            case "output":
                return "y"
            case "state":
                pointer = f"state->{identifier(place.state, self.program.name)}"
                return f"{pointer} + {place.offset}" if place.offset else pointer
        return self._in_scratch(name, place)

    def _in_scratch(self, name: str, place: Place) -> str:
        pointer = f"scratch + {place.offset}"
        return pointer if self._values[name].dtype == "int16" else f"(int8_t *)({pointer})"

    @property
    def _input(self) -> str:
        return "token" if self.program.tokens is not None else "x"

    def _local(self, name: str) -> str:
        return identifier(self._locals.get(name, name), self.program.name)

    # calls

    def _call(self, op: Op, layer: str) -> Iterator[tuple[str, str]]:
        """Statement and equation."""
        if op.kind != "slice":
            call, in_value = CALLS[op.kind], self._values[op.inputs[0]]
            facts = {
                "n": self._values[op.output].size,
                "p": call.parameter(self.program, op),
                "in_type": "s8" if in_value.dtype == "int8" else "s16",
                "data": f"{self.program.name}_{op.output}",
            }
            names = dict(zip("yab", (op.output, *op.inputs), strict=False))
            pointers = {key: self.expression(name) for key, name in names.items()}
            said = {key: self._said(name, layer, op.kind, key) for key, name in names.items()}
            said |= {key: pointer for key, pointer in pointers.items() if pointer in ("y", "token")}
            equation = call.equation.format(**said)
            if _TEMPORARY.fullmatch(op.output):
                self._terms[op.output] = equation.partition(" = ")[2]
                equation = ""
            yield call.kernel.format(**pointers, **facts), equation
        if self.trace:
            value = self._values[op.output]
            kind = "s8" if value.dtype == "int8" else "s16"
            yield f'rnn_trace_{kind}("{op.output}", {self.expression(op.output)}, {value.size});', ""

    def _said(self, name: str, layer: str, kind: str, role: str) -> str:
        """An operand as the equations say it: the name of a value, or the term that an unnamed one stands for."""
        term = self._terms.get(name)
        if term is None:
            return _short(name, layer)
        is_sum = " + " in term or " - " in term
        return f"({term})" if is_sum and (kind == "mul" or role == "b") else term

    def _copy(self, copy: Copy) -> tuple[str, str]:
        value = self._values[copy.value]
        source = self._at(copy.value, copy.source)
        if copy.source == self.part.places[copy.value]:
            source = self.expression(copy.value)
        target = self._at(copy.value, copy.target)
        meaning = "y" if copy.target.area == OUTPUT else copy.target.state or "kept"
        return f"memcpy({target}, {source}, {value.size} * sizeof({value.dtype}_t));", f"{meaning} = {copy.value}"


def _read_names(part: Part, trace: bool) -> set[str]:
    """Values that some statement reads; a slice of which nothing reads anything needs no pointer."""
    read = {copy.value for copy in part.copies}
    for op in reversed(part.ops):
        if op.kind != "slice" or op.output in read or trace:
            read.update(op.inputs)
            read.update([op.output] if trace else [])
    return read


_TEMPORARY = re.compile(r"\w+_t\d+")
_LAYER = re.compile(r"(\w*?[A-Za-z]\d+)_\w+")


def _short(name: str, layer: str) -> str:
    return name.removeprefix(f"{layer}_")


def _local_names(layers: Mapping[str, str]) -> dict[str, str]:
    """Value -> its name without that of its layer, where this leaves all of them apart; otherwise its own name."""
    short = {name: _short(name, layer) for name, layer in layers.items()}
    clear = len(set(short.values())) == len(short) and all(name[0].isalpha() for name in short.values())
    return short if clear else {}


def _layers(program: Program, part: Part) -> dict[str, str]:
    """The heading under which each value is computed: its layer.

    States have no layer in their names: a new one belongs to what was computed before it, one narrowed for a product
    to that product.
    """
    states = {state.name for state in program.states}
    readers = {name: op.output for op in reversed(part.ops) for name in op.inputs}
    layers: dict[str, str] = {}
    layer = ""
    for op in part.ops:
        name = readers.get(op.output, op.output) if op.kind == "rescale" else op.output
        match = _LAYER.fullmatch(name)
        layer = match[1] if match and match[1] not in states else layer
        layers[op.output] = layer
    return layers
