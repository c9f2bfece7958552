"""Spoken words made by speech synthesizers: voices to learn, voices to be tested by, and noise around them.

Synthetic speech is no evidence for people; it is what can be made anywhere, with voices that training never heard.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 16000

Pcm = NDArray[np.int16]
"""Samples of one channel, `[n]`, at `RATE_HZ`."""


@dataclass(frozen=True)
class Utterance:
    """One word, spoken once by `voice`; `pcm` begins and ends with its sound."""

    word: str
    voice: str
    pcm: Pcm


@dataclass(frozen=True)
class Spoken:
    """A word in a stream of sound, from `start` to `end` in seconds."""

    word: str
    start: float
    end: float
