"""Replies: what `model.toml` may say, what a program takes, its files and its hash."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rnn_edge import source, spec
from rnn_edge.errors import ModelError, ProgramError, UserError
from rnn_edge.ir.check import check
from rnn_edge.ir.program import Program, load, save
from rnn_edge.ir.replies import LONGEST, packed
from rnn_edge.link.device_info import least_payload
from tests.networks import GRU, program

REPLIES = ("ja", 'a "quoted" \\ ??/ text', "Türkçe. ¿Qué?", "%s\n\t7")

MODEL = """\
task = "t"
[data]
set = "own.npz"
[network]
layers = [{ layer = "gru", units = 3 }, { layer = "dense", units = 2, activation = "softmax" }]
[train]
epochs = 1
"""


@pytest.fixture
def answering() -> Program:
    return check(replace(program(GRU), replies=REPLIES))


def described(folder: Path, replies: str) -> spec.ModelSpec:
    (folder / spec.FILE_NAME).write_text(f"{MODEL}[replies]\n{replies}\n", encoding="utf-8")
    return spec.load(folder)


def test_replies_are_part_of_a_program(answering: Program, tmp_path: Path) -> None:
    plain = program(GRU)
    files = tmp_path / "program.json", tmp_path / "program.npz"
    save(answering, *files)
    assert check(load(*files)) == answering != plain
    assert check(load(*files)).replies == REPLIES
    assert replace(answering, replies=(*REPLIES[:3], "other")).hash != answering.hash
    save(plain, *files)
    assert "replies" not in files[0].read_text() and load(*files).replies == ()


@pytest.mark.parametrize(
    ("replies", "why"),
    [
        (REPLIES[:3], "are 3, and the classes 4"),
        ((*REPLIES[:3], ""), "is empty"),
        ((*REPLIES[:3], "a\0b"), "holds a zero"),
        ((*REPLIES[:3], "\ud800"), "half of a character"),
        ((*REPLIES[:3], 7), "is no text"),
        ((*REPLIES[:3], "ü" * 61), "has 122 bytes of UTF-8, and 120 are the most"),
    ],
)
def test_what_is_no_reply_is_refused(replies: tuple[str, ...], why: str) -> None:
    with pytest.raises(ProgramError, match=f"has replies that .*{why}.*export the model again"):
        check(replace(program(GRU), replies=replies))


def test_all_replies_fit_one_literal() -> None:
    made = replace(program(GRU), classes=tuple(map(str, range(40))), replies=40 * ("x" * LONGEST,))
    with pytest.raises(ProgramError, match="does not fit|do not fit|4840 bytes together"):
        check(made)


def test_the_payload_of_a_board_holds_the_longest(answering: Program) -> None:
    longest = replace(answering, replies=(*REPLIES[:3], "ü" * (LONGEST // 2)))
    assert least_payload(longest, "") == 1 + LONGEST > least_payload(answering, "")
    assert packed(REPLIES).count(0) == 4


def test_replies_of_a_model(tmp_path: Path) -> None:
    made = described(tmp_path, 'no = "nein"\nyes = "ja ü"')
    assert source._replies(made, ("yes", "no")) == ("ja ü", "nein")
    for classes in (("yes",), ("yes", "no", "maybe")):
        with pytest.raises(UserError, match=r"`replies` has to have a text for every class.*'(no|maybe)'.*correct it"):
            source._replies(made, classes)


@pytest.mark.parametrize(
    ("replies", "why"),
    [
        ('yes = ""', "is empty"),
        ("yes = 3", "string"),
        (f'yes = "{"x" * 121}"', "121 bytes"),
        (r'yes = "\u0000"', "zero"),
    ],
)
def test_replies_that_model_toml_may_not_have(tmp_path: Path, replies: str, why: str) -> None:
    with pytest.raises(ModelError, match=rf"`replies\.yes`.*{why}"):
        described(tmp_path, replies)
