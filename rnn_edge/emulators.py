"""Emulated boards: QEMU and unicorn (here) and simavr, with the firmware in their memory or empty, for a flash tool."""

from __future__ import annotations

import ctypes
import importlib.util
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from . import simavr
from .board import Board
from .errors import LinkError, MissingError, RnnEdgeError, UserError
from .tools import Image, find_program, how_to_get
from .transports import SerialTransport, SocketTransport

AT_START = ("qemu", "unicorn")
"""Tools that start the emulator with the image, instead of writing it into the memory of an empty one."""

_SIMAVR = "simavr"
_UNICORN = "unicorn"
_GET_UNICORN = "pip install 'unicorn>=2.1.4,<3'"
_WAITS_FOR_US = "info: QEMU waiting for connection"
_QUIET = ("-display", "none", "-monitor", "none")
_OPTIONS = {"qemu-system-riscv32": ("-bios", "none")}

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


@dataclass(frozen=True)
class Emulated:
    """A running emulator. `uart`: Unix socket or pseudo-terminal; `gdb`: Unix socket of its GDB server, if any."""

    uart: Path
    gdb: Path | None
    baud: int
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    _complaints: Path | None = field(default=None, repr=False)

    def open(self) -> SocketTransport | SerialTransport:
        """The board's end of the link. A board with its firmware starts when it is opened first: no byte is lost.

        RnnEdgeError with the emulator's complaint where it has ended.
        """
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


@contextmanager
def emulator(board: Board, image: Image | None, tool: str | None = None) -> Iterator[Emulated]:
    """An emulated board with `image`, or without one: halted and empty, for a flash tool.

    With the tool `unicorn` it is that one, and also where QEMU is not installed but unicorn is, on boards that may be
    flashed with it. Its process and its files are gone when the block ends, and when we are killed. UserError where the
    board is not emulated, MissingError without the emulator.
    """
    program = _UNICORN if _takes_unicorn(board, image, tool) else _program(board)
    if program == _SIMAVR:
        with simavr.machine(board, image) as machine:
            yield Emulated(machine.uart, None, board.uart.baud)
    else:
        with _process(program, board, image) as emulated:
            yield emulated


def check_installed(board: Board) -> None:
    """UserError where a board is not emulated, MissingError where no emulator of it is installed."""
    if not _unicorn_stands_in(board):
        _program(board)


def run_on_files(board: Board, image: Image, requests: bytes, seconds: float = 300.0) -> bytes:
    """Run an image that was built for the link `semihosting` on all of `requests`; what it wrote, without the waits of
    an emulated UART. UserError and MissingError as in `emulator`, RnnEdgeError where the program does not end well or
    takes longer than `seconds`.
    """
    program = _program(board)
    if program == _SIMAVR:
        raise UserError(f"{board.id} has no semihosting; take an emulated Cortex-M or RISC-V board.")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "link.in").write_bytes(requests)
        files = ("-semihosting-config", "enable=on,target=native", "-serial", "none")
        command = [*_command(program, board), *files, "-kernel", str(image.elf.resolve())]
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=seconds,
                preexec_fn=_die_with_parent,
            )
        except subprocess.TimeoutExpired as error:
            raise RnnEdgeError(f"{board.id} was not done after {seconds:g} s and was ended.") from error
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip().splitlines() or ["it printed nothing"]
            raise RnnEdgeError(f"{board.id} ended with exit code {done.returncode}: {said[0]}.")
        return (folder / "link.out").read_bytes()


def _program(board: Board) -> str:
    if not board.emulated or board.family.emulator is None:
        raise UserError(f"{board.id} is a real board; its emulated twin, if it has one, is named after its emulator.")
    program = board.family.emulator.program
    ways = how_to_get([program]) if program != _SIMAVR else []
    if ways and _UNICORN in board.flash_tool.tools:
        ways.append(_GET_UNICORN)
    if ways:
        raise MissingError(f"{program} is not installed; get it with `{'` or `'.join(ways)}`.")
    return program


def _takes_unicorn(board: Board, image: Image | None, tool: str | None) -> bool:
    """Without an image it is of no use: it has no GDB server."""
    if tool == _UNICORN and not _has_unicorn():
        raise MissingError(f"unicorn is not installed; get it with `{_GET_UNICORN}`.")
    return tool == _UNICORN or (image is not None and _unicorn_stands_in(board))


def _unicorn_stands_in(board: Board) -> bool:
    if _UNICORN not in board.flash_tool.tools or board.family.emulator is None:
        return False
    return _has_unicorn() and find_program(board.family.emulator.program) is None


def _has_unicorn() -> bool:
    return importlib.util.find_spec("unicorn") is not None


def _command(program: str, board: Board) -> list[str]:
    assert board.emulator is not None
    found = find_program(program)
    assert found is not None
    return [found, "-machine", board.emulator.machine, *_OPTIONS.get(program, ()), *_QUIET]


def _with_uart(program: str, board: Board, image: Image | None, uart: int, gdb: int) -> list[str]:
    """The command of an emulator; `uart` and `gdb` are open sockets that listen."""
    if program == _UNICORN:
        assert image is not None
        return [sys.executable, "-m", "rnn_edge.unicorn_machine", board.model_dump_json(), str(image.elf), str(uart)]
    command = [
        *_command(program, board),
        *("-chardev", f"socket,id=uart,fd={uart},server=on,wait={'off' if image is None else 'on'}"),
        *("-serial", "chardev:uart"),
    ]
    if image is not None:
        return [*command, "-kernel", str(image.elf)]
    # no -kernel: at every reset QEMU would write it over what was flashed
    return [*command, "-S", "-chardev", f"socket,id=gdb,fd={gdb},server=on,wait=off", "-gdb", "chardev:gdb"]


@contextmanager
def _process(program: str, board: Board, image: Image | None) -> Iterator[Emulated]:
    """The sockets are ours and listen before the emulator starts: there is nothing to wait for."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        complaints = folder / "stderr"
        with _listening(folder / "uart") as uart, _listening(folder / "gdb") as gdb, complaints.open("wb") as stderr:
            process = subprocess.Popen(
                _with_uart(program, board, image, uart.fileno(), gdb.fileno()),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                pass_fds=(uart.fileno(), gdb.fileno()),
                preexec_fn=_die_with_parent,
            )
        with process:
            try:
                yield Emulated(
                    folder / "uart", folder / "gdb" if image is None else None, board.uart.baud, process, complaints
                )
            except LinkError as error:
                said = _first_line(complaints)
                if not said:
                    raise
                raise LinkError(f"{error} The emulator said: {said}.") from error
            finally:
                process.kill()


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
