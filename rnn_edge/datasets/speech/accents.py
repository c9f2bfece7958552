"""Accents by rule: English differs most in its vowels, by sets of words (J. C. Wells, Accents of English, 1982).

A vowel of eSpeak NG, as its mnemonics name it, is said as another that some accent of English has in these words.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

Vowels = tuple[tuple[str, str], ...]
"""Pairs: a phoneme, and those by which it is said instead, separated by `|`."""

_LOT = ("0", "O:", "A:", "a", "O")

SETS: Mapping[str, tuple[str, ...]] = {
    "I": ("I", "i", "@"),  # kit
    "E": ("E", "e"),  # dress
    "a": ("a", "A:", "E"),  # trap
    "V": ("V", "U", "a", "@", "O", "o"),  # strut
    "0": _LOT,
    "O2": _LOT,
    "O:": ("O:", "o:", "A:"),  # thought
    "oU": ("oU", "@|U", "E|U", "o:", "O:", "V|U", "0|U"),  # goat
    "aU": ("aU", "V|U", "E|U", "a:", "o|U"),  # mouth
    "aI": ("aI", "OI", "V|I", "a:"),  # price
    "eI": ("eI", "e:", "a|I"),  # face
    "u:": ("u:", "U"),  # goose
}
"""What each vowel may be."""


def draw(rng: np.random.Generator) -> Vowels:
    """An accent: one vowel at random for each set."""
    return tuple((own, others[rng.integers(len(others))]) for own, others in SETS.items())


def said(phonemes: str, vowels: Vowels) -> str:
    """The phonemes of a word, separated by `|`, with their stress, in another accent."""
    instead = dict(vowels)
    parts = []
    for phoneme in phonemes.split("|"):
        bare = phoneme.lstrip("',%=")
        parts.append(phoneme[: len(phoneme) - len(bare)] + instead.get(bare, bare))
    return "|".join(parts)
