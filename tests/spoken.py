"""A little of what `spoken_words` renders in minutes, in seconds: the same voices, rooms and noise, fewer words.

The bundled weights that are calibrated on it give another program than the one that is shipped, of the same network.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from rnn_edge.datasets import Dataset, Split, with_calibration
from rnn_edge.datasets.speech import Pcm, Spoken, clips, voices
from rnn_edge.datasets.speech.stream import stream
from rnn_edge.datasets.speech.words import LEARNED_OTHERS, UNHEARD_OTHERS, WORDS
from rnn_edge.features import LogMel

_LEARNED, _UNHEARD = LEARNED_OTHERS[::40], UNHEARD_OTHERS[::8]


def few_words(features: LogMel) -> Dataset:
    """44 clips to calibrate on and 22 for the test; MissingError without eSpeak NG."""
    rng = np.random.default_rng(1)
    learned = clips.bank(voices.learned_espeak([(word, 2) for word in (*WORDS, *_LEARNED)], rng), WORDS)
    return with_calibration(
        "spoken_words",
        (clips.BACKGROUND, *WORDS),
        _split(clips.draw(learned, 4, 4, rng, varied=True), features),
        _split(clips.draw(_unheard(), 2, 2, rng), features),
    )


def minute() -> tuple[Pcm, list[Spoken]]:
    """A minute of sound by voices that training never hears, and the words to be found in it."""
    return stream(_unheard(), 60, np.random.default_rng(2))


@cache
def _unheard() -> clips.Bank:
    said = [(word, 2) for word in (*WORDS, *_UNHEARD)]
    return clips.bank(voices.unheard_espeak(said, np.random.default_rng(3)), WORDS)


def _split(drawn: list[clips.Clip], features: LogMel) -> Split:
    x = np.stack([features.frames(clips.render(clip)) for clip in drawn]).astype(np.float32) * np.float32(features.unit)
    labels = np.array([clip.label for clip in drawn], np.int64)
    return Split(x, np.full(len(x), x.shape[1], np.int64), labels)
