"""Vectors: one script of commands that every runtime plays, with the results that the interpreter gave.

The text form is one command a line, so that the same file feeds Python, a host binary, an emulator and a serial port:

    reset I                       instance I: all states zero
    load I STATE ...              instance I: these states
    step I X = Y STATE ...        one step: output and all states after it
    run I T X = Y STATE ...       T steps as one sequence: output (of every step where the model has them), all states
    label I CLASS                 the run that follows is a test sequence of this class, -1 if unknown (for accuracy)

Integers are two's complement hexadecimal, 2, 4 or 8 digits for int8, int16, int32, run together without blanks; `#`
starts a comment. X of a run holds T inputs one after the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .errors import RnnEdgeError, UserError
from .ir.arithmetic import IntArray
from .ir.program import DTYPES, Program, Value

INSTANCES = 2


@dataclass(frozen=True)
class Command:
    """One line: `verb` is reset, load, step, run or label; arrays are int64, `x` is `[steps, inputs]`."""

    verb: str
    instance: int
    x: IntArray | None = None
    states: tuple[IntArray, ...] = ()
    label: int = 0

    @property
    def steps(self) -> int:
        return 0 if self.x is None else len(self.x)


Result = IntArray
"""Output and states after a step or run, one flat int64 array."""


class Session(Protocol):
    """A model opened in a runtime with explicit state; arrays are int64, states `[units]` each."""

    def step(self, x: IntArray, states: list[IntArray]) -> tuple[IntArray, list[IntArray]]:
        """One step: `x` is `[inputs]`; the output is `[outputs]`."""

    def run(self, x: IntArray, states: list[IntArray]) -> tuple[IntArray, list[IntArray]]:
        """A sequence: `x` is `[steps, inputs]`; the output `[outputs]`, or `[steps, outputs]`."""


def play(session: Session, program: Program, commands: Iterable[Command]) -> Iterator[Result]:
    """The results of the steps and runs of a script, each instance with its own states."""
    start = program.start_states()
    instances = [list(start) for _ in range(INSTANCES)]
    for command in commands:
        states = instances[command.instance]
        match command.verb:
            case "reset":
                states = list(start)
            case "load":
                states = list(command.states)
            case "step":
                assert command.x is not None
                y, states = session.step(command.x[0], states)
                yield np.concatenate([y.ravel(), *states])
            case "run":
                assert command.x is not None
                y, states = session.run(command.x, states)
                yield np.concatenate([y.ravel(), *states])
        instances[command.instance] = states


Moment = tuple[IntArray, Sequence[IntArray]]
"""Input `[inputs]` and states `[units]` at the beginning of a step."""


def single_steps(moments: Iterable[Moment]) -> list[Command]:
    """A script that sets the states of each moment and takes its step."""
    return [
        command
        for x, states in moments
        for command in (Command("load", 0, None, tuple(states)), Command("step", 0, x[None]))
    ]


# the text form


def write_commands(
    program: Program, commands: Iterable[Command], results: Iterable[Result] | None = None, title: str = "script"
) -> str:
    """The text of a script, with its results where they are given."""
    following = iter(results) if results is not None else None
    lines = [f"# {title}", f"# program {program.hash}"]
    for command in commands:
        line = f"{command.verb} {command.instance}"
        if command.verb == "label":
            line += f" {command.label}"
        if command.verb == "load":
            line += "".join(
                " " + _to_hex(array, program.values[state.name])
                for array, state in zip(command.states, program.states, strict=True)
            )
        if command.x is not None:
            line += f" {command.steps}" if command.verb == "run" else ""
            line += " " + _to_hex(command.x, program.values[program.input])
            if following is not None:
                line += " = " + " ".join(_result_fields(program, command, next(following)))
        lines.append(line)
    return "\n".join(lines) + "\n"


def read_commands(program: Program, path: Path) -> tuple[list[Command], list[Result]]:
    """The script of a text and the results it holds; UserError with file and line where it is damaged."""
    commands, results = [], []
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read as vectors ({error}); run `rnn-edge export` first.") from error
    for number, line in enumerate(lines, 1):
        fields = line.partition("#")[0].split()
        if not fields:
            continue
        try:
            command, rest = _read_command(program, fields)
            commands.append(command)
            if rest:
                results.append(_read_result(program, command, rest))
        except (ValueError, IndexError) as error:
            raise UserError(f"{path}:{number} is no vector of {program.name} ({error}); export it again.") from error
    return commands, results


def read_results(program: Program, commands: Iterable[Command], lines: Iterable[str]) -> list[Result]:
    """The results that a harness printed, one line a step or run; RnnEdgeError where they do not fit the script."""
    played = [command for command in commands if command.x is not None]
    try:
        return [
            _read_result(program, command, ["=", *line.split()]) for command, line in zip(played, lines, strict=True)
        ]
    except (ValueError, IndexError) as error:
        raise RnnEdgeError(f"The harness of {program.name} printed no result ({error}); rebuild it.") from error


def outputs_of(program: Program, command: Command) -> int:
    """Number of integers in the output of a command."""
    size = program.values[program.output].size
    return size * command.steps if command.verb == "run" and program.every_step else size


def _result_fields(program: Program, command: Command, result: Result) -> Iterator[str]:
    start = outputs_of(program, command)
    yield _to_hex(result[:start], program.values[program.output])
    for state in program.states:
        value = program.values[state.name]
        yield _to_hex(result[start : start + value.size], value)
        start += value.size


def _read_command(program: Program, fields: list[str]) -> tuple[Command, list[str]]:
    verb, instance = fields[0], int(fields[1])
    if instance not in range(INSTANCES):
        raise ValueError(f"instance {instance} is not 0 to {INSTANCES - 1}")
    x_format = program.values[program.input]
    match verb:
        case "reset":
            return Command(verb, instance), []
        case "load":
            formats = [program.values[state.name] for state in program.states]
            states = [from_hex(text, value, 1) for text, value in zip(fields[2:], formats, strict=True)]
            return Command(verb, instance, None, tuple(states)), []
        case "step":
            return Command(verb, instance, from_hex(fields[2], x_format, 1).reshape(1, -1)), fields[3:]
        case "label":
            return Command(verb, instance, label=int(fields[2])), []
        case "run":
            steps = int(fields[2])
            return Command(verb, instance, from_hex(fields[3], x_format, steps).reshape(steps, -1)), fields[4:]
    raise ValueError(f"the verb {verb!r} is not reset, load, step, run or label")


def _read_result(program: Program, command: Command, rest: list[str]) -> Result:
    if rest[0] != "=":
        raise ValueError(f"{rest[0]!r} stands where = and the result should")
    output = program.values[program.output]
    formats = [program.values[state.name] for state in program.states]
    count = outputs_of(program, command) // output.size
    parts = [from_hex(rest[1], output, count)]
    parts += [from_hex(text, value, 1) for text, value in zip(rest[2:], formats, strict=True)]
    return np.concatenate(parts)


def _to_hex(array: IntArray, value: Value) -> str:
    digits = np.ascontiguousarray(array.astype(np.dtype(DTYPES[value.dtype]).newbyteorder(">")))
    return digits.tobytes().hex()


def from_hex(text: str, value: Value, count: int) -> NDArray[np.int64]:
    """`count` vectors of the format of `value`, one after the other; ValueError where the text holds something else."""
    array = np.frombuffer(bytes.fromhex(text), dtype=np.dtype(DTYPES[value.dtype]).newbyteorder(">")).astype(np.int64)
    if len(array) != count * value.size:
        raise ValueError(f"{len(array)} integers for {value.name!r}, not {count * value.size}")
    return array
