"""Operations grouped into statements: products of rows, and loops over elements.

A loop keeps in registers what no other statement reads: the equations of a cell become one pass over its units. A sum
of two products needs no memory of its own: the second product is added onto the first as it is computed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from .headroom import headroom
from .ops import KINDS
from .program import Op, Program, Value


@dataclass(frozen=True)
class View:
    """Where a value stands: in `array`, named after the value or the rows that it was made for, from `offset` on."""

    array: str
    offset: int = 0


@dataclass(frozen=True)
class Product:
    """Rows `begin` to `end` of the matvec `op`, called `name`; `adds`: onto what stands at `target`, saturating."""

    op: Op
    name: str
    begin: int
    end: int
    target: View
    adds: tuple[str, ...] = ()  # the sums that this computes

    @property
    def ops(self) -> tuple[Op, ...]:
        return (self.op,)


@dataclass(frozen=True)
class Move:
    """A gather, a widen or a concat: elements from where they stand into an array of their own."""

    op: Op

    @property
    def ops(self) -> tuple[Op, ...]:
        return (self.op,)


@dataclass(frozen=True)
class Loop:
    """Operations element by element, all of them for one element before the next; `stores`: what goes to memory."""

    size: int
    ops: tuple[Op, ...]
    stores: tuple[str, ...]


Statement = Product | Move | Loop


@dataclass(frozen=True)
class Statements:
    """Statements in order.

    `views`: where each value stands that is not just a register; `defined`: value -> index of the statement after which
    it is there, -1 from the start; `arrays`: what needs memory, with its size and type.
    """

    order: tuple[Statement, ...]
    views: Mapping[str, View]
    defined: Mapping[str, int]
    arrays: Mapping[str, Value]

    def reads(self, index: int) -> list[str]:
        """Values that a statement reads from memory, once for each reading; without what a product adds to."""
        names = [name for op in self.order[index].ops for name in op.inputs]
        return [name for name in names if self.defined[name] != index]


def group(
    program: Program, ops: Sequence[Op], given: Iterable[str], wanted: Iterable[str], watched: Iterable[str] = ()
) -> Statements:
    """The statements of a part. `given` values stand in memory before it, `wanted` ones have to afterwards.

    What nothing reads is not computed. `watched` values are, and none of them is only a register, for a build that
    looks at them; but products that are added onto others still have no values of their own.
    """
    grouper = _Grouper(program, list(given), set(wanted), set(watched))
    grouper.add(_live(ops, grouper.wanted | grouper.watched))
    return grouper.statements()


def _live(ops: Sequence[Op], wanted: Iterable[str]) -> list[Op]:
    """The operations that something depends on."""
    needed, kept = set(wanted), []
    for op in reversed(ops):
        if op.output in needed:
            needed.update(op.inputs)
            kept.append(op)
    return kept[::-1]


@dataclass
class _OpenLoop:
    size: int
    ops: list[Op] = field(default_factory=list)


@dataclass(frozen=True)
class _Rows:
    """Rows of a matvec that one value takes, and the sum into which they go, if any."""

    name: str
    begin: int
    end: int
    total: str = ""
    target: View | None = None


class _Grouper:
    def __init__(self, program: Program, given: Sequence[str], wanted: set[str], watched: set[str]) -> None:
        self.wanted, self.watched = wanted, watched
        self._program, self._values = program, program.values
        self._order: list[Product | Move | _OpenLoop] = []
        self._views = {name: View(name) for name in given}
        self._defined = dict.fromkeys(given, -1)
        self._arrays = {name: program.values[name] for name in given}
        self._readers: dict[str, list[Op]] = defaultdict(list)

    def add(self, ops: Sequence[Op]) -> None:
        for op in ops:
            for name in op.inputs:
                self._readers[name].append(op)
        for op in ops:
            if op.output not in self._defined:
                if KINDS[op.kind].elementwise:
                    self._element(op)
                else:
                    {"matvec": self._matvec, "slice": self._slice}.get(op.kind, self._move)(op)
        looped = [op.output for loop in self._order if isinstance(loop, _OpenLoop) for op in loop.ops]
        for name in [*self.wanted, *(name for name in looped if name in self.watched)]:
            self._in_memory(name)

    def statements(self) -> Statements:
        order = tuple(self._closed(s) if isinstance(s, _OpenLoop) else s for s in self._order)
        return Statements(order, self._views, self._defined, self._arrays)

    def _closed(self, loop: _OpenLoop) -> Loop:
        return Loop(loop.size, tuple(loop.ops), tuple(op.output for op in loop.ops if op.output in self._views))

    def _in_memory(self, name: str) -> View:
        """Where a value stands; one that was in a register so far gets an array."""
        if name not in self._views:
            self._views[name] = View(name)
            self._arrays[name] = self._values[name]
        return self._views[name]

    def _slice(self, op: Op) -> None:
        parent = self._in_memory(op.inputs[0])
        self._views[op.output] = View(parent.array, parent.offset + op.begin)
        self._defined[op.output] = self._defined[op.inputs[0]]

    def _move(self, op: Op) -> None:
        for name in (*op.inputs, op.output):
            self._in_memory(name)
        self._defined[op.output] = len(self._order)
        self._order.append(Move(op))

    # loops

    def _element(self, op: Op) -> None:
        """Into the last loop of as many elements that its inputs allow, or into a new one."""
        size = self._values[op.output].size
        first = max(self._defined[name] for name in op.inputs)
        fits = (i for i in range(len(self._order) - 1, max(first, 0) - 1, -1) if self._joins(op, size, i))
        index = next(fits, len(self._order))
        if index == len(self._order):
            self._order.append(_OpenLoop(size))
        loop = self._order[index]
        assert isinstance(loop, _OpenLoop)
        for name in op.inputs:
            if self._defined[name] != index:
                self._in_memory(name)
        loop.ops.append(op)
        self._defined[op.output] = index

    def _joins(self, op: Op, size: int, index: int) -> bool:
        """Can the loop at `index` compute it? Elements of its own values are there one at a time, so no slices."""
        loop = self._order[index]
        if not isinstance(loop, _OpenLoop) or loop.size != size:
            return False
        own = {other.output for other in loop.ops}
        return all(name in own for name in op.inputs if self._defined[name] == index)

    # products

    def _matvec(self, op: Op) -> None:
        self._in_memory(op.inputs[0])
        for rows in self._parts(op):
            self._product(op, rows)
        self._defined[op.output] = len(self._order) - 1

    def _product(self, op: Op, rows: Sequence[_Rows]) -> None:
        name = self._name(op, rows)
        begin, end = rows[0].begin, rows[-1].end
        target = rows[0].target
        if target is None:
            target = View(name)
            self._arrays[name] = Value(name, "int16", end - begin, self._values[op.output].scale)
        for part in rows:
            self._views[part.total or part.name] = View(target.array, target.offset + part.begin - begin)
            self._defined[part.name] = len(self._order)
            if part.total:
                self._defined[part.total] = len(self._order)
        totals = tuple(part.total for part in rows if part.total)
        self._order.append(Product(op, name, begin, end, target, totals))

    def _parts(self, op: Op) -> list[list[_Rows]]:
        """The rows of a matvec in runs that are computed in one go: the whole, unless rows go into sums."""
        whole = _Rows(op.output, 0, self._values[op.output].size)
        readers = self._readers[op.output]
        if op.output in self.wanted or headroom(self._program, op) is None:
            return [[whole]]
        if self._is_split(op.output):
            slices = sorted(readers, key=lambda reader: reader.begin)
            rows = [self._summed(_Rows(s.output, s.begin, s.begin + self._values[s.output].size)) for s in slices]
        else:
            rows = [self._summed(whole)]
        if not any(part.total for part in rows):
            return [[whole]]
        runs = [[rows[0]]]
        for left, right in pairwise(rows):
            if _adjoin(left, right):
                runs[-1].append(right)
            else:
                runs.append([right])
        return runs

    def _is_split(self, name: str) -> bool:
        """Is a product read through slices alone, no two of the same element?"""
        slices = sorted(self._readers[name], key=lambda op: op.begin)
        if not slices or any(op.kind != "slice" for op in slices) or name in self.wanted:
            return False
        ends = [op.begin + self._values[op.output].size for op in slices]
        return all(end <= after.begin for end, after in zip(ends, slices[1:], strict=False))

    def _summed(self, rows: _Rows) -> _Rows:
        """With the sum into which the rows go, where that is all they are for and the other term is a product too."""
        readers = self._readers[rows.name]
        if len(readers) != 1 or readers[0].kind != "add" or rows.name in self.wanted:
            return rows
        (add,) = readers
        others = [name for name in add.inputs if name != rows.name]
        if len(others) != 1 or not self._may_be_overwritten(others[0], add):
            return rows
        return _Rows(rows.name, rows.begin, rows.end, add.output, self._views[others[0]])

    def _may_be_overwritten(self, name: str, add: Op) -> bool:
        """Is it a product, rows of one or a sum in one, that nothing but this sum reads?"""
        index = self._defined.get(name, -1)
        statement = self._order[index] if index >= 0 else None
        if not isinstance(statement, Product) or self._readers[name] != [add] or name in self.wanted:
            return False
        source = statement.op.output
        rows = name in (op.output for op in self._readers[source]) and self._is_split(source)
        return name == source or name in statement.adds or rows

    def _name(self, op: Op, rows: Sequence[_Rows]) -> str:
        """Of some rows of a product: its own, with the names of the slices behind it where they are not all."""
        if rows[-1].end - rows[0].begin == self._values[op.output].size:
            return op.output
        prefix = f"{op.output}_"
        known = all(part.name.startswith(prefix) for part in rows)
        name = prefix + ("".join(part.name.removeprefix(prefix) for part in rows) if known else str(rows[0].begin))
        while name in self._arrays or (name in self._values and [part.name for part in rows] != [name]):
            name += "_"
        return name


def _adjoin(left: _Rows, right: _Rows) -> bool:
    """Are these rows neighbours, in the matrix and in memory?"""
    if left.end != right.begin or bool(left.total) != bool(right.total):
        return False
    if left.target is None or right.target is None:
        return True
    size = left.end - left.begin
    return right.target == View(left.target.array, left.target.offset + size)
