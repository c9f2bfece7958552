"""Text as tokens, one a character: 0 is padding, 1 any character that is not in `ALPHABET`, the others are its own."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

ALPHABET = " abcdefghijklmnopqrstuvwxyzàáâãäåçèéêëìíîïñòóôõöùúûüğışß'’-.,:;?!¿¡\""
UNKNOWN = 1
VOCABULARY = 2 + len(ALPHABET)
MAX_CHARACTERS = 64

_TOKEN = {character: 2 + i for i, character in enumerate(ALPHABET)}


def tokens(text: str) -> NDArray[np.int32]:
    """One token for each character of `text`, in lower case and as one code point where there is one."""
    # "İ" alone has two code points in lower case.
    lower = unicodedata.normalize("NFC", text).replace("İ", "i").lower()
    return np.array([_TOKEN.get(character, UNKNOWN) for character in lower], np.int32)


def padded(lines: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """`x` int32 `[N, 64]` and the lengths of the lines, which are cut after 64 characters."""
    x = np.zeros((len(lines), MAX_CHARACTERS), np.int32)
    lengths = np.empty(len(lines), np.int64)
    for i, line in enumerate(lines):
        found = tokens(line)[:MAX_CHARACTERS]
        x[i, : len(found)], lengths[i] = found, len(found)
    return x, lengths
