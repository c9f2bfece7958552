"""The counters that boards keep are those of the interpreter; monitor says what they mean."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rnn_edge import emulators
from rnn_edge.board import load
from rnn_edge.build import Firmware, Variant, build
from rnn_edge.errors import LinkError, MissingError
from rnn_edge.ir.counters import Counting, load_calibration
from rnn_edge.ir.interpret import InterpreterSession
from rnn_edge.ir.quantize_input import from_float
from rnn_edge.link import Link, play
from rnn_edge.vectors import Command
from rnn_edge.vectors import play as play_session
from tests.boards.bundled import bundled
from tests.boards.command_line import CommandLine
from tests.c.builds import script

BOARD = "mps2-an386"
BOARDS = [BOARD, "qemu-microbit", "mps3-an547", "qemu-riscv32-virt", "simavr-uno"]


def built(board_id: str, model: str, folder: Path) -> Firmware:
    source = bundled(model)
    try:
        return build(source.program, source.artifacts, load(board_id), folder, variant=Variant(counts=True))
    except MissingError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("model", ["power", "vowels"])
@pytest.mark.parametrize("board_id", BOARDS)
def test_counters_are_those_of_the_interpreter(board_id: str, model: str, tmp_path: Path) -> None:
    source = bundled(model)
    made = source.program
    image = built(board_id, model, tmp_path / "made").image
    x = np.random.default_rng(0).normal(scale=2.0, size=(30, made.values[made.input].size))
    commands = [*script(made), Command("run", 0, from_float(made, x))]
    counting = Counting(made, load_calibration(source.artifacts.counters, made))
    list(play_session(InterpreterSession(made, counting.observe), made, commands))
    try:
        with emulators.emulator(load(board_id), image) as emulated, Link(emulated.open()) as link:
            assert link.info().counts and link.info().self_test_ok
            assert link.counters(made) == Counting(made).counters()
            play(link, made, commands)
            assert link.self_test()[0]
            assert link.counters(made) == counting.counters()
            link.clear_counters()
            assert link.counters(made) == Counting(made).counters()
    except MissingError as error:
        pytest.skip(str(error))
    assert min(counting.counters().outside if model == "vowels" else counting.counters().saturated_inputs) > 0


def test_firmware_that_does_not_count_says_so(tmp_path: Path) -> None:
    source = bundled("power")
    image = source.build(load(BOARD), tmp_path / "made").image
    said = "its firmware does not count what saturates; flash it with --counters"
    with emulators.emulator(load(BOARD), image) as emulated, Link(emulated.open()) as link:
        assert not link.info().counts
        for ask in (link.clear_counters, lambda: link.counters(source.program)):
            with pytest.raises(LinkError, match=said):
                ask()


# as a user

DAY = [-1.2, -0.9, 0.4, 1.3, 0.8, 0.5, 0.7, -0.3, 1.9, -1.9]
SENTENCE = "Input 1 is saturated in 20.0 % of 20 steps, 0.1 % in calibration: the data is not what power was made for;"


def lines(scale: float) -> str:
    return "\n\n".join("\n".join(f"{scale * value:.3f}" for value in DAY) for _ in range(2)) + "\n"


def test_monitor_judges_the_data(rnn_edge: CommandLine) -> None:
    rnn_edge.run("flash", "power", "--board", BOARD, "--counters", "--tool", "qemu")
    said = rnn_edge.run("monitor", "--board", BOARD, "--check", sent=lines(1.0))
    assert all(len(line) <= 80 for line in said.splitlines())
    assert "The data is still in the range that power was made for: of 20 steps" in " ".join(said.split())
    assert ["h0", "state", "0.00", "%", "0.00", "%"] in [line.split() for line in said.splitlines()]
    drifted = rnn_edge.run("monitor", "--board", BOARD, "--check", sent=lines(1.5), code=1)
    assert SENTENCE in " ".join(drifted.split())
    assert all(len(line) <= 80 for line in drifted.splitlines())
    assert any(line.split()[:3] == ["1", "<=-1.991", ">=2.424"] for line in drifted.splitlines())
    assert SENTENCE in " ".join(rnn_edge.run("monitor", "--board", BOARD, sent=lines(1.5)).split())


def test_monitor_without_counters(rnn_edge: CommandLine) -> None:
    rnn_edge.run("flash", "power", "--board", BOARD, "--tool", "qemu")
    assert "saturated" not in rnn_edge.run("monitor", "--board", BOARD, sent=lines(1.0))
    sentence = rnn_edge.refused("monitor", "--board", BOARD, "--check", sent="1\n")
    assert "The board does not count what saturates; flash it with --counters." in sentence


def test_exports_of_an_older_version_are_refused(rnn_edge: CommandLine) -> None:
    rnn_edge.run("flash", "power", "--board", BOARD, "--counters", "--tool", "qemu")
    folder = rnn_edge.folder / "build" / "power"
    (folder / "ranges.json").write_text('{"low": -1.0, "high": 1.0, "peaks": {}}')
    assert "without those of the channels" in rnn_edge.refused("monitor", "--board", BOARD, sent="1\n")
    (folder / "counters.json").unlink()
    assert "counters.json cannot be read" in rnn_edge.refused("build", "power", "--board", BOARD, "--counters")
