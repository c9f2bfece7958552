"""The commands of a home: their grammar, and what is held out; without the wheel."""

from __future__ import annotations

import re

import numpy as np
import pytest
from numpy.typing import NDArray

from rnn_edge.datasets import Dataset, chatterbot, home_commands, home_grammar
from rnn_edge.datasets.characters import UNKNOWN, padded, tokens
from rnn_edge.datasets.home_commands import INTENTS, NONE
from rnn_edge.datasets.home_grammar import TEMPLATES, sentences

TALK = [
    ["Hello there", "How are you?"],
    ["Play some music!", "I like jazz"],
    ["I like jazz", "What time is it?"],
    ["Who are you", "I am a robot"],
]


@pytest.fixture
def data(monkeypatch: pytest.MonkeyPatch) -> Dataset:
    monkeypatch.setattr(chatterbot, "conversations_in", lambda language, least: TALK)
    lines = home_commands._lines_of_commands()
    last = lines[-1][2]
    written = [*lines, ("play some music", "music", last + 1), ("what time is it", "time", last + 2)]
    monkeypatch.setattr(home_commands, "_lines_of_commands", lambda: written)
    return home_commands.load()


def rows(x: NDArray[np.int32]) -> list[bytes]:
    return [row.tobytes() for row in x]


def test_every_template_is_of_one_intent_and_has_its_words() -> None:
    written = [template for templates in TEMPLATES.values() for template in templates]
    assert len(set(written)) == len(written) and all(len(own) >= 12 for own in TEMPLATES.values())
    for slot in re.findall(r"<(\w+)>", " ".join(written)):
        assert slot in home_grammar._WORDS


def test_a_pattern_becomes_all_its_templates() -> None:
    assert home_grammar._expanded("(a|b) c(| d)") == ["a c", "a c d", "b c", "b c d"]
    assert home_grammar._expanded("(|x )<room>") == ["<room>", "x <room>"]


@pytest.mark.parametrize("template", ["timer for <span>", "what is the time in <city>", "make it <bit> warmer"])
def test_sentences_are_filled_and_known(template: str) -> None:
    made = [line for seed in range(9) for line in sentences(template, np.random.default_rng(seed))]
    assert made[:4] == sentences(template, np.random.default_rng(0))[:4] and len(set(made)) > 20
    for line in made:
        assert not re.search(r"[<>|()]|  |^ | $", line)
        unknown = {one for one in line if UNKNOWN in tokens(one)}
        assert unknown <= set("0123456789")


def test_templates_and_talk_are_held_out_whole(data: Dataset) -> None:
    assert data.classes == INTENTS and INTENTS[-1] == NONE
    assert data.train.group is not None and data.test.group is not None
    assert not set(data.train.group) & set(data.test.group)
    assert not set(rows(data.train.x)) & set(rows(data.test.x))
    assert set(data.train.y) == set(data.test.y) == set(range(len(INTENTS)))
    for part in (data.train, data.test):
        assert part.group is not None
        for number in set(part.group):
            assert len(set(part.y[part.group == number])) == 1
    again = home_commands.load()
    assert rows(again.train.x) == rows(data.train.x) and rows(again.test.x) == rows(data.test.x)


def test_talk_that_is_a_command_is_left_out(data: Dataset) -> None:
    found = {row for part in (data.train, data.test) for row in rows(part.x[part.y == INTENTS.index(NONE)])}
    written, played = rows(padded(TALK[0])[0]), rows(padded(TALK[1])[0])
    assert found == {*written, played[1], *rows(padded(TALK[3])[0])}


def test_no_line_has_two_intents() -> None:
    lines = [line for line, _, _ in home_commands._lines_of_commands()]
    assert len(set(lines)) == len(lines)
