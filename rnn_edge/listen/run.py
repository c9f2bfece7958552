"""A whole sound, piece by piece."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from .hear import Detection, Ears, detections, scores

_PIECE = 1 << 14  # samples whose features are computed together


@dataclass(frozen=True)
class Heard:
    """What was detected in `seconds` of sound, and how many seconds that took here."""

    detections: tuple[Detection, ...]
    seconds: float
    elapsed: float


def run(ears: Ears, pieces: Iterable[NDArray[np.int16]]) -> Heard:
    """Listen to successive samples to their end; of a long sound only the scores are held.

    UserError where there is not one frame.
    """
    started = time.perf_counter()
    count = 0

    def counted() -> Iterator[NDArray[np.int16]]:
        nonlocal count
        for piece in pieces:
            count += len(piece)
            yield from (piece[start : start + _PIECE] for start in range(0, len(piece), _PIECE))

    found = list(scores(ears, counted()))
    if count < ears.features.window:
        raise UserError(
            f"The sound has {count} samples, and the first frame needs {ears.features.window}: record for longer."
        )
    detected = detections(ears, np.concatenate(found))
    return Heard(tuple(detected), count / ears.features.rate_hz, time.perf_counter() - started)
