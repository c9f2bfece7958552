"""Emulated boards: they boot, say their banner, answer their info, compute; and leave nothing behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rnn_edge import __version__, emulators
from rnn_edge import build as build_module
from rnn_edge.board import Board, Emulator, all_boards, load
from rnn_edge.build import Firmware
from rnn_edge.errors import LinkError, MissingError, RnnEdgeError, UserError
from rnn_edge.ir.interpret import InterpreterSession
from rnn_edge.link import Link, Transport
from rnn_edge.link import play as play_on_board
from rnn_edge.tools import Image, find_program
from rnn_edge.vectors import Command, play
from tests.boards.bundled import PAIRS, Bundled, bundled
from tests.c.builds import inputs, script

EMULATED = [name for name, board in all_boards().items() if board.emulated]
WITH_SEMIHOSTING = [name for name in EMULATED if load(name).family.port != "avr"]
BY_ZIG = ("qemu-microbit", "mps2-an386", "qemu-riscv32-virt")

PARENT = """
import sys, time
from pathlib import Path
from rnn_edge import emulators
from rnn_edge.board import load
from rnn_edge.tools import Image

with emulators.emulator(load(sys.argv[1]), Image(*[Path(name) for name in sys.argv[2:]])) as emulated:
    print(emulated.uart, flush=True)
    time.sleep(60)
"""


class Recorded:
    """A transport that keeps what came."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.came = b""
        self.write, self.close = transport.write, transport.close

    def read(self, timeout: float) -> bytes:
        data = self._transport.read(timeout)
        self.came += data
        return data


def usable(board: Board) -> Board:
    assert board.family.emulator is not None
    program = board.family.emulator.program
    if program.startswith("qemu") and find_program(program) is None:
        pytest.skip(f"{program} is missing")
    return board


def firmware(model: str, board: Board, folder: Path, link: str = "uart", compiler: str | None = None) -> Firmware:
    return bundled(model).build(usable(board), folder / "made", link, compiler)


def assert_boots(board: Board, source: Bundled, made: Firmware) -> None:
    try:
        with emulators.emulator(board, made.image) as emulated:
            transport = Recorded(emulated.open())
            with Link(transport) as link:
                info = link.info()
                assert (info.core, info.model, info.version) == (board.family.core, source.program.name, __version__)
                assert info.program_hash == source.program.hash and info.tables_ok and info.self_test_ok
                assert link.self_test() == (True, 8)
                commands = script(source.program)
                expected = list(play(InterpreterSession(source.program), source.program, commands))
                found = play_on_board(link, source.program, commands)
                assert [one.tolist() for one in found] == [one.tolist() for one in expected]
                used, size = link.stack()
                static = made.footprint.ram_bytes - made.footprint.ram["stack"]
                assert 100 < used < made.footprint.ram["stack"]
                assert board.memory.ram.size - static - 16 <= size <= board.memory.ram.size - static
                assert link.cycles()[1] == board.clock.hz
            banner = (
                f"rnn_edge {__version__} model {source.program.name} program {source.program.hash[:12]} "
                f"core {board.family.core} tables ok self-test ok (8 steps)\r\n"
            )
            assert transport.came.startswith(banner.encode() + b"\0")
    except MissingError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize(("board_id", "model"), PAIRS)
def test_boots_and_computes_what_the_interpreter_computes(board_id: str, model: str, tmp_path: Path) -> None:
    board = load(board_id)
    assert_boots(board, bundled(model), firmware(model, board, tmp_path))


@pytest.mark.parametrize("board_id", BY_ZIG)
def test_so_does_what_zig_built(board_id: str, tmp_path: Path) -> None:
    board = load(board_id)
    assert_boots(board, bundled("power"), firmware("power", board, tmp_path, compiler="zig"))


@pytest.mark.parametrize(("board_id", "runs"), [("qemu-netduinoplus2", 12), ("mps2-an386", 1), ("qemu-microbit", 1)])
def test_cycles_are_those_of_the_clock(board_id: str, runs: int, tmp_path: Path) -> None:
    """QEMU counts the time of this machine: no run can have taken longer than we waited for it.

    At the 168 MHz of the first board SysTick starts over ten times a second: in some of its runs.
    """
    board, source = load(board_id), bundled("power")
    made = firmware("power", board, tmp_path)
    with emulators.emulator(board, made.image) as emulated, Link(emulated.open()) as link:
        x = inputs(source.program, link.info().steps_per_frame, np.random.default_rng(0))
        for _ in range(runs):
            started = time.perf_counter()
            link.run(0, x)
            waited = time.perf_counter() - started
            cycles, hz = link.cycles()
            assert 0 < cycles / hz < waited


FAULT = """
#include "port.h"

int main(void)
{
    port_init();
    port_write('x');
    __asm__ volatile(".word 0xFFFFFFFF"); /* no instruction of any core here */
    return 0;
}
"""


@pytest.mark.parametrize("board_id", ["qemu-microbit", "mps2-an386", "mps3-an547", "qemu-riscv32-virt"])
def test_a_fault_starts_the_firmware_anew(board_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = build_module._sources
    monkeypatch.setattr(build_module, "_sources", lambda *arguments: whole(*arguments) | {"device.c": FAULT})
    board = load(board_id)
    made = firmware("power", board, tmp_path)
    with emulators.emulator(board, made.image) as emulated:
        transport, came = emulated.open(), b""
        while len(came) < 5 and (data := transport.read(30.0)):
            came += data
        transport.close()
    assert came[:5] == b"xxxxx"


# semihosting


@pytest.mark.parametrize("board_id", WITH_SEMIHOSTING)
def test_the_semihosting_link_gives_the_answers_of_the_interpreter(board_id: str, tmp_path: Path) -> None:
    board, source = load(board_id), bundled("power")
    made = firmware("power", board, tmp_path, "semihosting")
    commands = [*script(source.program), Command("run", 0, inputs(source.program, 3000, np.random.default_rng(0)))]
    with emulators.emulator(board, made.image, link="semihosting") as emulated, Link(emulated.open()) as link:
        found = play_on_board(link, source.program, commands)
        assert link.self_test() == (True, 8)
    expected = list(play(InterpreterSession(source.program), source.program, commands))
    assert [one.tolist() for one in found] == [one.tolist() for one in expected]
    assert running_with(made.image.elf) == []


def test_a_program_without_the_link_is_silent(tmp_path: Path) -> None:
    board = load("mps2-an386")
    made = firmware("power", board, tmp_path)  # for a UART
    with (
        pytest.raises(LinkError, match="gave no answer within 1 s"),
        emulators.emulator(board, made.image, link="semihosting") as emulated,
        Link(emulated.open(), timeout=1.0) as link,
    ):
        link.info()
    assert running_with(made.image.elf) == []


# errors


def test_boards_that_cannot_be_emulated_are_refused(tmp_path: Path) -> None:
    image = Image(*[tmp_path / name for name in ("elf", "bin", "hex")])
    with (
        pytest.raises(UserError, match=r"^nucleo-f446re is a real board"),
        emulators.emulator(load("nucleo-f446re"), image),
    ):
        pass
    with (
        pytest.raises(UserError, match="simavr-uno has no semihosting in simavr"),
        emulators.emulator(load("simavr-uno"), image, link="semihosting"),
    ):
        pass


def test_an_emulator_that_does_not_start_says_why(tmp_path: Path) -> None:
    board = usable(load("mps2-an386"))
    image = Image(*[tmp_path / name for name in ("elf", "bin", "hex")])
    said = r"The emulator said: .*elf: No such file or directory\.$"
    with (
        pytest.raises(LinkError, match=said),
        emulators.emulator(board, image) as emulated,
        Link(emulated.open()) as link,
    ):
        link.info()
    unknown = board.model_copy(update={"emulator": Emulator(machine="none-such")})
    with (
        pytest.raises(RnnEdgeError, match=r"The emulator (did not start|said): .*unsupported machine type"),
        emulators.emulator(unknown, image) as emulated,
        Link(emulated.open()) as link,
    ):
        link.info()


def test_a_board_that_dies_is_noticed(tmp_path: Path) -> None:
    board = load("mps2-an386")
    made = firmware("power", board, tmp_path)
    with emulators.emulator(board, made.image) as emulated, Link(emulated.open()) as link:
        link.info()
        (process,) = running_with(made.image.elf)
        os.kill(process, signal.SIGKILL)
        with pytest.raises(LinkError, match="closed"):
            link.self_test()


# what is left behind: nothing


def running_with(path: Path) -> list[int]:
    """Emulators that have a path in their command line."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (folder / "cmdline").read_bytes().split(b"\0")
            if b"qemu" in words[0] and str(path).encode() in words:
                found.append(int(folder.name))
    return found


def wait_for(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_emulator_and_its_files_end_with_the_block(tmp_path: Path) -> None:
    board = load("mps2-an386")
    made = firmware("power", board, tmp_path)
    with emulators.emulator(board, made.image) as emulated:
        folder = emulated.uart.parent
        assert folder.is_dir() and len(running_with(made.image.elf)) == 1
    assert not folder.exists() and running_with(made.image.elf) == []
    with pytest.raises(ZeroDivisionError), emulators.emulator(board, None) as emulated:
        folder = emulated.uart.parent
        assert emulated.gdb is not None and emulated.gdb.is_socket()
        raise ZeroDivisionError
    assert not folder.exists()


def test_the_emulator_and_its_files_end_when_its_parent_is_killed(tmp_path: Path) -> None:
    board = load("mps2-an386")
    image = firmware("power", board, tmp_path).image
    command = [sys.executable, "-c", PARENT, board.id, *map(str, (image.elf, image.binary, image.hex))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        folder = Path(parent.stdout.readline().strip()).parent
        assert len(running_with(image.elf)) == 1
        parent.kill()
    wait_for(lambda: running_with(image.elf) == [])
    wait_for(lambda: not folder.exists())
