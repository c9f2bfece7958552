"""The plan: where each value of a step lives, so that C needs one small scratch array and no needless copy.

A value lives from the operation that computes it to the last one that reads it. Slices are views on their parent;
elementwise operations may write over an input that dies; next states and the output are written where they end up
wherever nothing is still read there, and are copied at the end of the part otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from .ops import KINDS
from .program import Op, Program, Value

INPUT, OUTPUT, STATE, SCRATCH = "input", "output", "state", "scratch"


@dataclass(frozen=True)
class Place:
    """`offset` int16 units into an area: the input, the output, the memory of one state, or the scratch array."""

    area: str
    offset: int = 0
    state: str = ""  # name, where the area is a state


@dataclass(frozen=True)
class Copy:
    """`value`, found at `source`, is copied to `target`; the two never overlap."""

    value: str
    source: Place
    target: Place


@dataclass(frozen=True)
class Part:
    """Operations in order, the place of every value they read or compute, then copies in order.

    `scratch` is the length of its scratch array in int16 units.
    """

    ops: tuple[Op, ...]
    places: Mapping[str, Place]
    copies: tuple[Copy, ...]
    scratch: int


@dataclass(frozen=True)
class Plan:
    """Body and head of a step. Nothing lives in the scratch array from one to the other."""

    body: Part
    head: Part

    @property
    def scratch(self) -> int:
        """Scratch memory that a step needs, in int16 units."""
        return max(self.body.scratch, self.head.scratch)


def make_plan(program: Program) -> Plan:
    """The plan of a checked program; where every step has an output, the body is the whole step."""
    split = len(program.ops) if program.every_step else program.body_ops
    states = [(state.next, Place(STATE, 0, state.name)) for state in program.states]
    output = [(program.output, Place(OUTPUT))]
    body_given = {program.input: Place(INPUT)} | {state.name: Place(STATE, 0, state.name) for state in program.states}
    body = _Planner(program, program.ops[:split], body_given, states + (output if program.every_step else []))
    head = _Planner(program, program.ops[split:], dict(states), [] if program.every_step else output)
    return Plan(body.part(), head.part())


def units(value: Value) -> int:
    """Memory of a value in int16 units; an odd number of int8 rounds up."""
    return {"int8": (value.size + 1) // 2, "int16": value.size, "int32": 2 * value.size}[value.dtype]


def overlap(a: Place, a_value: Value, b: Place, b_value: Value) -> bool:
    """Do two values at these places share memory?"""
    same_area = (a.area, a.state) == (b.area, b.state)
    return same_area and a.offset < b.offset + units(b_value) and b.offset < a.offset + units(a_value)


class _Planner:
    """Places the values of one part in the order in which its operations compute them.

    `wanted` lists what has to stand where when the part ends.
    """

    def __init__(
        self, program: Program, ops: Sequence[Op], given: Mapping[str, Place], wanted: Sequence[tuple[str, Place]]
    ) -> None:
        self._scratch = 0
        self._values, self._ops, self._wanted = program.values, ops, wanted
        self._places = dict(given)
        self._last_read = {name: index for index, op in enumerate(ops) for name in op.inputs}
        self._last_read.update({name: len(ops) for name, _ in wanted})

    def part(self) -> Part:
        for index, op in enumerate(self._ops):
            self._places[op.output] = self._choose(index, op)
        copies = tuple(self._copies())
        return Part(tuple(self._ops), dict(self._places), copies, self._scratch)

    def _choose(self, index: int, op: Op) -> Place:
        if op.kind == "slice":
            parent = self._places[op.inputs[0]]
            return replace(parent, offset=parent.offset + op.begin)
        homes = sorted(
            (place for name, place in self._wanted if name == op.output), key=lambda place: place.area != STATE
        )
        inputs = [self._places[name] for name in op.inputs if self._places[name].area == SCRATCH]
        for place in [*homes, *inputs]:
            if self._is_free(place, index, op):
                return place
        return self._allocate(self._values[op.output], lambda place: self._is_free(place, index, op))

    def _allocate(self, value: Value, is_free: Callable[[Place], bool]) -> Place:
        """The lowest free place in the scratch array: at its start or right behind another value."""
        ends = (
            place.offset + units(self._values[name]) for name, place in self._places.items() if place.area == SCRATCH
        )
        place = next(filter(is_free, (Place(SCRATCH, offset) for offset in sorted({0, *ends}))))
        self._scratch = max(self._scratch, place.offset + units(value))
        return place

    def _is_free(self, place: Place, index: int, op: Op) -> bool:
        """May `op` write its output to `place`? Not over a value read later, nor over its own inputs unless in step."""
        output = self._values[op.output]
        for name, other in self._places.items():
            value = self._values[name]
            if not overlap(place, output, other, value):
                continue
            in_step = KINDS[op.kind].elementwise and value.dtype == output.dtype and place == other
            if self._last_read.get(name, -1) > index or (name in op.inputs and not in_step):
                return False
        return True

    def _copies(self) -> Iterator[Copy]:
        """What is not yet where it is wanted, moved so that nothing is overwritten before it is read.

        States that take each other's old content in a circle go through the scratch array.
        """
        moves = [Copy(name, self._places[name], target) for name, target in self._wanted]
        moves = [move for move in moves if move.source != move.target]
        while moves:
            ready = next((move for move in moves if not any(self._hits(move, m) for m in moves if m is not move)), None)
            if ready is not None:
                moves.remove(ready)
                yield ready
                continue
            first = moves[0]
            value = self._values[first.value]
            stash = self._allocate(
                value,
                lambda place: not any(self._at(place, value, move) for move in moves),  # noqa: B023
            )
            yield replace(first, target=stash)
            moves = [replace(move, source=stash) if move.value == first.value else move for move in moves]

    def _hits(self, move: Copy, other: Copy) -> bool:
        return self._at(move.target, self._values[move.value], other)

    def _at(self, place: Place, value: Value, move: Copy) -> bool:
        return overlap(place, value, move.source, self._values[move.value])


# the proof

Tag = tuple[str, int]  # a byte of the value of that name
Memory = dict[tuple[str, str], list[Tag | None]]  # (area, state) -> tag of every byte


def check_plan(program: Program, plan: Plan) -> Plan:
    """Return the plan, or fail: every value is followed byte by byte through the memory, without its lifetime.

    What an operation reads must still be there whole; what it writes must not lie on its own inputs, unless element by
    element; at the end the next states and the output must stand where the caller looks for them.
    """
    memory: Memory = {
        (OUTPUT, ""): [None] * (2 * units(program.values[program.output])),
        (INPUT, ""): _tags(program, {}, program.input),
    }
    for state in program.states:
        memory[STATE, state.name] = _tags(program, {}, state.name)
    origins: dict[str, Tag] = {}
    for part in (plan.body, plan.head):
        memory[SCRATCH, ""] = [None] * (2 * part.scratch)
        for op in part.ops:
            _simulate(program, part, op, memory, origins)
        for copy in part.copies:
            value = program.values[copy.value]
            assert not overlap(copy.source, value, copy.target, value), f"{copy} overlaps itself"
            _write(program, copy.target, memory, _read(program, copy.value, copy.source, memory, origins))
        if part is plan.body:
            for state in program.states:
                _read(program, state.next, Place(STATE, 0, state.name), memory, origins)
    _read(program, program.output, Place(OUTPUT), memory, origins)
    return plan


def _tags(program: Program, origins: Mapping[str, Tag], name: str) -> list[Tag | None]:
    """The bytes of a value; those of a slice are bytes of the value it views."""
    value = program.values[name]
    root, start = origins.get(name, (name, 0))
    size = {"int8": 1, "int16": 2, "int32": 4}[value.dtype] * value.size
    return [(root, start + byte) for byte in range(size)]


def _simulate(program: Program, part: Part, op: Op, memory: Memory, origins: dict[str, Tag]) -> None:
    place, value = part.places[op.output], program.values[op.output]
    for name in op.inputs:
        _read(program, name, part.places[name], memory, origins)
    if op.kind == "slice":
        root, start = origins.get(op.inputs[0], (op.inputs[0], 0))
        origins[op.output] = (root, start + 2 * op.begin)
        _read(program, op.output, place, memory, origins)
        return
    for name in op.inputs:
        other = program.values[name]
        in_step = KINDS[op.kind].elementwise and part.places[name] == place and other.dtype == value.dtype
        assert in_step or not overlap(place, value, part.places[name], other), f"{op.output} lies on its input {name}"
    _write(program, place, memory, _tags(program, origins, op.output))


def _read(program: Program, name: str, place: Place, memory: Memory, origins: Mapping[str, Tag]) -> list[Tag | None]:
    expected = _tags(program, origins, name)
    found = memory[place.area, place.state][2 * place.offset :][: len(expected)]
    assert found == expected, f"{name} is not whole at {place}"
    return expected


def _write(program: Program, place: Place, memory: Memory, tags: list[Tag | None]) -> None:
    assert place.area != INPUT, f"{place} is the caller's input"
    area = memory[place.area, place.state]
    assert place.offset >= 0 and 2 * place.offset + len(tags) <= len(area), f"{place} does not hold {len(tags)} bytes"
    area[2 * place.offset : 2 * place.offset + len(tags)] = tags
