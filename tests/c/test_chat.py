"""The chat: what the compiled model says after every character, backspace, and characters it does not know."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from rnn_edge.calibrate import calibrate
from rnn_edge.chat import terminal
from rnn_edge.chat.line import Line
from rnn_edge.chat.listeners import InC, in_c
from rnn_edge.datasets.languages import LANGUAGES, VOCABULARY, tokens
from rnn_edge.float_model import EmbeddingLayer
from rnn_edge.ir.arithmetic import softmax, softmax_multiplier
from rnn_edge.ir.interpret import Interpreter
from rnn_edge.ir.program import Program
from rnn_edge.quantize import quantize
from tests.c.builds import export
from tests.networks import Network, float_model

NETWORK = Network(("gru",), (6,), embedding=4, dense=((len(LANGUAGES), "softmax"),), every_step=True)


@pytest.fixture(scope="module")
def program() -> Program:
    model = float_model(NETWORK, gain=3.0, name="chat")
    table = np.random.default_rng(1).normal(size=(VOCABULARY, 4))
    model = replace(model, layers=(EmbeddingLayer("embedding0", table), *model.layers[1:]))
    x = np.random.default_rng(2).integers(0, VOCABULARY, (16, 20, 1)).astype(np.int32)
    return quantize(model, calibrate(model, x, np.full(16, 20)), classes=LANGUAGES)


@pytest.fixture(scope="module")
def in_process(program: Program, tmp_path_factory: pytest.TempPathFactory) -> Iterator[InC]:
    with in_c(program, export(program, tmp_path_factory.mktemp("chat"))) as listener:
        yield listener


@pytest.fixture
def line(program: Program, in_process: InC) -> Line:
    line = Line(program, in_process)
    line.begin()
    return line


def test_the_compiled_model_computes_the_program(program: Program, in_process: InC) -> None:
    for text in ("Guten Tag, wie geht es?", "¿Qué tal?"):
        x = tokens(text).astype(np.int64)
        expected, _ = Interpreter(program).run(x[None, :, None])
        in_process.reset()
        assert np.array_equal([in_process.step(int(token)) for token in x], expected[0])


def test_the_opinion_is_the_likeliest_class(program: Program, line: Line) -> None:
    for character in "Ciao, come va?":
        line.type(character)
    scores, _ = Interpreter(program).run(tokens("Ciao, come va?").astype(np.int64)[None, :, None])
    output = program.values[program.output]
    shares = softmax(scores[0, -1:], softmax_multiplier(output.scale))[0] / 32767
    assert line.opinion.name == LANGUAGES[shares.argmax()]
    assert line.opinion.probability == pytest.approx(shares.max())


def test_a_backspace_takes_a_character_back(line: Line) -> None:
    for character in "hej dx":
        line.type(character)
    wrong = line.opinion
    line.type("\x7f")
    line.type("\b")
    assert line.text == "hej "
    right = line.opinion
    line.begin()
    for character in "hej ":
        line.type(character)
    assert line.opinion == right != wrong
    for _ in range(5):
        line.type("\x7f")
    assert (line.text, line.opinion.name) == ("", "")


def test_unknown_characters_are_named(line: Line) -> None:
    for character in "a漢b漢€":
        line.type(character)
    assert line.unknown == "漢€"


def test_every_language_has_an_answer() -> None:
    assert terminal._replies().keys() == set(LANGUAGES)


def test_what_is_shown_fits_80_columns(line: Line, capsys: pytest.CaptureFixture[str]) -> None:
    for character in 30 * "abc d€":
        line.type(character)
    terminal.show(line)
    shown = capsys.readouterr().out
    assert line.opinion.name in shown and "Not in the alphabet" in shown
    assert max(map(len, shown.splitlines())) <= 80
