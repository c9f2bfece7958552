"""Samples of a sound file as the device would have taken them: int16, one channel, at the rate of the features."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from ..features import LogMel
from ..recordings import Chunk
from ..recordings.resample import MAX_RATIO, resampled
from ..recordings.wav_file import open_file


@dataclass(frozen=True)
class Sound:
    """`samples`: how many they become. `notes` say, a sentence each, what was done to the samples of the file."""

    path: Path
    rate_hz: int
    samples: int
    notes: tuple[str, ...]

    def pieces(self) -> Iterator[NDArray[np.int16]]:
        """Successive samples `[n]`, read as they are asked for; UserError where the file is damaged."""
        stream = open_file(self.path)
        assert stream.rate_hz is not None
        mono: Iterator[Chunk] = (chunk.mean(axis=1, keepdims=True) for chunk in stream.chunks())
        for chunk in mono if stream.rate_hz == self.rate_hz else resampled(mono, stream.rate_hz, self.rate_hz):
            yield np.clip(np.rint(chunk[:, 0] * 32768), -32768, 32767).astype(np.int16)


def open_sound(path: Path, features: LogMel) -> Sound:
    """The header of a WAV file, and what its samples need to be heard by these features.

    UserError where it is no WAV file, cannot be converted, or has not one frame.
    """
    rate_hz = features.rate_hz
    stream = open_file(path)
    assert stream.rate_hz is not None
    notes = []
    if len(stream.channels) > 1:
        notes.append(f"The mean of {len(stream.channels)} channels is heard.")
    if stream.rate_hz != rate_hz:
        if not 1 / MAX_RATIO <= stream.rate_hz / rate_hz <= MAX_RATIO:
            raise UserError(f"{path} has {stream.rate_hz:g} Hz, too far from {rate_hz} Hz: record it at {rate_hz} Hz.")
        notes.append(f"Resampled from {stream.rate_hz:g} Hz to {rate_hz} Hz by a polyphase filter.")
        if stream.rate_hz < rate_hz:
            notes.append(f"Above {stream.rate_hz / 2:g} Hz there is nothing to hear, where the network expects sound.")
    assert stream.steps is not None
    samples = math.ceil(stream.steps * rate_hz / stream.rate_hz)
    if samples < features.window:
        raise UserError(
            f"{path} gives {samples} samples, and the first frame needs {features.window}: record for longer."
        )
    return Sound(path, rate_hz, samples, tuple(notes))
