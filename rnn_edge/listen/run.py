"""A whole sound, piece by piece."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .hear import Detection, Ears, Stream, named

_PIECE = 1 << 14  # samples whose features are computed together


class Witness(Protocol):
    """Who hears the same samples, and says so where anything comes out otherwise."""

    def hear(self, samples: NDArray[np.int16], scores: NDArray[np.uint16], classes: NDArray[np.int64]) -> None:
        """The next samples, with scores `[frames, classes]` and detections `[frames]` of the frames they complete.

        MismatchError where it has others.
        """


@dataclass(frozen=True)
class Heard:
    """What was detected in `frames` frames of `seconds` of sound, and how many seconds that took here."""

    detections: tuple[Detection, ...]
    frames: int
    seconds: float
    elapsed: float


def run(
    ears: Ears,
    pieces: Iterable[NDArray[np.int16]],
    witness: Witness | None = None,
    done: Callable[[int], None] = lambda samples: None,
) -> Heard:
    """Listen to successive samples to their end; of a long sound only the detections are held.

    `done` hears how many samples are done.
    """
    started = time.perf_counter()
    stream = Stream(ears)
    detected: list[Detection] = []
    samples = frames = 0
    for piece in _small(pieces):
        scores = stream.scores(piece)
        classes = stream.decide(scores)
        if witness is not None:
            witness.hear(piece, scores, classes)
        detected += named(ears, classes, frames)
        frames += len(scores)
        samples += len(piece)
        done(samples)
    return Heard(tuple(detected), frames, samples / ears.features.rate_hz, time.perf_counter() - started)


def _small(pieces: Iterable[NDArray[np.int16]]) -> Iterator[NDArray[np.int16]]:
    for piece in pieces:
        yield from (piece[start : start + _PIECE] for start in range(0, len(piece), _PIECE))
