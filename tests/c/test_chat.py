"""The chat: what the compiled model says after every character, backspace, and characters it does not know."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rnn_edge.calibrate import calibrate
from rnn_edge.chat import terminal
from rnn_edge.chat.line import Line
from rnn_edge.chat.listeners import InC, OnBoard, in_c
from rnn_edge.chat.talks import check_talks
from rnn_edge.datasets.characters import VOCABULARY, tokens
from rnn_edge.datasets.languages import LANGUAGES
from rnn_edge.errors import LinkError, UserError
from rnn_edge.float_model import EmbeddingLayer
from rnn_edge.ir.arithmetic import softmax, softmax_multiplier
from rnn_edge.ir.check import check
from rnn_edge.ir.interpret import Interpreter
from rnn_edge.ir.program import Program
from rnn_edge.link.device_info import least_payload
from rnn_edge.link.frames import Request
from rnn_edge.quantize import quantize
from tests.c.builds import export
from tests.c.devices import CORE, Files, build_device, start
from tests.networks import Network, float_model
from tests.networks import program as any_program

REPLIES = ("ja", 'a "quoted" \\ ??/ text', "Türkçe. ¿Qué?", "%s\n\t7", "é", "f7", *"ghi", "the last")
NETWORK = Network(("gru",), (6,), embedding=4, dense=((len(LANGUAGES), "softmax"),), every_step=True)


@pytest.fixture(scope="module")
def program() -> Program:
    model = float_model(NETWORK, gain=3.0, name="chat")
    table = np.random.default_rng(1).normal(size=(VOCABULARY, 4))
    model = replace(model, layers=(EmbeddingLayer("embedding0", table), *model.layers[1:]))
    x = np.random.default_rng(2).integers(0, VOCABULARY, (16, 20, 1)).astype(np.int32)
    made = quantize(model, calibrate(model, x, np.full(16, 20)), classes=LANGUAGES)
    return check(replace(made, replies=REPLIES))


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


@pytest.mark.parametrize(
    ("text", "readable"), [("Ola!", True), ("Ола", False), ("Ола ab", False), ("да yes", True), ("12 €?", False)]
)
def test_a_line_of_other_letters_gets_no_answer(
    line: Line, text: str, readable: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    for character in text:
        line.type(character)
    terminal.show(line)
    shown = capsys.readouterr().out
    assert line.readable == readable == (line.reply().splitlines()[0] in shown)
    assert ("No answer: most of its letters are not in the alphabet" in shown) != readable


def test_an_accent_of_its_own_joins_its_letter(line: Line) -> None:
    for character in "perche\u0301":
        line.type(character)
    joined = line.opinion
    assert line.text == "perch\u00e9" and not line.unknown
    line.begin()
    for character in "perch\u00e9":
        line.type(character)
    assert line.opinion == joined


def test_the_compiled_model_holds_the_replies(in_process: InC) -> None:
    assert tuple(in_process.reply(i) for i in range(len(REPLIES))) == REPLIES
    assert in_process.reply(-1) == in_process.reply(len(REPLIES)) == ""


def test_a_device_answers_with_its_replies(program: Program, tmp_path: Path) -> None:
    binary = build_device(program, tmp_path, payload=least_payload(program, CORE))
    with start(binary) as link:
        assert tuple(OnBoard(link).reply(i) for i in range(len(REPLIES))) == REPLIES
        for index in (len(REPLIES), 0xFFFF):
            with pytest.raises(LinkError, match="refused `reply`: .*out of range"):
                link.reply(index)
        for payload in (b"", b"\0", b"\0\0\0"):
            with pytest.raises(LinkError, match="refused `reply`: .*out of range"):
                link._ask(Request.REPLY, payload)


def test_a_device_without_replies_does_not_know_the_request(program: Program, tmp_path: Path) -> None:
    with start(build_device(replace(program, replies=()), tmp_path)) as link:
        with pytest.raises(LinkError, match="refused `reply`: its firmware does not know it"):
            link.reply(0)
        assert link.self_test()[0]


def test_a_damaged_reply_is_found_at_boot(program: Program, tmp_path: Path) -> None:
    def damage(files: Files) -> None:
        assert files["chat_tables.h"].count('"the last"') == 1
        files["chat_tables.h"] = files["chat_tables.h"].replace('"the last"', '"the lost"')

    with start(build_device(program, tmp_path, change=damage)) as link:
        assert not link.info().tables_ok


@pytest.mark.parametrize("network", [Network(("gru",), (3,)), replace(NETWORK, every_step=False)])
def test_what_cannot_be_talked_to_is_refused(network: Network) -> None:
    with pytest.raises(UserError, match="net cannot be talked to: that takes a network with the 70 tokens"):
        check_talks(any_program(network))


def test_a_model_without_answers_is_refused(program: Program) -> None:
    assert check_talks(program) is program
    with pytest.raises(UserError, match=r"chat has no answers: add \[replies\] to its model.toml"):
        check_talks(replace(program, replies=()))


def test_what_is_shown_fits_80_columns(line: Line, capsys: pytest.CaptureFixture[str]) -> None:
    for character in 30 * "abc d€":
        line.type(character)
    terminal.show(line)
    shown = capsys.readouterr().out
    assert line.opinion.name in shown and "Not in the alphabet" in shown
    assert max(map(len, shown.splitlines())) <= 80
