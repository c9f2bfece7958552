"""The commands of a home: their grammar, and what is held out; without the wheel."""

from __future__ import annotations

import re

import numpy as np
import pytest

from rnn_edge.datasets import Dataset, chatterbot, home_commands, home_grammar
from rnn_edge.datasets.characters import UNKNOWN, padded, tokens
from rnn_edge.datasets.home_commands import INTENTS, NONE
from rnn_edge.datasets.home_grammar import TEMPLATES, sentences

TALK = [["Hello there", "How are you?"], ["Play some music", "I like jazz"], ["I like jazz", "What time is it?"]]


@pytest.fixture
def data(monkeypatch: pytest.MonkeyPatch) -> Dataset:
    monkeypatch.setattr(chatterbot, "conversations_in", lambda language, least: TALK)
    return home_commands.load()


def rows(x: np.ndarray) -> list[bytes]:
    return [row.tobytes() for row in x]


def test_every_template_is_of_one_intent_and_has_its_words() -> None:
    written = [template for templates in TEMPLATES.values() for template in templates]
    assert len(set(written)) == len(written) and all(len(own) >= 12 for own in TEMPLATES.values())
    for slot in re.findall(r"<(\w+)>", " ".join(written)):
        assert slot in home_grammar._WORDS


@pytest.mark.parametrize("template", ["timer for <span>", "what is the time in <city>", "make it <bit> warmer"])
def test_sentences_are_filled_and_known(template: str) -> None:
    made = sentences(template, np.random.default_rng(0))
    assert made == sentences(template, np.random.default_rng(0)) != sentences(template, np.random.default_rng(1))
    assert len(set(made)) == len(made) > 5
    for line in made:
        assert not re.search(r"[<>]|  | in\b\W*$| for\b\W*$", line)
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
    assert found == set(rows(padded(["Hello there", "How are you?", "I like jazz"])[0]))


def test_no_line_has_two_intents() -> None:
    lines = [line for line, _, _ in home_commands._lines_of_commands()]
    assert len(set(lines)) == len(lines)
