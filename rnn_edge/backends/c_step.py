"""The body of a step function in C: arrays, then a product or a loop over the elements for each statement."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from ..ir.plan import INPUT, LOCAL, OUTPUT, STATE, Copy, Part, Place, local_arrays
from ..ir.program import Op, Program, Value
from ..ir.statements import Loop, Move, Product
from .c_equations import Equations
from .c_loop import copy_lines, loop_lines
from .c_names import Names
from .c_products import gather_kernel, kernel_of, table_name
from .c_text import with_notes


@dataclass(frozen=True)
class Probes:
    """The calls of a build that watches.

    `trace`: every value is handed to `rnn_trace_*`; `laps`: `rnn_lap` is called after each statement, from this number;
    `gates`: values that are handed to `rnn_count` with their number as soon as they are there, `states`: those whose
    new content is at the end.
    """

    trace: bool = False
    laps: int | None = None
    gates: Mapping[str, int] = field(default_factory=dict)
    states: Mapping[str, int] = field(default_factory=dict)


NO_PROBES = Probes()


def function_body(program: Program, part: Part, probes: Probes = NO_PROBES) -> str:
    """The statements of one part of a step, without braces."""
    writer = _Writer(program, part, probes)
    text = writer.text()
    unused = [f"    (void){name};" for name in writer.parameters() if not re.search(rf"\b{name}\b", text)]
    return "\n\n".join(filter(None, ["\n".join(unused), text]))


def lap_names(program: Program, part: Part) -> list[str]:
    """What each statement computes, as its comment says it in short."""
    equations = Equations(program, part)
    return [equations.summary(statement) for statement in part.statements.order]


def scratch_bytes(program: Program, part: Part) -> int:
    """Most bytes that the arrays of a part take on any core: where int8 operands are widened to int16 by fours."""
    arrays, sections = local_arrays(program, part), _sections(program, part)
    homes = [{name for name in arrays if _home(part, name, sections) == index} for index in range(len(sections))]
    wide = sum(_words(program.values[name]) for name in _operands_of_input(program, part).values())
    everywhere = sum(_words(value) for name, value in arrays.items() if not any(name in home for home in homes))
    return everywhere + wide + max((sum(_words(arrays[name]) for name in home) for home in homes), default=0)


def _words(value: Value) -> int:
    return (value.size + 3) // 4 * 8 if value.dtype == "int8" else 2 * value.size


@dataclass(frozen=True)
class _Section:
    """Statements of one layer: numbers `begin` to `end`."""

    layer: str
    begin: int
    end: int


def _sections(program: Program, part: Part) -> list[_Section]:
    layers = Equations(program, part).layers
    numbered = enumerate(layers[statement.ops[0].output] for statement in part.statements.order)
    runs = [[index for index, _ in run] for _, run in groupby(numbered, lambda pair: pair[1])]
    return [_Section(layers[part.statements.order[run[0]].ops[0].output], run[0], run[-1] + 1) for run in runs]


def _home(part: Part, name: str, sections: Sequence[_Section]) -> int | None:
    """The one section that uses a local array, if it is one."""
    used = {index for index in range(len(part.statements.order)) if name in _uses(part, index)}
    if any(copy.source == Place(LOCAL, name) or copy.target == Place(LOCAL, name) for copy in part.copies):
        return None
    return next((i for i, s in enumerate(sections) if used and s.begin <= min(used) and max(used) < s.end), None)


def _uses(part: Part, index: int) -> set[str]:
    statement = part.statements.order[index]
    values = [*part.statements.reads(index), *(statement.stores if isinstance(statement, Loop) else ())]
    values += [statement.op.output] if isinstance(statement, Move) else []
    targets = {statement.target.array} if isinstance(statement, Product) else set()
    return {part.statements.views[name].array for name in values} | targets


def _operands_of_input(program: Program, part: Part) -> dict[int, str]:
    """The int8 input, or slices of it, that products read: first element -> value."""
    read = [s.op.inputs[0] for s in part.statements.order if isinstance(s, Product)]
    found = {name: part.find(name) for name in read if program.values[name].dtype == "int8"}
    return {offset: name for name, (place, offset) in found.items() if place.area == INPUT}


class _Writer:
    def __init__(self, program: Program, part: Part, probes: Probes) -> None:
        self._program, self._part, self._probes = program, part, probes
        self._names = Names(program, part)
        self._equations = Equations(program, part)
        self._arrays = local_arrays(program, part)
        self._sections = _sections(program, part)
        self._homes = {name: _home(part, name, self._sections) for name in self._arrays}

    def parameters(self) -> list[str]:
        """The parameters of the function that this part becomes."""
        areas = {place.area for place in self._part.places.values()}
        return ["state", *([self._names.input] if INPUT in areas else [])]

    def text(self) -> str:
        shared = [self._declaration(name, 4) for name, home in self._homes.items() if home is None]
        blocks = [self._section(index) for index in range(len(self._sections))]
        copies = "\n".join(line for copy in self._part.copies for line in self._copy(copy))
        before, after = ("\n".join(lines) for lines in (self._given_gates(), self._new_states()))
        return "\n\n".join(filter(None, ["\n".join([*self._widening(), *shared]), before, *blocks, copies, after]))

    def _section(self, number: int) -> str:
        """Its arrays and statements, in braces where other sections have arrays that may take the same memory."""
        section = self._sections[number]
        arrays = [name for name, home in self._homes.items() if home == number]
        braces = bool(arrays) and len(self._sections) > 1
        indent = 8 if braces else 4
        declared = [self._declaration(name, indent) for name in arrays]
        body = self._statements(range(section.begin, section.end), indent)
        title = f"    /* {section.layer} */" if section.layer else ""
        inner = "\n\n".join(filter(None, ["\n".join(declared), body]))
        return "\n".join(filter(None, [title, "    {\n" + inner + "\n    }" if braces else inner]))

    def _declaration(self, name: str, indent: int) -> str:
        value, text = self._arrays[name], self._names.array(name)
        operand = value.dtype == "int8"
        return " " * indent + (f"RNN_OPERAND({text}, {value.size});" if operand else f"int16_t {text}[{value.size}];")

    def _widening(self) -> list[str]:
        """The caller's int8 vector, or slices of it, in the form that products take."""
        lines = []
        for offset, name in sorted(_operands_of_input(self._program, self._part).items()):
            size, apart = self._program.values[name].size, f"_{offset}" if offset else ""
            lines += [
                f"    RNN_WIDENED(x_wide{apart}, {size});",
                f"    const rnn_operand *const x8{apart} = rnn_widen(x_wide{apart}, {self._at(name)}, {size});",
            ]
        return lines

    # statements

    def _statements(self, numbers: range, indent: int) -> str:
        """Calls that follow each other share the column of their notes; a loop has room above and below."""
        blocks: list[list[str]] = []
        calls: list[tuple[str, str]] = []
        for number in numbers:
            statement = self._part.statements.order[number]
            if isinstance(statement, Loop):
                comment = self._equations.comment(statement, indent)
                lines = loop_lines(self._program, self._part, number, self._names, indent)
                blocks += [with_notes(calls, indent), [*comment, *lines]]
                calls = self._watching(number)
            else:
                calls += [*self._calls(statement), *self._watching(number)]
        return "\n\n".join("\n".join(lines) for lines in [*blocks, with_notes(calls, indent)] if lines)

    def _calls(self, statement: Product | Move) -> list[tuple[str, str]]:
        return [self._product(statement)] if isinstance(statement, Product) else self._move(statement.op)

    def _move(self, op: Op) -> list[tuple[str, str]]:
        note, place, offset = self._equations.of(op), *self._part.find(op.output)
        size, target = self._program.values[op.output].size, self._at(op.output)
        match op.kind:
            case "gather":
                kind, table = "s8" if place.area == OUTPUT else "operand", f"{self._program.name}_{op.output}_table"
                kernel = f"gather{gather_kernel(self._program.constants[op.constants[0]])}_{kind}"
                return [(f"rnn_{kernel}({target}, {table}, token, {size});", note)]
            case "widen":
                return [(f"rnn_widen_s16({target}, {self._at(op.inputs[0])}, {size});", note)]
        a, b = (self._program.values[name].size for name in op.inputs)
        behind = self._names.pointer(place, offset + a)
        return [
            (f"memcpy({target}, {self._at(op.inputs[0])}, {a} * sizeof(int16_t));", note),
            (f"memcpy({behind}, {self._at(op.inputs[1])}, {b} * sizeof(int16_t));", ""),
        ]

    def _product(self, statement: Product) -> tuple[str, str]:
        op = statement.op
        place, offset = self._part.places[statement.target.array], statement.target.offset
        kernel = f"matvec{kernel_of(self._program, op)}{'_add' if statement.adds else ''}"
        kind = "s8" if self._program.values[op.inputs[0]].dtype == "int8" else "s16"
        target, x = self._names.pointer(place, offset), self._operand(op)
        linear = f"&{self._program.name}_{table_name(statement)}_linear"
        return f"rnn_{kernel}_{kind}({target}, {x}, {linear});", self._equations.product(statement)

    def _operand(self, op: Op) -> str:
        place, offset = self._part.find(op.inputs[0])
        if place.area != INPUT or self._program.values[op.inputs[0]].dtype != "int8":
            return self._at(op.inputs[0])
        return f"x8_{offset}" if offset else "x8"

    def _at(self, value: str) -> str:
        return self._names.pointer(*self._part.find(value))

    def _watching(self, number: int) -> list[tuple[str, str]]:
        """The calls behind a statement in a build that watches."""
        lines = []
        views, defined = self._part.statements.views, self._part.statements.defined
        there = [name for name, index in defined.items() if index == number and name in views]
        for name in there if self._probes.trace else ():
            value = self._program.values[name]
            kind = "s8" if value.dtype == "int8" else "s16"
            lines.append((f'rnn_trace_{kind}("{name}", {self._at(name)}, {value.size});', ""))
        lines += [(self._count_gate(name), "") for name in there if name in self._probes.gates]
        if self._probes.laps is not None:
            lines.append((f"rnn_lap({self._probes.laps + number});", ""))
        return lines

    def _count_gate(self, name: str) -> str:
        return f"rnn_count({self._probes.gates[name]}, {self._at(name)}, {self._program.values[name].size});"

    def _given_gates(self) -> list[str]:
        """Gates that are there before the first statement: parts of the input or of a state."""
        defined = self._part.statements.defined
        return [f"    {self._count_gate(name)}" for name in self._probes.gates if defined[name] < 0]

    def _new_states(self) -> list[str]:
        places = {name: self._names.pointer(Place(STATE, name), 0) for name in self._probes.states}
        sizes = {name: self._program.values[name].size for name in places}
        return [f"    rnn_count({self._probes.states[name]}, {at}, {sizes[name]});" for name, at in places.items()]

    def _copy(self, copy: Copy) -> list[str]:
        value = self._program.values[copy.value]
        source, target = self._names.pointer(copy.source, copy.offset), self._names.pointer(copy.target, 0)
        meaning = "y" if copy.target.area == OUTPUT else copy.target.name
        note = f"{meaning} = {self._equations.said(copy.value)}"
        if value.dtype == "int16":
            return copy_lines(target, source, value.size, note, indent=4)
        kind = "rnn_narrow" if copy.source.area == LOCAL else "memcpy"
        return with_notes([(f"{kind}({target}, {source}, {value.size});", note)], indent=4)
