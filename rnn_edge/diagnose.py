"""Where a runtime left the arithmetic: the first step, operation and element that differ."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .errors import RnnEdgeError
from .ir.arithmetic import IntArray
from .ir.interpret import Interpreter, InterpreterSession
from .ir.program import Program
from .runtimes import Runtime
from .vectors import Command, Result, play

TRACED_STEPS = 64


def diagnose(
    runtime: Runtime,
    program: Program,
    commands: Sequence[Command],
    results: Sequence[Result],
    expected: Sequence[Result],
) -> str:
    """One sentence that names vector, step, operation, index and both values."""
    number, start = _first_difference(program, commands, results, expected)
    command = [command for command in commands if command.x is not None][number]
    assert command.x is not None
    moments = _moments(program, command.x[:TRACED_STEPS], start)
    try:
        traces = runtime.trace(program, moments)
    except RnnEdgeError as error:
        return f"vector {number + 1} ({command.verb} of {command.steps} steps) differs; no trace: {error}"
    interpreter = Interpreter(program)
    for step, ((x, states), trace) in enumerate(zip(moments, traces, strict=True)):
        wanted = interpreter.trace(x[None], [state[None] for state in states])
        for op in program.ops:
            found = _differs(wanted[op.output][0], trace.get(op.output))
            if found is not None:
                index, seen, right = found
                return (
                    f"vector {number + 1}, step {step}, operation {op.kind} of {op.output}, index {index}: "
                    f"{seen}, should be {right}"
                )
    index = int(np.flatnonzero(results[number] != expected[number])[0])
    return (
        f"vector {number + 1} ({command.verb} of {command.steps} steps), element {index} of its result: "
        f"{results[number][index]}, should be {expected[number][index]}; single steps agree, so the fault is in the "
        f"{'sequence' if command.verb == 'run' else 'step'} file or around it"
    )


def _first_difference(
    program: Program, commands: Sequence[Command], results: Sequence[Result], expected: Sequence[Result]
) -> tuple[int, list[IntArray]]:
    """Number of the first result that differs, and the states from which its command started."""
    number = next(i for i, (a, b) in enumerate(zip(results, expected, strict=False)) if not np.array_equal(a, b))
    watched = _Watched(program)
    for _ in zip(range(number + 1), play(watched, program, commands), strict=False):
        pass
    return number, watched.start


class _Watched(InterpreterSession):
    """An interpreter that remembers the states of its last command."""

    start: list[IntArray]

    def step(self, x: IntArray, states: list[IntArray]) -> tuple[IntArray, list[IntArray]]:
        self.start = states
        return super().step(x, states)

    def run(self, x: IntArray, states: list[IntArray]) -> tuple[IntArray, list[IntArray]]:
        self.start = states
        return super().run(x, states)


def _moments(program: Program, x: IntArray, states: list[IntArray]) -> list[tuple[IntArray, list[IntArray]]]:
    """Input and states of each step."""
    session = InterpreterSession(program)
    moments = []
    for row in x:
        moments.append((row, states))
        _, states = session.step(row, states)
    return moments


def _differs(wanted: IntArray, seen: IntArray | None) -> tuple[int, int, int] | None:
    """Index, value seen and value wanted of the first difference; values a runtime does not show are passed over."""
    if seen is None or np.array_equal(wanted, seen):
        return None
    index = int(np.flatnonzero(wanted != seen.reshape(wanted.shape))[0])
    return index, int(seen.ravel()[index]), int(wanted[index])
