"""Names of models and classes: made fit for C, or refused."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnn_edge.errors import UserError
from rnn_edge.names import check_classes, identifier


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("vowels", "vowels"),
        ("my-gestures", "my_gestures"),
        ("../../etc/passwd", "etc_passwd"),
        ("3d", "model_3d"),
        ("float", "model_float"),
        ("Time", "model_Time"),
        ("rnn_kernels", "model_rnn_kernels"),
        ("a b  c", "a_b_c"),
        ("*/ int x; /*", "int_x"),
    ],
)
def test_a_model_gets_the_closest_identifier(name: str, wanted: str) -> None:
    assert identifier(name) == wanted


@given(st.text(max_size=100))
def test_it_is_an_identifier_or_a_sentence(name: str) -> None:
    try:
        assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,60}", identifier(name))
    except UserError as error:
        assert "no letter or digit" in str(error)


@pytest.mark.parametrize("classes", [["left arm", "left-arm"], ["a", "a"], ["Up", "up"], ["a", " "]])
def test_classes_that_would_be_one_are_refused(classes: list[str]) -> None:
    with pytest.raises(UserError, match="rename one of them|give every class a name"):
        check_classes(classes)


def test_classes_apart_are_taken() -> None:
    check_classes(["left", "right", "both", "左", "右"])
