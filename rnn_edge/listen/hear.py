"""From samples to detections, all in the integers of the device."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from ..features import Decision, LogMel, from_dict
from ..ir import arithmetic
from ..ir.interpret import Interpreter
from ..ir.program import Program
from ..ir.quantize_input import from_raw


@dataclass(frozen=True)
class Ears:
    """A program with what lies before and behind it."""

    program: Program
    features: LogMel
    decision: Decision

    @property
    def words(self) -> tuple[str, ...]:
        """The classes that can be detected."""
        return tuple(name for name, wanted in zip(self.program.classes, self.decision.wanted, strict=True) if wanted)


@dataclass(frozen=True)
class Detection:
    """A class that was detected at `time`, the end of the frame that decided it, in seconds from the beginning."""

    time: float
    word: str


def ears(program: Program) -> Ears:
    """UserError where the program does not say how it listens."""
    if program.features is None or program.decision is None:
        raise UserError(
            f"{program.name} does not say how it listens: add [features] and [decision] to its model.toml, train and "
            "export it again."
        )
    features, decision = from_dict(program.features), from_dict(program.decision)
    value = program.values[program.output]
    if (
        not isinstance(features, LogMel)
        or not isinstance(decision, Decision)
        or features.size != program.values[program.input].size
    ):
        raise UserError(f"{program.name} has features that are not its own: export it again.")
    if not program.softmax or value.dtype != "int16" or decision.classes != value.size:
        raise UserError(f"{program.name} gives no int16 scores of its {value.size} classes: end it with a softmax.")
    return Ears(program, features, decision)


def with_threshold(heard: Ears, threshold: float) -> Ears:
    """With another probability from which a class is detected, 0 to 1."""
    return replace(heard, decision=replace(heard.decision, threshold=max(1, round(threshold * 32767))))


def scores(heard: Ears, pieces: Iterable[NDArray[np.int16]]) -> Iterator[NDArray[np.uint16]]:
    """Scores of the classes `[frames, classes]`, 0 to 32767, of successive samples, a block for each piece."""
    program = heard.program
    interpreter = Interpreter(program)
    multiplier = arithmetic.softmax_multiplier(program.values[program.output].scale)
    states = interpreter.start_states()
    for frames in frames_of(heard.features, pieces):
        rows = np.zeros((len(frames), heard.decision.classes), np.uint16)
        for row, x in zip(rows, from_raw(program, frames), strict=True):
            y, states = interpreter.step(x[None], states)
            row[:] = arithmetic.softmax(y[0], multiplier)
        yield rows


def frames_of(features: LogMel, pieces: Iterable[NDArray[np.int16]]) -> Iterator[NDArray[np.int16]]:
    """Features `[frames, mels]` of successive samples, a block for each piece: those of the pieces in one."""
    held = np.zeros(0, np.int16)
    for piece in pieces:
        held = np.concatenate([held, piece])
        frames = features.frames(held)
        held = held[len(frames) * features.hop :]
        yield frames


def detections(heard: Ears, found: NDArray[np.uint16]) -> list[Detection]:
    """What is detected in the scores `[frames, classes]` of a stream from its beginning."""
    classes = heard.decision.detections(found)
    return [
        Detection(time_of(heard.features, int(frame)), heard.program.classes[classes[frame]])
        for frame in np.flatnonzero(classes >= 0)
    ]


def time_of(features: LogMel, frame: int) -> float:
    """When the last sample of a frame is there, in seconds."""
    return (frame * features.hop + features.window) / features.rate_hz
