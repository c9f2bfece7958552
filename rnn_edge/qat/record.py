"""A batch played through a program, with every value of every step kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..ir.arithmetic import IntArray
from ..ir.ops import KINDS
from ..ir.program import Op, Program


@dataclass(frozen=True)
class Parts:
    """The operations of a program: those that follow from the input alone, those of a step, those of its last one."""

    ahead: tuple[Op, ...]
    stepwise: tuple[Op, ...]
    head: tuple[Op, ...]


@dataclass(frozen=True)
class Record:
    """The integers of sequences `[batch, steps, inputs]`, as the interpreter computes them.

    `body`: value -> `[steps, batch, n]`, of the type of the value; past the end of a sequence they mean nothing.
    `head`: value -> int64 `[batch, n]`, after the last step of each. `states`: int64 `[batch, n]`, after that step too.
    """

    body: dict[str, NDArray[Any]]
    head: dict[str, IntArray]
    states: list[IntArray]

    def outputs(self, program: Program) -> NDArray[Any]:
        """`[batch, n]` after the last step of each sequence, or `[batch, steps, n]` where each step has one."""
        return self.body[program.output].transpose(1, 0, 2) if program.every_step else self.head[program.output]


def parts_of(program: Program) -> Parts:
    """Where each operation belongs."""
    known = {program.input}
    ahead: list[Op] = []
    stepwise: list[Op] = []
    for op in program.ops[: program.body_ops]:
        alone = known.issuperset(op.inputs)
        (ahead if alone else stepwise).append(op)
        known |= {op.output} if alone else set()
    return Parts(tuple(ahead), tuple(stepwise), program.ops[program.body_ops :])


def record(program: Program, q: IntArray, lengths: NDArray[np.int64], states: Sequence[IntArray]) -> Record:
    """Play `q` `[batch, steps, inputs]` of `lengths` real steps (0 leaves a state as it is) from `states` on.

    An operation knows nothing of steps or sequences: what follows from the input alone is computed for all at once.
    """
    parts, (batch, steps, _) = parts_of(program), q.shape
    ahead = {program.input: q.transpose(1, 0, 2).reshape(steps * batch, -1)}
    for op in parts.ahead:
        ahead[op.output] = KINDS[op.kind].prepare(program, op)(*(ahead[name] for name in op.inputs))
    names = [*ahead, *(state.name for state in program.states), *(op.output for op in parts.stepwise)]
    types = {name: np.dtype(program.values[name].dtype) for name in names}
    body: dict[str, NDArray[Any]] = {
        name: array.astype(types[name]).reshape(steps, batch, -1) for name, array in ahead.items()
    }
    body |= {name: np.empty((steps, batch, program.values[name].size), types[name]) for name in names[len(ahead) :]}
    meanings = [(op, KINDS[op.kind].prepare(program, op)) for op in parts.stepwise]
    now = list(states)
    for t in range(steps):
        values = {name: array.reshape(steps, batch, -1)[t] for name, array in ahead.items()}
        values |= {state.name: array for state, array in zip(program.states, now, strict=True)}
        for op, meaning in meanings:
            values[op.output] = meaning(*(values[name] for name in op.inputs))
        for name in names[len(ahead) :]:
            body[name][t] = values[name]
        goes_on = (lengths > t)[:, None]
        now = [np.where(goes_on, values[s.next], old) for s, old in zip(program.states, now, strict=True)]
    head = {state.next: array for state, array in zip(program.states, now, strict=True)}
    for op in parts.head:
        head[op.output] = KINDS[op.kind].prepare(program, op)(*(head[name] for name in op.inputs))
    return Record(body, head, now)
