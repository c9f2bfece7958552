"""Listening on emulated boards: the scores and detections of the interpreter, and what a frame takes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rnn_edge import board, emulators
from rnn_edge.backends import c, c_features
from rnn_edge.build import build
from rnn_edge.errors import FitError, LinkError, MissingError
from rnn_edge.ir.program import save
from rnn_edge.link import Link
from rnn_edge.listen.hear import ears
from rnn_edge.listen.on_board import listening
from rnn_edge.listen.run import run
from rnn_edge.paths import Artifacts
from tests import listening as small
from tests import signals, spoken
from tests.boards.avr import NEEDS
from tests.boards.bundled import Bundled, bundled
from tests.boards.command_line import CommandLine
from tests.core.test_listen import write_wav

BOARD = "mps2-an386"
SPEECH = signals.speech(48000, 20000)
MOST = {"mps2-an386": 95_000, "qemu-microbit": 165_000, "qemu-riscv32-virt": 125_000}
"""Instructions that a frame may take, compiled with -Os."""


@pytest.fixture(scope="module")
def kws(tmp_path_factory: pytest.TempPathFactory) -> Bundled:
    """The small network that listens, exported as C."""
    program, files = small.hearing(), Artifacts(tmp_path_factory.mktemp("small") / "kws", "kws")
    files.c_folder.mkdir(parents=True)
    save(program, files.program_json, files.program_npz)
    for name, text in (c.write(program) | c_features.of_program(program)).items():
        (files.c_folder / name).write_text(text)
    return Bundled(program, files)


@pytest.mark.parametrize("name", MOST)
def test_boards_hear_what_the_interpreter_hears(name: str, kws: Bundled) -> None:
    own = ears(kws.program)
    try:
        with listening(own, kws.artifacts, board.load(name), None, None) as witness:
            heard = run(own, [SPEECH], witness)
    except MissingError as error:
        pytest.skip(str(error))
    cost = witness.cost
    assert heard.frames == 149 and heard.detections and cost is not None
    print(f"{name}: {cost.mean:,} {cost.unit} a frame in the mean, {cost.most:,} at most")
    assert cost.unit == "instructions" and 40_000 < cost.mean <= cost.most < MOST[name]
    assert cost.load == pytest.approx(50 * cost.mean / board.load(name).clock.hz, rel=1e-4)


def test_the_count_is_the_same_every_time_and_less_for_speed(kws: Bundled) -> None:
    own, costs = ears(kws.program), []
    for profile in (None, "size", "speed"):
        try:
            with listening(own, kws.artifacts, board.load(BOARD), None, profile) as witness:
                run(own, [SPEECH[:8000]], witness)
        except MissingError as error:
            pytest.skip(str(error))
        costs.append(witness.cost)
    first, again, fast = costs
    assert first is not None and again is not None and fast is not None
    assert abs(first.mean - again.mean) <= 1 and abs(first.most - again.most) <= 1
    assert fast.mean < 0.9 * first.mean


@NEEDS
def test_a_chip_that_is_too_slow_and_one_that_is_too_small(kws: Bundled, tmp_path: Path) -> None:
    """simavr counts the cycles of the chip: a frame takes it five times as long as it lasts."""
    at, own = board.load("simavr-mega"), ears(kws.program)
    image = build(kws.program, kws.artifacts, at, tmp_path / "made").image
    with emulators.emulator(at, image) as emulated, Link(emulated.open(), timeout=60.0) as link:
        frames = [link.hear(SPEECH[start : start + 200], begins=start == 0) for start in range(0, 1200, 200)]
    scores, detected = small.heard(kws.program, SPEECH[:1200])
    found = [frame for frame in frames if frame is not None]
    assert [frame.scores.tolist() for frame in found] == scores.tolist() and len(found) == 3
    assert [frame.detected for frame in found] == detected.tolist()
    assert all(1_200_000 < frame.cycles < 2_000_000 for frame in found)
    with (
        pytest.raises(FitError, match=r"kws does not fit on Arduino Uno in simavr: .* features 1,026.* has 2,048"),
        listening(own, kws.artifacts, board.load("simavr-uno"), None, None),
    ):
        pass


def test_boards_of_other_models_have_no_ears(tmp_path: Path) -> None:
    at = board.load(BOARD)
    image = bundled("power").build(at, tmp_path / "made").image
    with emulators.emulator(at, image) as emulated, Link(emulated.open()) as link:
        with pytest.raises(LinkError, match="refused `hear`: its firmware does not know it"):
            link.hear(SPEECH[:320], begins=True)
        assert link.self_test() == (True, 8)


def test_features_and_decision_are_groups_of_a_build(kws: Bundled, tmp_path: Path) -> None:
    made = kws.build(board.load(BOARD), tmp_path / "made").footprint
    assert 2500 < made.flash["features"] < 4000 and 80 < made.flash["decision"] < 300
    assert (made.ram["features"], made.ram["decision"], made.ram["state"]) == (4 + 2 * 512, 44 + 4, 3 * 64)
    assert made.ram["stack"] > 1024 + 350  # the transform is on it


@pytest.fixture
def command(kws: Bundled, tmp_path: Path) -> CommandLine:
    made = CommandLine(tmp_path, kws)
    write_wav(made.folder / "a.wav", SPEECH[:16000])
    return made


def test_the_command_on_a_board(command: CommandLine) -> None:
    alone = command.run("listen", "kws", "--wav", "a.wav")
    said = command.run("listen", "kws", "--wav", "a.wav", "--board", BOARD)
    assert said.startswith(alone.partition("\n\n")[0] + "\n\n")
    assert f"{BOARD} gives the same scores and detections in all 49 frames" in said
    assert re.search(r"A frame takes [6-9]\d,\d{3} instructions in the mean, [6-9]\d,\d{3} at most. At 50 frames", said)
    assert re.search(r"25 MHz and one instruction a cycle, without waiting for flash: 1\d.\d % of real time", said)
    sizes = command.run("build", "kws", "--board", BOARD)
    assert re.search(r"^features +\d,\d{3} +1,028$", sizes, re.M) and re.search(r"^decision +\d+ +48$", sizes, re.M)


def test_a_board_that_hears_otherwise_fails(command: CommandLine) -> None:
    """One number of the window is another in the C that was exported."""
    source = command.folder / "build" / "kws" / "c" / "kws_features.c"
    text = source.read_text()
    head, table, rest = text.partition("kws_hann[257] = {")
    assert table
    source.write_text(head + table + re.sub(r"\b2\d{4}\b", "100", rest, count=1))
    assert source.read_text() != text
    sentence = command.refused("listen", "kws", "--wav", "a.wav", "--board", BOARD, code=1)
    assert f"{BOARD} hears otherwise than the interpreter: in frame 1 (at 0.03 s) the score of word" in sentence


def test_an_export_without_its_features_is_refused(command: CommandLine) -> None:
    (command.folder / "build" / "kws" / "c" / "rnn_log_mel.c").unlink()
    sentence = command.refused("listen", "kws", "--wav", "a.wav", "--board", BOARD)
    assert "rnn_log_mel.c is not there; run `rnn-edge export` first." in sentence


def test_the_bundled_words_on_a_board(tmp_path: Path) -> None:
    """The weights of `kws`, calibrated on a few words, find words in a minute by voices that training never heard."""
    made = bundled("kws")
    pcm, said = spoken.minute()
    own = ears(made.program)
    try:
        with listening(own, made.artifacts, board.load(BOARD), None, "speed") as witness:
            heard = run(own, [pcm], witness)
    except MissingError as error:
        pytest.skip(str(error))
    assert heard.frames == 2999 and len(said) > 5
    found = [
        word for word in said if any(d.word == word.word and 0 < d.time - word.start < 2.0 for d in heard.detections)
    ]
    assert len(found) > len(said) / 2
    assert witness.cost is not None and witness.cost.most < 75_000 and witness.cost.load < 0.15
