"""The proof of a plan: every value is followed byte by byte through the memory, without its lifetime."""

from __future__ import annotations

from collections.abc import Mapping

from .plan import INPUT, OUTPUT, STATE, Part, Place, Plan, local_arrays
from .program import Program, Value
from .statements import Loop, Move, Product

Tag = tuple[str, int]
"""An element of the value of that name."""


def check_plan(program: Program, plan: Plan) -> Plan:
    """Return the plan, or fail (AssertionError).

    What a statement reads must still be there whole; what it writes must not lie on what it still reads; at the end the
    next states and the output must stand where the caller looks for them.
    """
    memory = _Memory(program)
    for part in (plan.body, plan.head):
        memory.enter(part)
        for index in range(len(part.statements.order)):
            memory.follow(part, index)
        for copy in part.copies:
            assert copy.source != copy.target, f"{copy} overlaps itself"
            memory.write(copy.target, 0, memory.read(copy.value, copy.source, copy.offset))
        if part is plan.body:
            for state in program.states:
                memory.read(state.next, Place(STATE, state.name), 0)
    memory.read(program.output, Place(OUTPUT), 0)
    return plan


class _Memory:
    """What stands in each element of each array."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._origins: dict[str, Tag] = {}  # a slice -> the first element that it views
        self._arrays: dict[Place, list[Tag | None]] = {
            Place(INPUT): self._tags(program.input),
            Place(OUTPUT): [None] * program.values[program.output].size,
            **{Place(STATE, state.name): self._tags(state.name) for state in program.states},
        }
        for op in program.ops:
            if op.kind == "slice":
                root, start = self._origins.get(op.inputs[0], (op.inputs[0], 0))
                self._origins[op.output] = (root, start + op.begin)

    def enter(self, part: Part) -> None:
        """Local arrays hold nothing yet."""
        arrays: Mapping[str, Value] = local_arrays(self._program, part)
        self._arrays.update({Place("local", name): [None] * value.size for name, value in arrays.items()})

    def follow(self, part: Part, index: int) -> None:
        statement = part.statements.order[index]
        for name in part.statements.reads(index):
            self.read(name, *part.find(name))
        match statement:
            case Product():
                self._follow_product(part, statement)
            case Move():
                self.write(*part.find(statement.op.output), self._tags(statement.op.output))
            case Loop():
                self._follow_loop(part, index, statement)

    def _follow_product(self, part: Part, product: Product) -> None:
        place, offset = part.places[product.target.array], product.target.offset
        assert place != part.find(product.op.inputs[0])[0], f"{product.name} lies on its input"
        rows: list[Tag | None] = [(product.op.output, row) for row in range(product.begin, product.end)]
        for total in product.adds:
            begin = part.find(total)[1] - offset
            size = self._program.values[total].size
            found = self._arrays[place][offset + begin : offset + begin + size]
            terms = next(op.inputs for op in self._program.ops if op.output == total)
            held = [self._tags(term) for term in terms]
            assert sorted([found, rows[begin : begin + size]], key=str) == sorted(held, key=str), (
                f"{total} misses a term"
            )
            rows[begin : begin + size] = self._tags(total)
        assert product.adds == () or all(tag and tag[0] != product.op.output for tag in rows), (
            f"{product.name} adds more"
        )
        self.write(place, offset, rows)

    def _follow_loop(self, part: Part, index: int, loop: Loop) -> None:
        """Element i of everything is written after element i of everything is read: neighbours must not lie there."""
        read = [part.find(name) for name in part.statements.reads(index)]
        written = [part.find(name) for name in loop.stores]
        assert len(set(written)) == len(written)
        for place, offset in written:
            assert all(other != place or start == offset for other, start in read), f"{place} is read out of step"
        for name, (place, offset) in zip(loop.stores, written, strict=True):
            self.write(place, offset, self._tags(name))

    def _tags(self, name: str) -> list[Tag | None]:
        root, start = self._origins.get(name, (name, 0))
        return [(root, start + index) for index in range(self._program.values[name].size)]

    def read(self, name: str, place: Place, offset: int) -> list[Tag | None]:
        expected = self._tags(name)
        found = self._arrays[place][offset : offset + len(expected)]
        assert found == expected, f"{name} is not whole at {place}"
        return expected

    def write(self, place: Place, offset: int, tags: list[Tag | None]) -> None:
        assert place.area != INPUT, f"{place} is the caller's input"
        array = self._arrays[place]
        assert offset >= 0 and offset + len(tags) <= len(array), f"{place} does not hold {len(tags)} elements"
        array[offset : offset + len(tags)] = tags
