"""Emulators and commands that are killed in the middle: no process and no file is left, and the next run works."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from rnn_edge.tools import find_program
from tests.boards.command_line import CommandLine

BOARD = "mps2-an386"
EMPTY = ("qemu-system-arm", "-gdb")  # waits for a flash tool
FULL = ("qemu-system-arm", "-semihosting-config")  # the second of a verification, when it computes
SECONDS = 30.0  # for what a killed command leaves to go; the boards of this file compute for longer


def test_an_emulator_that_dies_while_it_is_flashed(rnn_edge: CommandLine, tmp_path: Path) -> None:
    """By a gdb that waits until it is dead."""
    dead, gdb = tmp_path / "dead", tmp_path / "gdb-multiarch"
    gdb.write_text(f"""#!/bin/sh\nuntil [ -e {dead} ]; do sleep 0.02; done\nexec {find_program(gdb.name)} "$@"\n""")
    gdb.chmod(0o755)
    rnn_edge.environment["PATH"] = f"{tmp_path}:{os.environ['PATH']}"
    flash = rnn_edge.start("flash", "power", "--board", BOARD)
    os.kill(rnn_edge.process_with(*EMPTY), signal.SIGKILL)
    dead.touch()
    assert rnn_edge.sentence(flash, code=3).startswith("rnn-edge: gdb-multiarch failed with exit code 1: ")
    rnn_edge.run("flash", "power", "--board", BOARD)


def test_an_emulator_that_dies_while_it_computes(rnn_edge: CommandLine) -> None:
    verify = rnn_edge.start("verify", "power", "--board", BOARD)
    rnn_edge.process_with(*FULL)
    os.kill(rnn_edge.process_with(*EMPTY), signal.SIGKILL)
    table, complaints = rnn_edge.ended(verify, code=1)
    assert "The board's end of the link is closed" in table and complaints == ""
    rnn_edge.run("flash", "power", "--board", BOARD)


@pytest.mark.parametrize("at", [EMPTY, FULL], ids=["flash", "play"])
def test_a_verification_that_is_killed(at: tuple[str, ...], rnn_edge: CommandLine) -> None:
    verify = rnn_edge.start("verify", "power", "--board", BOARD)
    rnn_edge.process_with(*at)
    verify.kill()
    verify.communicate()
    rnn_edge.assert_nothing_left(SECONDS)
    rnn_edge.run("flash", "power", "--board", BOARD)


@pytest.mark.parametrize(
    ("words", "at", "alone"),
    [
        (("build", "power", "--board", BOARD), ("arm-none-eabi-gcc",), False),
        (("flash", "power", "--board", "simavr-uno"), ("avrdude",), False),
        (("verify", "power", "--board", BOARD, "--board", "qemu-microbit", "--board", "simavr-uno"), FULL, False),
        (("verify", "power", "--board", "simavr-uno"), ("simboard",), True),
    ],
    ids=["build", "flash", "verify", "verify-simavr"],
)
def test_control_c(words: tuple[str, ...], at: tuple[str, ...], alone: bool, rnn_edge: CommandLine) -> None:
    """In a terminal the signal goes to what the command has started, too; elsewhere to the command `alone`."""
    command = rnn_edge.start(*words)
    rnn_edge.process_with(*at)
    signal_it = os.kill if alone else os.killpg
    signal_it(command.pid, signal.SIGINT)
    _, complaints = command.communicate(timeout=SECONDS)
    assert command.returncode == 1 and complaints.split() == ["Aborted!"]
    rnn_edge.assert_nothing_left(SECONDS)
    rnn_edge.run("build", "power", "--board", BOARD)


def test_control_c_while_a_board_is_monitored(rnn_edge: CommandLine) -> None:
    rnn_edge.run("flash", "power", "--board", BOARD, "--tool", "qemu")
    command = rnn_edge.start("monitor", "--board", BOARD)
    assert command.stdin is not None and command.stdout is not None
    command.stdin.write("0.5\n")
    command.stdin.flush()
    while command.stdout.readline()[:6].strip() != "1":
        pass  # an answer comes before the input ends
    os.killpg(command.pid, signal.SIGINT)
    _, complaints = rnn_edge.ended(command, code=1)
    assert complaints.split() == ["Aborted!"]
