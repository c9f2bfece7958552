"""The language task without its wheel: reading conversations, tokens, groups, more beginnings; and its baseline."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnn_edge import baseline
from rnn_edge.datasets import Split, characters, conversations, languages, wheel, with_calibration

TEXT = """\
categories:
- a category
conversations:
- - Hello
  - Hi there  # a comment
- - 'It''s "quoted"'
  - "say \\"yes\\""
  -   a long line
    that goes on: here
- - |
    def program():
      - not a line
    return
  - after it
-   alone
"""


def test_conversations() -> None:
    assert conversations.parse(TEXT) == [
        ["Hello", "Hi there"],
        ['It\'s "quoted"', 'say "yes"', "a long line that goes on: here"],
        ["after it"],
        ["alone"],
    ]
    assert conversations.parse("categories:\n- none\n") == []


@pytest.mark.parametrize("row", ["  - an answer first", "what is this", "- - line\n?"])
def test_conversations_refused(row: str) -> None:
    with pytest.raises(ValueError, match="is in no conversation|is neither a line nor"):
        conversations.parse(f"x:\nconversations:\n{row}\n")


def test_tokens() -> None:
    assert len(set(characters.ALPHABET)) == len(characters.ALPHABET) == characters.VOCABULARY - 2
    assert characters.ALPHABET.islower()
    assert characters.tokens(characters.ALPHABET).tolist() == list(range(2, characters.VOCABULARY))
    assert characters.tokens("ÀB7").tolist() == characters.tokens("àb€").tolist()
    assert characters.tokens("a\u0300").tolist() == characters.tokens("à").tolist()
    assert characters.tokens("").dtype == np.int32


@given(st.text(max_size=20))
def test_every_text_has_tokens(text: str) -> None:
    tokens = characters.tokens(text)
    assert np.all((tokens >= 1) & (tokens < characters.VOCABULARY))


@pytest.mark.parametrize("text", ["İstanbul", "ISPARTA ığdır", "Straße", "GRÖSSE"])
def test_one_token_a_character(text: str) -> None:
    assert len(characters.tokens(text)) == len(text)


def told(conversation: Iterable[str]) -> list[str]:
    return [f"this is line {one}" for one in conversation]


SPOKEN = {
    "dutch": [told("ab"), told("bc"), told("d"), told("E"), told("e")],
    "english": [told("fg"), told("ha"), told("i")],
}


def written(spoken: list[list[str]]) -> str:
    return "categories:\n- one\nconversations:\n" + "".join(
        f"{'  ' if k else '- '}- {line}\n" for lines in spoken for k, line in enumerate(lines)
    )


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A corpus of two languages; the third word of a letter in both is dropped."""
    monkeypatch.setattr(languages, "LANGUAGES", tuple(SPOKEN))
    monkeypatch.setattr(wheel, "members", lambda _, folder: (f"{folder}all.yml",))
    monkeypatch.setattr(wheel, "read", lambda _, member: written(SPOKEN[member.split("/")[-2]]))


@pytest.mark.usefixtures("few")
def test_groups_join_what_shares_a_line() -> None:
    lines = languages._lines_by_language()
    assert list(lines["dutch"]) == told("bcdE") and list(lines["english"]) == told("fghi")
    numbers = [*lines["dutch"].values(), *lines["english"].values()]
    assert numbers == [0, 0, 1, 2, 3, 3, 4, 5]


@pytest.mark.usefixtures("few")
def test_no_line_and_no_group_is_on_both_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(languages, "_TRAIN_LINES", 9)
    data, again = languages.load(), languages.load()
    assert np.array_equal(data.train.x, again.train.x) and np.array_equal(data.test.x, again.test.x)
    assert data.train.group is not None and data.test.group is not None
    assert not set(data.train.group) & set(data.test.group)
    assert np.bincount(data.train.y).tolist() == [9, 9]
    seen = [sequence[:length].tolist() for sequence, length in zip(data.train.x, data.train.lengths, strict=True)]
    for sequence, length in zip(data.test.x, data.test.lengths, strict=True):
        assert sequence[:length].tolist() not in seen and not sequence[length:].any() and sequence[:length].all()


def test_more_beginnings_are_ends_of_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(languages, "_TRAIN_LINES", 10)
    monkeypatch.setattr(languages, "LANGUAGES", ("dutch", "english"))
    kept = [("one two three", 0, 5), ("four five six", 0, 6), ("seven eight", 1, 7)]
    more = languages._with_more_beginnings(kept)
    assert more[:3] == kept and [row[1] for row in more].count(0) == [row[1] for row in more].count(1) == 10
    groups = {line: group for line, _, group in kept}
    for text, _, group in more[3:]:
        (line,) = [line for line in groups if line.endswith(text)]
        assert groups[line] == group and len(text.split()) >= 2


def test_baseline_tells_tokens_apart_by_their_order() -> None:
    random = np.random.default_rng(0)
    up = (np.arange(12) + random.integers(0, 9, (60, 1))) % 9 + 1
    x, y = np.concatenate([up, up[:, ::-1]]).astype(np.int32), np.repeat([0, 1], 60)
    order = random.permutation(120)
    whole = Split(x[order], np.full(120, 12), y[order])
    parts = whole.take(np.arange(80)), whole.take(np.arange(80, 120))
    assert baseline.accuracy(with_calibration("order", ("up", "down"), *parts)) == 1.0


def test_baseline_reads_real_tokens_only() -> None:
    x = np.array([[3, 1, 4, 1, 5]], np.int32)
    one, other = (Split(rows, np.array([3]), np.array([0])) for rows in (x, x[:, :3]))
    assert np.array_equal(baseline.features(one), baseline.features(other))
    assert np.allclose((baseline.features(one) ** 2).sum(axis=1), 1)
