"""Emulated boards: QEMU and unicorn (here) and simavr, with the firmware in their memory or empty, for a flash tool."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from .. import tools
from ..board import Board
from ..errors import LinkError, MissingError, RnnEdgeError, UserError
from ..files import vanishing_folder
from ..link.transports import PipesTransport, SerialTransport, SocketTransport
from ..tools import Image
from . import simavr

AT_START = ("qemu", "unicorn")
"""Tools that start the emulator with the image, instead of writing it into the memory of an empty one."""

_SIMAVR = "simavr"
_UNICORN = "unicorn"
_GET_UNICORN = "pip install 'unicorn>=2.1.4,<3'"
_WAITS_FOR_US = "info: QEMU waiting for connection"
_QUIET = ("-display", "none", "-monitor", "none")
_OPTIONS = {"qemu-system-riscv32": ("-bios", "none")}
_PIPES = ("link.in", "link.out")  # the names that firmware/ports/bare/link_semihosting.c opens

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


@dataclass(frozen=True)
class Emulated:
    """A running emulator.

    `uart`: Unix socket, pseudo-terminal, or the folder with the two pipes of a semihosting link; `gdb`: Unix socket of
    its GDB server, if there is one.
    """

    uart: Path
    gdb: Path | None
    baud: int
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    _complaints: Path | None = field(default=None, repr=False)

    def open(self) -> PipesTransport | SerialTransport | SocketTransport:
        """The board's end of the link. A board with its firmware starts when it is opened first: no byte is lost.

        RnnEdgeError with the emulator's complaint where it has ended.
        """
        if self.uart.is_dir():
            return PipesTransport(*(self.uart / name for name in _PIPES))
        if not self.uart.is_socket():
            return SerialTransport(str(self.uart), self.baud)
        try:
            return SocketTransport(self.uart)
        except LinkError:
            if self._process is None or self._complaints is None or self._process.poll() is None:
                raise
            raise RnnEdgeError(
                f"The emulator did not start: {_first_line(self._complaints) or 'no word why'}."
            ) from None


def how_to_get(board: Board, tool: str) -> list[str]:
    """The commands that install the emulator with which a board is flashed by this tool; none where it is there."""
    program = _program(board, tool)
    if program == _UNICORN:
        return [] if importlib.util.find_spec(_UNICORN) is not None else [_GET_UNICORN]
    return simavr.how_to_get() if program == _SIMAVR else tools.how_to_get([program])


def has_semihosting(board: Board, tool: str) -> bool:
    """Can it run firmware that was built for the link `semihosting`?"""
    return board.emulated and _program(board, tool) not in (_SIMAVR, _UNICORN)


def counts(board: Board, tool: str) -> str:
    """What the cycle counter of an emulated board is worth, in a sentence; "" where it is that of the chip."""
    worth = {_SIMAVR: "", _UNICORN: "unicorn counts no cycles."}
    return worth.get(_program(board, tool), "QEMU counts time of this computer as cycles, not the work of a core.")


@contextmanager
def emulator(
    board: Board, image: Image | None, tool: str | None = None, link: str = "uart", icount: int | None = None
) -> Iterator[Emulated]:
    """An emulated board with `image`, or without one: halted and empty, for a flash tool.

    `tool`: unicorn, or anything else for the emulator of the board's family. `link`: that which the image was built
    for. `icount`: in QEMU every instruction takes 2^icount ns of the board's time; without it, as long as it takes
    here. Process and files are gone when the block ends, and when we are killed. UserError where the board is not
    emulated or has no such link, MissingError without the emulator.
    """
    program = _program(board, tool)
    ways = how_to_get(board, tool or program)
    if ways:
        raise MissingError(f"{program} is not installed; get it with `{ways[0]}`.")
    if link != "uart" and not has_semihosting(board, tool or program):
        raise UserError(f"{board.id} has no semihosting in {program}; take a Cortex-M or RISC-V board in QEMU.")
    if program == _SIMAVR:
        with simavr.machine(board, image) as machine:
            yield Emulated(machine.uart, None, board.uart.baud)
        return
    options = () if icount is None else ("-icount", f"shift={icount}")
    with vanishing_folder() as folder, _started(program, board, image, link, options, folder) as emulated:
        yield emulated


def _program(board: Board, tool: str | None) -> str:
    if not board.emulated or board.family.emulator is None:
        raise UserError(f"{board.id} is a real board; its emulated twin, if it has one, is named after its emulator.")
    return _UNICORN if tool == _UNICORN else board.family.emulator.program


@contextmanager
def _started(
    program: str, board: Board, image: Image | None, link: str, options: Sequence[str], folder: Path
) -> Iterator[Emulated]:
    """The sockets and pipes are ours and there before the emulator starts: there is nothing to wait for."""
    complaints = folder / "stderr"
    for name in _PIPES:
        os.mkfifo(folder / name)
    with _listening(folder / "uart") as uart, _listening(folder / "gdb") as gdb, complaints.open("wb") as stderr:
        command = [*_command(program, board, image, uart.fileno()), *options]
        process = subprocess.Popen(
            [*command, *_link_options(program, image, link, uart, gdb)],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            pass_fds=(uart.fileno(), gdb.fileno()),
            preexec_fn=_die_with_parent,
        )
    with process:
        try:
            place = folder / "uart" if link == "uart" else folder
            yield Emulated(place, folder / "gdb" if image is None else None, board.uart.baud, process, complaints)
        except LinkError as error:
            said = _first_line(complaints)
            if not said:
                raise
            raise LinkError(f"{error} The emulator said: {said}.") from error
        finally:
            process.kill()


def _command(program: str, board: Board, image: Image | None, uart: int) -> list[str]:
    if program == _UNICORN:
        assert image is not None
        elf = str(image.elf.resolve())
        return [sys.executable, "-m", "rnn_edge.emulators.unicorn_machine", board.model_dump_json(), elf, str(uart)]
    assert board.emulator is not None
    found = tools.find_program(program)
    assert found is not None
    return [found, "-machine", board.emulator.machine, *_OPTIONS.get(program, ()), *_QUIET]


def _link_options(
    program: str, image: Image | None, link: str, uart: socket.socket, gdb: socket.socket
) -> tuple[str, ...]:
    """QEMU's options for image, link and GDB server."""
    if program == _UNICORN:
        return ()
    start = () if image is None else ("-kernel", str(image.elf.resolve()))
    if link != "uart":
        return (*start, "-semihosting-config", "enable=on,target=native", "-serial", "none")
    wait = "off" if image is None else "on"
    serial = ("-chardev", f"socket,id=uart,fd={uart.fileno()},server=on,wait={wait}", "-serial", "chardev:uart")
    if image is not None:
        return (*start, *serial)
    # no -kernel: at every reset QEMU would write it over what was flashed
    server = ("-S", "-chardev", f"socket,id=gdb,fd={gdb.fileno()},server=on,wait=off", "-gdb", "chardev:gdb")
    return (*serial, *server)


def _listening(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen(1)
    return listener


def _die_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _first_line(path: Path) -> str:
    """Of what an emulator complained about, "" where it did not."""
    lines = path.read_text(errors="replace").strip().splitlines()
    return next((line.rstrip(".") for line in lines if _WAITS_FOR_US not in line), "")
