"""Clips of 1.5 s to learn words from, as a device meets them: in the middle of a stream that has no beginning.

A word ends in the last part of its clip, often after another one; the background is everything else, such as other
words, a word of long ago, or one that has only begun. No background is what a listener would call a word: none holds
the end of one that is not of long ago, and half of "no" or "go" is a short one, so that these are never cut.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ...features import LogMel
from . import RATE_HZ, Utterance
from .scene import scene
from .words import OPEN

SAMPLES = 3 * RATE_HZ // 2
BACKGROUND = "background"

_AFTER = round(0.35 * RATE_HZ)  # the longest time from the end of a word to that of its clip
_LONG_AGO = (round(0.7 * RATE_HZ), round(1.3 * RATE_HZ))
_BEGUN = (0.25, 0.5)  # the part of a word that has been heard where it has only begun
_GAP = (round(0.05 * RATE_HZ), round(0.6 * RATE_HZ))  # between two words
_JOBS = 2
_AT_ONCE = 250  # clips


@dataclass(frozen=True)
class Clip:
    """What is to be heard: utterances by their first sample, and the class.

    `seed` decides room and noise, and the microphone where it is `varied`.
    """

    utterances: tuple[tuple[int, Utterance], ...]
    label: int
    voice: str
    seed: int
    varied: bool = False


@dataclass(frozen=True)
class Bank:
    """Utterances by word: `words` are to be found, `others` are not."""

    words: dict[str, list[Utterance]]
    others: dict[str, list[Utterance]]

    def any(self, rng: np.random.Generator, wanted: float = 0.5) -> Utterance:
        """One at random, with this probability one that is to be found."""
        return _one(self.words if rng.random() < wanted else self.others, rng)


def bank(utterances: Sequence[Utterance], words: Sequence[str]) -> Bank:
    """The utterances sorted by word."""
    by_word: dict[str, list[Utterance]] = {}
    for utterance in utterances:
        by_word.setdefault(utterance.word, []).append(utterance)
    others = {word: said for word, said in by_word.items() if word not in words}
    return Bank({word: by_word[word] for word in words}, others)


def draw(source: Bank, per_class: int, backgrounds: int, rng: np.random.Generator, varied: bool = False) -> list[Clip]:
    """`per_class` clips of every word and `backgrounds` of none; class 0 is the background, then the words in order."""
    clips = [
        _clip(_with_word(utterance, rng), source, number, rng)
        for number, said in enumerate(source.words.values(), 1)
        for utterance in _several(said, per_class, rng)
    ]
    clips += [_clip(_KINDS[i % len(_KINDS)](source, rng), source, 0, rng) for i in range(backgrounds)]
    return [replace(clip, varied=varied) for clip in clips]


def frames(clips: Sequence[Clip], features: LogMel) -> Iterator[NDArray[np.int16]]:
    """Features `[clips, frames, mels]` of the clips in order, some at a time."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(_JOBS, context) as pool:
        parts = [clips[i : i + _AT_ONCE] for i in range(0, len(clips), _AT_ONCE)]
        yield from pool.map(partial(_frames, features), parts)


def _frames(features: LogMel, clips: Sequence[Clip]) -> NDArray[np.int16]:
    return np.stack([features.frames(render(clip)) for clip in clips])


def render(clip: Clip) -> NDArray[np.int16]:
    """The samples of a clip, `[SAMPLES]`."""
    placed = [(start, utterance.pcm) for start, utterance in clip.utterances]
    return scene(placed, SAMPLES, np.random.default_rng(clip.seed), clip.varied)


_Placed = tuple[int, Utterance]


def _clip(last: _Placed | None, source: Bank, label: int, rng: np.random.Generator) -> Clip:
    """Half of the clips with a word have another one before it, unless that would be the word of the clip."""
    utterances: tuple[_Placed, ...] = () if last is None else (last,)
    if last is not None and rng.random() < 0.5:
        before, end = source.any(rng), last[0] - int(rng.integers(*_GAP))
        if label or before.word in source.others or end <= SAMPLES - _LONG_AGO[0]:
            utterances = ((end - len(before.pcm), before), last)
    # Noise alone belongs to a voice as well, so that it is learned or held out like all else.
    voice = last[1].voice if last else source.any(rng).voice
    return Clip(utterances, label, voice, int(rng.integers(2**32)))


def _with_word(utterance: Utterance, rng: np.random.Generator) -> _Placed:
    return SAMPLES - int(rng.integers(_AFTER)) - len(utterance.pcm), utterance


def _other(source: Bank, rng: np.random.Generator) -> _Placed:
    return _with_word(_one(source.others, rng), rng)


def _nothing(source: Bank, rng: np.random.Generator) -> None:
    return None


def _past(source: Bank, rng: np.random.Generator) -> _Placed:
    utterance = _one(source.words, rng)
    return SAMPLES - int(rng.integers(*_LONG_AGO)) - len(utterance.pcm), utterance


def _begun(source: Bank, rng: np.random.Generator) -> _Placed:
    utterance = _one({word: said for word, said in source.words.items() if word not in OPEN}, rng)
    return SAMPLES - int(rng.uniform(*_BEGUN) * len(utterance.pcm)), utterance


_KINDS: tuple[Callable[[Bank, np.random.Generator], _Placed | None], ...] = (_other, _other, _nothing, _past, _begun)
"""What the background is, by turns."""


def _one(by_word: dict[str, list[Utterance]], rng: np.random.Generator) -> Utterance:
    said = by_word[list(by_word)[rng.integers(len(by_word))]]
    return said[rng.integers(len(said))]


def _several(said: Sequence[Utterance], count: int, rng: np.random.Generator) -> list[Utterance]:
    """All of them as often as each other, as far as that goes."""
    order = np.concatenate([rng.permutation(len(said)) for _ in range(-(-count // len(said)))])
    return [said[i] for i in order[:count]]
