"""Ten words said by speech synthesizers, in rooms, in noise, among other words: log-mel features of 1.5 s.

The classes are those of Speech Commands (P. Warden, 2018, arXiv:1804.03209) that name one word. All audio is made here
by eSpeak NG and Flite, see `speech`; nothing is downloaded. The test split is said by timbres and accents that the
training split has not, among other words that it has not.
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ..features import LogMel
from ..files import write_atomically
from . import Dataset, Split, with_calibration
from .speech import clips, espeak, flite, voices
from .speech.words import LEARNED_OTHERS, UNHEARD_OTHERS, WORDS
from .wheel import cache_folder

VERSION = 3
"""Of everything that decides the samples: one more where any of it changes."""

_SEED = 7
_FLITE = "flite"
_PARTS = ("train", "test", _FLITE)
_CLIPS = {"train": 1800, "test": 80, "flite": 40}  # of each word
_BACKGROUNDS = {"train": 3, "test": 2, "flite": 2}  # times as many clips without one
_SPOKEN = {"train": (900, 10), "test": (80, 8), "flite": (40, 4)}  # each word, each other
_BY_FLITE = (20, 1)  # said by each of its speakers for training
_FLITE_SHARE = 4  # one training clip in so many is said by Flite


def load(features: LogMel) -> Dataset:
    """Training and test by voices of eSpeak NG and Flite; made on first use, a few minutes, and kept.

    MissingError where a synthesizer is not installed.
    """
    return tested_by("test", features)


def tested_by(part: str, features: LogMel) -> Dataset:
    """The training split with one of the others: "test" is said by eSpeak NG, "flite" by Flite."""
    parts = _parts(features)
    return with_calibration("spoken_words", (clips.BACKGROUND, *WORDS), parts["train"], parts[part])


def _parts(features: LogMel) -> dict[str, Split]:
    """The splits by name, from the cache where they are."""
    described = {"version": VERSION, "features": features.to_dict(), "espeak": espeak.version()}
    key = hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:16]
    path = cache_folder() / f"spoken_words_{key}.npz"
    if not path.is_file():
        packed = io.BytesIO()
        np.savez(packed, **_made(features))
        write_atomically(path, packed.getvalue())
    with np.load(path, allow_pickle=False) as arrays:
        return {part: _split(arrays[f"{part}_x"], arrays[f"{part}_y"], arrays[f"{part}_group"]) for part in _PARTS}


def _split(x: NDArray[np.int16], y: NDArray[np.int64], group: NDArray[np.int64]) -> Split:
    # float32 holds a feature exactly
    return Split(x.astype(np.float32) / 256, np.full(len(x), x.shape[1], np.int64), y, group)


def _made(features: LogMel) -> dict[str, NDArray[np.generic]]:
    # Each split by numbers of its own: what is changed in training leaves the tests as they are.
    drawn = {part: _drawn(part, np.random.default_rng([_SEED, number])) for number, part in enumerate(_PARTS)}
    # The few speakers of Flite are one group: too large to be held out for validation, they are always learned.
    groups = {part: [_FLITE if clip.voice in flite.VOICES else clip.voice for clip in drawn[part]] for part in _PARTS}
    names = sorted({name for own in groups.values() for name in own})
    arrays: dict[str, NDArray[np.generic]] = {}
    for part, chosen in drawn.items():
        arrays[f"{part}_x"] = np.concatenate(list(_shown(part, chosen, features)))
        arrays[f"{part}_y"] = np.array([clip.label for clip in chosen], np.int64)
        arrays[f"{part}_group"] = np.array([names.index(name) for name in groups[part]], np.int64)
    return arrays


def _drawn(part: str, rng: np.random.Generator) -> list[clips.Clip]:
    """The clips of one split."""
    count, (often, seldom) = _CLIPS[part], _SPOKEN[part]
    others = LEARNED_OTHERS if part == "train" else UNHEARD_OTHERS
    said = [(word, often) for word in WORDS] + [(word, seldom) for word in others]
    _tell(f"speaking {len(said)} words for {part}")
    if part != "train":
        speak = voices.unheard_espeak if part == "test" else voices.unheard_flite
        return clips.draw(clips.bank(speak(said, rng), WORDS), count, _BACKGROUNDS[part] * count, rng)
    by_flite = [(word, _BY_FLITE[word in others]) for word, _ in said]
    few = count // _FLITE_SHARE
    sources = ((count - few, voices.learned_espeak(said, rng)), (few, voices.learned_flite(by_flite, rng)))
    return [
        clip
        for number, utterances in sources
        for clip in clips.draw(clips.bank(utterances, WORDS), number, _BACKGROUNDS[part] * number, rng, varied=True)
    ]


def _shown(part: str, chosen: Sequence[clips.Clip], features: LogMel) -> Iterator[NDArray[np.int16]]:
    done = 0
    for x in clips.frames(chosen, features):
        done += len(x)
        yield x
        if done % 2500 == 0 or done == len(chosen):
            _tell(f"{done:,} of {len(chosen):,} clips for {part}")


def _tell(text: str) -> None:
    print(f"spoken words (made once): {text}", file=sys.stderr)
