"""The firmware that measures, firmware/bench/bench.c: run on an emulated board, its lines read."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from .. import emulators
from ..board import Board
from ..errors import LinkError, MismatchError
from ..link import Transport
from ..tools import Image
from .counter import Counter

SILENCE_SECONDS = 60.0
"""How long a line may take: on a slow machine, a step of a large network in simavr does take seconds."""

_LINE = re.compile(r"([a-z_]+) ([0-9a-f]{8})")
_PASSES = 2


@dataclass(frozen=True)
class Counts:
    """What the firmware found: the count of each step, the bytes of stack, and of each lap the sum over all steps."""

    steps: tuple[int, ...]
    stack: int
    laps: tuple[int, ...]


def link_of(board: Board) -> str:
    """The link to build the firmware for: semihosting in QEMU, whose UARTs may lose what is not read at once."""
    return "semihosting" if emulators.has_semihosting(board, "qemu") else "uart"


def run(image: Image, board: Board, counter: Counter) -> Counts:
    """Boot the image and read what it measures.

    MismatchError where a step computes other integers than the interpreter, LinkError where the board falls silent,
    MissingError without the emulator.
    """
    with emulators.emulator(board, image, link=link_of(board), icount=counter.icount) as emulated:
        transport = emulated.open()
        try:
            found = _numbers(transport, board)
        finally:
            transport.close()
    counter.check(board, found["nops"][0], found["empty"][0])
    return _counts(found, counter)


def _counts(found: dict[str, list[int]], counter: Counter) -> Counts:
    """Of the passes over the steps the smaller count is right: see PASSES in bench.c."""
    empty = counter.count(found["empty"][0])
    steps = [counter.count(ticks) - empty for ticks in found["step"]]
    size = len(steps) // _PASSES
    passes = [steps[start : start + size] for start in range(0, len(steps), size)]
    per_lap = counter.count(found["lap_empty"][0]) * size if found["lap"] else 0
    return Counts(
        steps=tuple(map(min, *passes)),
        stack=found["stack"][0],
        laps=tuple(counter.count(ticks) - per_lap for ticks in found["lap"]),
    )


def _numbers(transport: Transport, board: Board) -> dict[str, list[int]]:
    """The numbers of each key, in the order they came."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    for key, number in _lines(transport, board):
        if key == "wrong":
            raise MismatchError(
                f"Step {number + 1} of the self-test came out wrong on {board.id}: other integers than the "
                "interpreter's; `rnn-edge verify` shows where they begin to differ."
            )
        found[key].append(number)
    return found


def _lines(transport: Transport, board: Board) -> Iterator[tuple[str, int]]:
    """Key and number of each line, up to `end`."""
    text = ""
    while True:
        line, newline, rest = text.partition("\n")
        if not newline:
            came = transport.read(SILENCE_SECONDS)
            if not came:
                raise LinkError(f"{board.id} said nothing for {SILENCE_SECONDS:g} s while it measured; try again.")
            text += came.decode("ascii", errors="replace")
            continue
        text = rest
        match = _LINE.fullmatch(line)
        if match is None:
            raise LinkError(f"{board.id} said {line[:40]!r} while it measured, which is no measurement; try again.")
        if match[1] == "end":
            return
        yield match[1], int(match[2], 16)
