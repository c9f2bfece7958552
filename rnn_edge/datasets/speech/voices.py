"""Who speaks: voices to learn from, and voices that training never hears.

Held out are whole timbres and whole accents of eSpeak NG, and one speaker of Flite.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from . import Utterance, accents, espeak, flite

HELD_ACCENTS = ("en-gb-x-rp", "en-029")
HELD_SPEAKER = "rms"
_HELD_VARIANTS = 16
_SEED = 510
_RATES = (130, 230)
_PITCHES = (20, 85)
_RANGES = (20, 90)
_SPEEDS = (0.85, 1.18)
_STRETCHES = (0.75, 1.35)
_SHIFTED = 0.9  # of the words for training

Counts = Sequence[tuple[str, int]]
"""Words, and how often each is said."""


def held_variants() -> tuple[str, ...]:
    """The timbres for the test; always the same."""
    chosen = np.random.default_rng(_SEED).permutation(len(espeak.VARIANTS))[:_HELD_VARIANTS]
    return tuple(espeak.VARIANTS[i] for i in sorted(chosen))


def learned_espeak(counts: Counts, rng: np.random.Generator) -> list[Utterance]:
    """Said by the timbres and accents for training, all at random, played faster or slower, most with other vowels."""
    held = held_variants()
    variants = [variant for variant in espeak.VARIANTS if variant not in held]
    learned = [accent for accent in espeak.ACCENTS if accent not in HELD_ACCENTS]
    return _espeak(counts, variants, learned, _SPEEDS, rng, _SHIFTED)


def unheard_espeak(counts: Counts, rng: np.random.Generator) -> list[Utterance]:
    """Said by timbres in accents of which training has neither."""
    return _espeak(counts, held_variants(), HELD_ACCENTS, (1.0, 1.0), rng, 0.0)


def learned_flite(counts: Counts, rng: np.random.Generator) -> list[Utterance]:
    """Said by every speaker for training, at random speeds."""
    speakers = [speaker for speaker in flite.VOICES if speaker != HELD_SPEAKER]
    return _flite(counts, speakers, _SPEEDS, rng)


def unheard_flite(counts: Counts, rng: np.random.Generator) -> list[Utterance]:
    """Said by the speaker that training never hears."""
    return _flite(counts, (HELD_SPEAKER,), (1.0, 1.0), rng)


def _espeak(
    counts: Counts,
    variants: Sequence[str],
    spoken: Sequence[str],
    speeds: tuple[float, float],
    rng: np.random.Generator,
    shifted: float,
) -> list[Utterance]:
    asked = []
    for word, count in counts:
        for _ in range(count):
            rate, pitch, pitch_range = (int(rng.integers(*limits)) for limits in (_RATES, _PITCHES, _RANGES))
            variant, accent = variants[rng.integers(len(variants))], spoken[rng.integers(len(spoken))]
            speed, vowels = rng.uniform(*speeds), accents.draw(rng) if rng.random() < shifted else ()
            asked.append((word, espeak.Voice(accent, variant, rate, pitch, pitch_range, speed, vowels)))
    said = zip(asked, espeak.speak(asked), strict=True)
    return [Utterance(word, voice.variant, pcm) for (word, voice), pcm in said if len(pcm)]


def _flite(
    counts: Counts, speakers: Sequence[str], speeds: tuple[float, float], rng: np.random.Generator
) -> list[Utterance]:
    asked = [
        (word, flite.Voice(speaker, rng.uniform(*_STRETCHES), rng.uniform(*speeds)))
        for word, count in counts
        for speaker in speakers
        for _ in range(count)
    ]
    said = zip(asked, flite.speak(asked), strict=True)
    return [Utterance(word, voice.name, pcm) for (word, voice), pcm in said if len(pcm)]
