"""From samples to detections, all in the integers of the device."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from ..features import Decider, Decision, LogMel, from_dict
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


class Frames:
    """The features of a stream of samples, piece by piece."""

    def __init__(self, features: LogMel) -> None:
        self._features = features
        self._held = np.zeros(0, np.int16)

    def of(self, samples: NDArray[np.int16]) -> NDArray[np.int16]:
        """Features `[frames, mels]` of the frames that the next samples complete: those of all pieces in one."""
        held = np.concatenate([self._held, samples])
        frames = self._features.frames(held)
        self._held = held[len(frames) * self._features.hop :]
        return frames


class Stream:
    """A program that hears one stream from its beginning."""

    def __init__(self, heard: Ears) -> None:
        self._program, self._classes = heard.program, heard.decision.classes
        self._frames, self._decider = Frames(heard.features), Decider(heard.decision)
        self._interpreter = Interpreter(heard.program)
        self._states = self._interpreter.start_states()
        self._multiplier = arithmetic.softmax_multiplier(heard.program.values[heard.program.output].scale)

    def scores(self, samples: NDArray[np.int16]) -> NDArray[np.uint16]:
        """Scores of the classes `[frames, classes]`, 0 to 32767, of the frames that the next samples complete."""
        frames = self._frames.of(samples)
        rows = np.zeros((len(frames), self._classes), np.uint16)
        for row, x in zip(rows, from_raw(self._program, frames), strict=True):
            y, self._states = self._interpreter.step(x[None], self._states)
            row[:] = arithmetic.softmax(y[0], self._multiplier)
        return rows

    def decide(self, scores: NDArray[np.uint16]) -> NDArray[np.int64]:
        """The class detected at each frame or -1, `[frames]`, of the scores of the next frames."""
        return np.array([self._decider.decide(row) for row in scores], dtype=np.int64)


def scores(heard: Ears, pieces: Iterable[NDArray[np.int16]]) -> Iterator[NDArray[np.uint16]]:
    """Scores of the classes `[frames, classes]`, 0 to 32767, of successive samples, a block for each piece."""
    return map(Stream(heard).scores, pieces)


def detections(heard: Ears, found: NDArray[np.uint16]) -> list[Detection]:
    """What is detected in the scores `[frames, classes]` of a stream from its beginning."""
    return named(heard, heard.decision.detections(found), 0)


def named(heard: Ears, classes: NDArray[np.int64], first: int) -> list[Detection]:
    """The detections among the classes, or -1, of the frames from `first` on."""
    return [
        Detection(time_of(heard.features, first + int(frame)), heard.program.classes[classes[frame]])
        for frame in np.flatnonzero(classes >= 0)
    ]


def time_of(features: LogMel, frame: int) -> float:
    """When the last sample of a frame is there, in seconds."""
    return (frame * features.hop + features.window) / features.rate_hz
