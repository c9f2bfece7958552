"""The plan: where each value of a step lives, so that C needs little memory and no needless copy.

Next states and the output are written where they end up wherever nothing is still read there, and are copied at the end
of the part otherwise. Everything else that needs memory at all is an array of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from .program import Op, Program, Value
from .statements import Loop, Move, Product, Statements, group

INPUT, OUTPUT, STATE, LOCAL = "input", "output", "state", "local"


@dataclass(frozen=True)
class Place:
    """An array: the input, the output, the memory of the state `name`, or the local array `name`."""

    area: str
    name: str = ""


@dataclass(frozen=True)
class Copy:
    """`value`, found in `source` from `offset` on, is copied to `target`, another array."""

    value: str
    source: Place
    offset: int
    target: Place


@dataclass(frozen=True)
class Part:
    """Statements in order, the place of every array that they use, then copies in order."""

    statements: Statements
    places: Mapping[str, Place]
    copies: tuple[Copy, ...]

    def find(self, value: str) -> tuple[Place, int]:
        """The array that a value stands in, and its first element there."""
        view = self.statements.views[value]
        return self.places[view.array], view.offset


@dataclass(frozen=True)
class Plan:
    """Body and head of a step. No local array lives from one to the other."""

    body: Part
    head: Part


def make_plan(program: Program, watched: Collection[str] = ()) -> Plan:
    """The plan of a checked program; where every step has an output, the body is the whole step.

    `watched`: these values stand in memory after the statement that computes them, for a build that looks at them; but
    for products that are only ever added onto others.
    """
    split = len(program.ops) if program.every_step else program.body_ops
    states = [(state.next, Place(STATE, state.name)) for state in program.states]
    output = [(program.output, Place(OUTPUT))]
    given = {program.input: Place(INPUT)} | {state.name: Place(STATE, state.name) for state in program.states}
    body_wanted = states + (output if program.every_step else [])
    head_wanted = [] if program.every_step else output
    body = _part(program, program.ops[:split], given, body_wanted, watched)
    return Plan(body, _part(program, program.ops[split:], dict(states), head_wanted, watched))


def _part(
    program: Program,
    ops: Sequence[Op],
    given: Mapping[str, Place],
    wanted: Sequence[tuple[str, Place]],
    watched: Collection[str],
) -> Part:
    statements = group(program, ops, given, [name for name, _ in wanted], watched)
    places = _places(statements, given, wanted)
    moves = [Copy(name, *_find(statements, places, name), target) for name, target in wanted]
    return Part(statements, places, tuple(_ordered(moves)))


def _find(statements: Statements, places: Mapping[str, Place], name: str) -> tuple[Place, int]:
    view = statements.views[name]
    return places[view.array], view.offset


# places


def _places(
    statements: Statements, given: Mapping[str, Place], wanted: Sequence[tuple[str, Place]]
) -> dict[str, Place]:
    places = dict(given)
    last = _last_uses(statements, wanted)
    for index in range(len(statements.order)):
        for name in _written(statements, index):
            homes = sorted((place for value, place in wanted if value == name), key=lambda place: place.area != STATE)
            free = (home for home in homes if _is_free(statements, places, last, index, name, home))
            places[name] = next(free, Place(LOCAL, name))
    return places


def _last_uses(statements: Statements, wanted: Sequence[tuple[str, Place]]) -> dict[str, int]:
    """Array -> index of the last statement that reads it, or one past all of them where it is wanted."""
    last = {}
    for index in range(len(statements.order)):
        last.update({statements.views[name].array: index for name in statements.reads(index)})
    last.update({statements.views[name].array: len(statements.order) for name, _ in wanted})
    return last


def _written(statements: Statements, index: int) -> Sequence[str]:
    """The arrays that come to be with a statement."""
    statement = statements.order[index]
    match statement:
        case Product(adds=()):
            return [statement.target.array]
        case Product():
            return []
        case Move():
            return [statement.op.output]
        case Loop():
            return statement.stores


def _is_free(
    statements: Statements, places: Mapping[str, Place], last: Mapping[str, int], index: int, name: str, home: Place
) -> bool:
    """May the array `name`, written by the statement at `index`, stand at `home` for good?

    Not over an array read later, nor over one read by the same statement, unless a loop reads element i of it and of
    nothing else before it writes element i. What a product reads has a layout of its own.
    """
    array = statements.arrays[name]
    if array.dtype == "int8" and any(name in statements.reads(i) for i in range(index + 1, len(statements.order))):
        return False
    for other in (other for other, place in places.items() if place == home):
        reads = [value for value in statements.reads(index) if statements.views[value].array == other]
        in_step = isinstance(statements.order[index], Loop) and all(
            statements.views[value].offset == 0 for value in reads
        )
        if last.get(other, -1) > index or (reads and not in_step):
            return False
    return True


# copies


def _ordered(moves: Sequence[Copy]) -> Iterator[Copy]:
    """What is not yet where it is wanted, moved so that nothing is overwritten before it is read.

    States that take each other's old content in a circle go through an array of their own.
    """
    left = [move for move in moves if move.source != move.target]
    while left:
        ready = next((m for m in left if not any(m.target == o.source for o in left if o is not m)), None)
        if ready is not None:
            left.remove(ready)
            yield ready
            continue
        first = left[0]
        stash = Place(LOCAL, f"{first.value}_old")
        yield replace(first, target=stash)
        left = [replace(m, source=stash, offset=0) if m.value == first.value else m for m in left]


def local_arrays(program: Program, part: Part) -> dict[str, Value]:
    """The local arrays of a part, in the order in which they come to be."""
    found = {place.name: part.statements.arrays[name] for name, place in part.places.items() if place.area == LOCAL}
    stashed = {c.target.name: program.values[c.value] for c in part.copies if c.target.area == LOCAL}
    return found | stashed
