"""Counters of what saturates while steps are taken, and the range of every input: of a board as of the interpreter.

Saturated is an integer that stands at an end of its format. Of a gate that is its pre-activation (what sigmoid or tanh
reads) at an end of int16, of a state the new state at an end of int16, of an input -128 or 127 (int16x8: -32768 or
32767), where everything stands that was clipped. Outside is an input below the least or above the largest integer that
calibration saw on its channel.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from .arithmetic import IntArray
from .program import DTYPES, Program

LARGEST = 2**32 - 1
"""Where a counter stays."""

_INT16 = np.iinfo(np.int16)


@dataclass(frozen=True)
class Watched:
    """A gate or a state: its name, and the value of the program whose integers are counted."""

    name: str
    value: str
    size: int


def gates(program: Program) -> tuple[Watched, ...]:
    """What sigmoid and tanh read in the body of a step, each value once, under the name of what is made of it."""
    found: dict[str, str] = {}
    for op in program.ops[: program.body_ops]:
        if op.kind in ("sigmoid", "tanh"):
            found.setdefault(op.inputs[0], op.output)
    return tuple(Watched(name, value, program.values[value].size) for value, name in found.items())


def states(program: Program) -> tuple[Watched, ...]:
    """The states that a step leaves."""
    return tuple(Watched(state.name, state.next, program.values[state.name].size) for state in program.states)


def watched(program: Program) -> tuple[Watched, ...]:
    """Gates, then states: the order of the counters."""
    return gates(program) + states(program)


def channels(program: Program) -> int:
    """Inputs that are counted: tokens have no range."""
    return 0 if program.tokens is not None else program.values[program.input].size


@dataclass(frozen=True)
class Counters:
    """Of `steps` steps. Counts are 0 to LARGEST, where they stay; for `inputs` channels each of these:

    `low`, `high`: the least and the largest integer (32767 and -32768 where there was no step); `saturated_inputs` and
    `outside`: steps in which the input was that. `saturated`: values of each of `watched`.
    """

    steps: int
    saturated: tuple[int, ...]
    saturated_inputs: tuple[int, ...]
    outside: tuple[int, ...]
    low: tuple[int, ...]
    high: tuple[int, ...]

    def shares(self, program: Program) -> tuple[float, ...]:
        """Of all values of each of `watched`, the share that was saturated."""
        return tuple(n / max(self.steps * w.size, 1) for n, w in zip(self.saturated, watched(program), strict=True))

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1) + "\n"

    def fits(self, program: Program) -> bool:
        """Are these integers, in their range, as many as the program has?"""
        counts, ends = (self.steps, *self.saturated, *self.saturated_inputs, *self.outside), (*self.low, *self.high)
        of_inputs = (self.saturated_inputs, self.outside, self.low, self.high)
        return (
            all(type(number) is int for number in (*counts, *ends))
            and len(self.saturated) == len(watched(program))
            and all(len(numbers) == channels(program) for numbers in of_inputs)
            and all(0 <= count <= LARGEST for count in counts)
            and all(_INT16.min <= end <= _INT16.max for end in ends)
        )


def load_calibration(path: Path, program: Program) -> Counters:
    """What the interpreter counted on the calibration split, as export wrote it; UserError where that is not there."""
    try:
        read = json.loads(path.read_bytes())
        fields: dict[str, Any] = {key: value if key == "steps" else tuple(value) for key, value in read.items()}
        found = Counters(**fields)
        fits = found.fits(program)
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); run `rnn-edge export` again.") from error
    except (TypeError, ValueError, AttributeError):
        fits = False
    if not fits:
        raise UserError(f"{path} holds no counters of {program.name}; run `rnn-edge export` again.")
    return found


class Counting:
    """Counts the steps that the interpreter takes; `limits`: the counters of calibration, beyond which is outside."""

    def __init__(self, program: Program, limits: Counters | None = None) -> None:
        self._program, self._limits = program, limits
        self.clear()

    def clear(self) -> None:
        """Begin anew."""
        size = channels(self._program)
        self._steps = 0
        self._saturated = [0] * len(self._watched)
        self._saturated_inputs, self._outside = np.zeros(size, np.int64), np.zeros(size, np.int64)
        self._low, self._high = np.full(size, _INT16.max, np.int64), np.full(size, _INT16.min, np.int64)

    @cached_property
    def _watched(self) -> tuple[Watched, ...]:
        return watched(self._program)

    def observe(self, values: dict[str, IntArray]) -> None:
        """Count one step; every value of the body is `[batch, n]`."""
        x = values[self._program.input]
        self._steps += len(x)
        for index, one in enumerate(self._watched):
            self._saturated[index] += int(_at_ends(values[one.value], _INT16).sum())
        if not channels(self._program) or not len(x):
            return
        self._low, self._high = np.minimum(self._low, x.min(axis=0)), np.maximum(self._high, x.max(axis=0))
        self._saturated_inputs += _at_ends(x, np.iinfo(DTYPES[self._program.values[self._program.input].dtype])).sum(0)
        if self._limits is not None:
            self._outside += ((x < self._limits.low) | (x > self._limits.high)).sum(axis=0)

    def counters(self) -> Counters:
        """What was counted."""
        return Counters(
            steps=min(self._steps, LARGEST),
            saturated=tuple(min(count, LARGEST) for count in self._saturated),
            saturated_inputs=tuple(np.minimum(self._saturated_inputs, LARGEST).tolist()),
            outside=tuple(np.minimum(self._outside, LARGEST).tolist()),
            low=tuple(self._low.tolist()),
            high=tuple(self._high.tolist()),
        )


def _at_ends(values: IntArray, ends: Any) -> NDArray[np.bool_]:
    at_ends: NDArray[np.bool_] = (values == ends.min) | (values == ends.max)
    return at_ends
