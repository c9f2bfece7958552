"""The interpreter: runs a program on int64 arrays. What it computes is the definition for every other runtime."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from .arithmetic import IntArray
from .elements import Meaning
from .ops import KINDS
from .program import Op, Program

Observe = Callable[[dict[str, IntArray]], None]
"""Is given values by name, `[batch, n]` each."""


class Interpreter:
    """Runs a checked program on batches of sequences.

    Inputs are integers of the input format, `[batch, steps, inputs]` (`inputs` is 1 for tokens); states are a list of
    `[batch, units]` in the order of `program.states`; outputs are `[batch, outputs]`. All arrays are int64.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self._body = _prepared(program, program.ops[: program.body_ops])
        self._head = _prepared(program, program.ops[program.body_ops :])
        self._next = [state.next for state in program.states]

    def start_states(self, batch: int = 1) -> list[IntArray]:
        """The states `[batch, units]` after a reset."""
        return [np.tile(state, (batch, 1)) for state in self.program.start_states()]

    def trace(self, x: IntArray, states: Sequence[IntArray]) -> dict[str, IntArray]:
        """Every value of one step by name, in the order in which the step computes them; `x` is `[batch, inputs]`."""
        values = self._body_values(x, states)
        for op, meaning in self._head:
            values[op.output] = meaning(*(values[name] for name in op.inputs))
        return values

    def step(self, x: IntArray, states: Sequence[IntArray]) -> tuple[IntArray, list[IntArray]]:
        """One step: output and next states."""
        values = self.trace(x, states)
        return values[self.program.output], [values[name] for name in self._next]

    def run(
        self,
        x: IntArray,
        lengths: NDArray[np.int64] | None = None,
        states: Sequence[IntArray] | None = None,
        observe: Observe = lambda values: None,
    ) -> tuple[IntArray, list[IntArray]]:
        """A batch of sequences `[batch, steps, inputs]`: outputs and the states after the last real step.

        `observe` is given every value of the body at every step, for the sequences that reach it.

        Outputs are those of the last real step `[batch, outputs]`, or, where the program reads every step,
        `[batch, steps, outputs]` with zeros past the end of a sequence.
        """
        batch, steps, _ = x.shape
        lengths = np.full(batch, steps) if lengths is None else lengths
        current = self.start_states(batch) if states is None else [state.copy() for state in states]
        outputs = np.zeros((batch, steps, self.program.values[self.program.output].size), dtype=np.int64)
        for t in range(steps):
            rows = np.flatnonzero(lengths > t)
            values = self._body_values(x[rows, t], [state[rows] for state in current])
            observe(values)
            for state, name in zip(current, self._next, strict=True):
                state[rows] = values[name]
            if self.program.every_step:
                outputs[rows, t] = values[self.program.output]
        if self.program.every_step:
            return outputs, current
        return self.head(current), current

    def head(self, states: Sequence[IntArray]) -> IntArray:
        """The output that follows from next states, for a program whose last output alone is read."""
        values = dict(zip(self._next, states, strict=True))
        for op, meaning in self._head:
            values[op.output] = meaning(*(values[name] for name in op.inputs))
        return values[self.program.output]

    def _body_values(self, x: IntArray, states: Sequence[IntArray]) -> dict[str, IntArray]:
        values = {self.program.input: x}
        values.update({state.name: array for state, array in zip(self.program.states, states, strict=True)})
        for op, meaning in self._body:
            values[op.output] = meaning(*(values[name] for name in op.inputs))
        return values


def _prepared(program: Program, ops: Iterable[Op]) -> list[tuple[Op, Meaning]]:
    return [(op, KINDS[op.kind].prepare(program, op)) for op in ops]


def steps_of(interpreter: Interpreter, x: IntArray, states: Sequence[IntArray]) -> Iterator[dict[str, IntArray]]:
    """Trace after trace of one sequence `[steps, inputs]` from `states` (`[1, units]` each)."""
    current = list(states)
    for row in x:
        values = interpreter.trace(row[None], current)
        current = [values[state.next] for state in interpreter.program.states]
        yield values


class InterpreterSession:
    """The interpreter for one sequence at a time: `x` is `[inputs]` or `[steps, inputs]`, states are `[units]`.

    `observe` is given every value of the body at every step.
    """

    def __init__(self, program: Program, observe: Observe = lambda values: None) -> None:
        self._interpreter, self._observe = Interpreter(program), observe

    def step(self, x: IntArray, states: list[IntArray]) -> tuple[IntArray, list[IntArray]]:
        y, following = self.run(x[None], states)
        return (y[0] if self._interpreter.program.every_step else y), following

    def run(self, x: IntArray, states: list[IntArray]) -> tuple[IntArray, list[IntArray]]:
        y, following = self._interpreter.run(x[None], None, [state[None] for state in states], self._observe)
        return y[0], [state[0] for state in following]
