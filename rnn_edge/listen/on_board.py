"""A board that listens: the samples go over its link, what it answers is compared, what a frame costs is counted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from .. import device, emulators, flash
from ..bench.counter import Counter, counter_of
from ..bench.measurement import CYCLES
from ..board import Board
from ..build import USUAL, Variant, build
from ..device import Way
from ..errors import MismatchError, UserError
from ..link import HeardFrame, Link
from ..paths import Artifacts
from .hear import Ears, time_of


@dataclass(frozen=True)
class Cost:
    """What a frame took on a board, in `unit`: instructions or cycles.

    `load` is the share of real time at the clock of the board, `latency` in seconds from the last sample of a frame to
    its scores at most; of instructions both are at one a cycle.
    """

    unit: str
    mean: int
    most: int
    load: float
    latency: float


class BoardEars:
    """A board as witness of what the interpreter hears."""

    def __init__(self, board: Board, link: Link, ears: Ears, counter: Counter | None) -> None:
        self.board = board
        self._link, self._ears, self._counter = link, ears, counter
        self._size = min(ears.features.hop, link.info().samples_at_once)
        self._begun = False
        self._frames = self._total = self._most = 0

    def hear(self, samples: NDArray[np.int16], scores: NDArray[np.uint16], classes: NDArray[np.int64]) -> None:
        """One request after another, each when the one before is answered: a slow link is never overrun."""
        found = list(self._heard(samples))
        if len(found) != len(scores):
            raise MismatchError(
                f"{self.board.id} made {len(found)} frames of {len(samples)} samples, and the interpreter "
                f"{len(scores)}; flash it again."
            )
        for frame, row, detected in zip(found, scores, classes, strict=True):
            self._compare(frame, row, int(detected))
            count = 0 if self._counter is None else self._counter.count(frame.cycles)
            self._frames, self._total, self._most = self._frames + 1, self._total + count, max(self._most, count)

    def _heard(self, samples: NDArray[np.int16]) -> Iterator[HeardFrame]:
        for start in range(0, len(samples), self._size):
            frame = self._link.hear(samples[start : start + self._size], begins=not self._begun)
            self._begun = True
            if frame is not None:
                yield frame

    def _compare(self, frame: HeardFrame, scores: NDArray[np.uint16], detected: int) -> None:
        wrong = np.flatnonzero(frame.scores != scores)
        where = f"frame {self._frames + 1} (at {time_of(self._ears.features, self._frames):.2f} s)"
        if len(wrong):
            index = int(wrong[0])
            raise MismatchError(
                f"{self.board.id} hears otherwise than the interpreter: in {where} the score of "
                f"{self._ears.program.classes[index]} is {frame.scores[index]}, not {scores[index]}; flash it again."
            )
        if frame.detected != detected:
            raise MismatchError(
                f"{self.board.id} decides otherwise than the interpreter: in {where} it detects "
                f"{self._name(frame.detected)}, not {self._name(detected)}; flash it again."
            )

    def _name(self, index: int) -> str:
        classes = self._ears.program.classes
        return classes[index] if 0 <= index < len(classes) else "nothing"

    @property
    def cost(self) -> Cost | None:
        """Of the frames so far; None where the cycle counter counts nothing."""
        if self._counter is None or not self._total:
            return None
        features, hz = self._ears.features, self.board.clock.hz
        mean = self._total / self._frames
        load = mean * features.frames_per_s / hz
        return Cost(self._counter.unit, round(mean), self._most, load, self._most / hz)


@contextmanager
def listening(ears: Ears, files: Artifacts, board: Board, port: str | None, profile: str | None) -> Iterator[BoardEars]:
    """The board with the program of `ears`: an emulated one is built and started for it, a real one runs as flashed.

    In QEMU the board counts instructions, in simavr cycles of the chip, a real one what its counter counts. `profile`:
    one of `build.PROFILES`, for an emulated board; UserError for a real one. Errors are those of `device.flashed` and
    `device.connected`; LinkError where the firmware has no ears, MismatchError where it has another program.
    """
    program = ears.program
    if not board.emulated:
        if profile is not None:
            raise UserError(f"{board.id} listens as it was flashed: leave out --profile, or flash it with it.")
        with device.connected(board, port, files.folder.parent) as found:
            device.identify(found.link, board, program.hash)
            yield BoardEars(board, found.link, ears, Counter(CYCLES, Fraction(1), None))
        return
    tool, variant = flash.choose(board).name, USUAL if profile is None else Variant(profile)
    counter = counter_of(board)
    if emulators.has_semihosting(board, tool):
        with device.by_semihosting(program, files, board, variant, counter.icount) as link:
            yield BoardEars(board, link, ears, counter)
        return
    image = build(program, files, board, files.board(board.id), variant=variant).image
    with device.flashed(image, program.hash, board, Way(tool)) as found:
        yield BoardEars(board, found.link, ears, None if emulators.counts(board, tool) else counter)
