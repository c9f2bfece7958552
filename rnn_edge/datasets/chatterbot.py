"""The wheel of chatterbot-corpus (BSD-3-Clause): conversations that its users contributed, in many languages."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import MissingError
from . import conversations, wheel

WHEEL = wheel.Wheel(
    "chatterbot-corpus",
    "1.3.3",
    "chatterbot_corpus-1.3.3-py2.py3-none-any.whl",
    "86de5300afb9a80826386339d3bec79c0a72eb0358abb8327e2ecef5ae0ce154",
)
_FOLDER = "chatterbot_corpus/data/"
_IN_ENGLISH = {_FOLDER + "swedish/conversations.yml"}


def conversations_in(language: str, least_words: int) -> list[list[str]]:
    """The conversations of a language, white space as one blank, without lines of fewer words."""
    spoken = []
    for member in wheel.members(WHEEL, f"{_FOLDER}{language}/"):
        if member in _IN_ENGLISH:
            continue
        try:
            parsed = conversations.parse(wheel.read(WHEEL, member))
        except ValueError as error:
            raise MissingError(f"{member} in {WHEEL.file} cannot be read ({error}): report this fault.") from None
        for lines in parsed:
            plain = [" ".join(line.split()) for line in lines]
            spoken.append([line for line in plain if len(line.split()) >= least_words])
    return spoken


def grouped(spoken: Iterable[list[str]], first: int) -> dict[str, int]:
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
