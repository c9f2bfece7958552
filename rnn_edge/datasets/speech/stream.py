"""Minutes of sound as a device hears them: words at known times, with pauses, in rooms and noise that change."""

from __future__ import annotations

import numpy as np

from . import RATE_HZ, Pcm, Spoken
from .clips import Bank
from .scene import scene

_SCENE_S = 30  # then another room and another noise
_PAUSE_S = (0.5, 5.0)
_WANTED = 0.5  # share of the utterances that are words to be found


def stream(source: Bank, seconds: int, rng: np.random.Generator) -> tuple[Pcm, list[Spoken]]:
    """Samples of so many seconds, a multiple of 30, and the words to be found in them, by time."""
    parts, spoken = [], []
    for begin in range(0, seconds, _SCENE_S):
        utterances, at = [], 0
        while True:
            at += int(rng.uniform(*_PAUSE_S) * RATE_HZ)
            utterance = source.any(rng, _WANTED)
            if at + len(utterance.pcm) > (_SCENE_S - 1) * RATE_HZ:
                break
            utterances.append((at, utterance.pcm))
            if utterance.word in source.words:
                times = (begin + sample / RATE_HZ for sample in (at, at + len(utterance.pcm)))
                spoken.append(Spoken(utterance.word, *times))
            at += len(utterance.pcm)
        parts.append(scene(utterances, _SCENE_S * RATE_HZ, rng))
    return np.concatenate(parts), spoken
