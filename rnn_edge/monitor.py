"""Live: lines of physical values go to a board step by step, its answers come back as they are computed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from .errors import UserError
from .ir.arithmetic import IntArray
from .ir.program import Program, check_streams
from .ir.quantize_input import from_float
from .link import Link
from .outputs import FloatArray, decide, dequantize

INSTANCE = 0


@dataclass(frozen=True)
class Seen:
    """What one step gave: its number in the sequence (from 1), real outputs `[outputs]`, cycles if they are counted."""

    step: int
    outputs: FloatArray
    cycles: int | None


def monitor(link: Link, program: Program, lines: Iterable[str]) -> Iterator[Seen]:
    """Take a step for each line of values; an empty line begins a new sequence, `#` begins a comment.

    UserError with the number of a line that is no step of this model, whose steps before it were taken; and where the
    model cannot follow a stream.
    """
    check_streams(program)
    link.reset(INSTANCE)
    step = 0
    for number, line in enumerate(lines, 1):
        fields = line.partition("#")[0].replace(",", " ").replace(";", " ").split()
        if fields:
            step += 1
            y = link.step(INSTANCE, _input(program, number, fields))
            yield Seen(step, dequantize(program, y), link.cycles()[0] or None)
        elif "#" not in line and step:
            link.reset(INSTANCE)
            step = 0


def describe(program: Program, seen: Seen) -> str:
    """The outputs in words: the class and its probability where the model decides, otherwise the numbers."""
    if not program.softmax and not program.classes:
        return " ".join(f"{value:.4g}" for value in seen.outputs)
    index = int(decide(program, seen.outputs))
    name = program.classes[index] if index < len(program.classes) else f"class {index}"
    return f"{name} {100 * _probability(program, seen.outputs, index):.1f} %"


def _probability(program: Program, outputs: FloatArray, index: int) -> float:
    if not program.softmax:
        return float(outputs[0] if index == 1 else 1 - outputs[0]) if len(outputs) == 1 else float(outputs[index])
    powers = np.exp(outputs - outputs.max())
    return float(powers[index] / powers.sum())


def _input(program: Program, number: int, fields: Sequence[str]) -> IntArray:
    """The integers of one line; UserError with its number."""
    size = program.values[program.input].size
    if len(fields) != size:
        raise UserError(f"Line {number} has {len(fields)} values; a step of {program.name} has {size}.")
    try:
        return from_float(program, np.array([_number(field) for field in fields]))
    except ValueError as error:
        raise UserError(f"Line {number} is no step: {error}; give {size} number{'s' * (size > 1)} a line.") from error
    except UserError as error:
        raise UserError(f"Line {number} is no step: {error}") from error


def _number(field: str) -> float:
    try:
        return float(field)
    except ValueError as error:
        raise ValueError(f"{field!r} is no number") from error
