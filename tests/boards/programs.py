"""Programs of a test on emulated boards: compiled as a firmware is, and what they print."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import jinja2
import pytest

from rnn_edge import compilers, emulators
from rnn_edge.backends import c
from rnn_edge.board import Board
from rnn_edge.errors import MissingError
from rnn_edge.paths import FIRMWARE
from tests.boards.avr import Terminal, image

PORTS = FIRMWARE / "ports"


def compiled(at: Board, compiler: str, flags: Sequence[str], sources: Sequence[Path], folder: Path) -> Path:
    """`sources` with the port of a board, as an ELF file in `folder`; skips where the compiler is missing."""
    try:
        chosen = compilers.find(at.family, compiler)
    except MissingError as error:
        pytest.skip(str(error))
    port = PORTS / at.family.port
    script = port / "link.ld.j2"
    folders = [port, PORTS / "bare"] if script.is_file() else [port]
    link: list[str] = ["-Wl,--gc-sections"]
    if script.is_file():
        (folder / "link.ld").write_text(jinja2.Template(script.read_text()).render(board=at))
        link += ["-ffreestanding", "-T", "link.ld", "-Wl,-e,reset_handler", "-Wl,-z,max-page-size=4"]
    facts = {"PORT_CLOCK_HZ": at.clock.hz, "PORT_BAUD": at.uart.baud} | at.uart.registers
    includes = [f"-I{path}" for path in (folder, FIRMWARE / "kernels", FIRMWARE / "device", *folders)]
    options = [*c.WARNINGS, "-ffunction-sections", *flags, *(f"-D{key}={value}" for key, value in facts.items())]
    files = [str(path) for path in [*sources, *_port_sources(at, folders)]]
    library = chosen.library if script.is_file() else ()
    chosen.run([*options, *includes, *link, *files, *library, "-o", "program.elf"], folder)
    return folder / "program.elf"


def _port_sources(at: Board, folders: Sequence[Path]) -> list[Path]:
    """Those that every board has, and those of its UART and chip."""
    own = {f"uart_{at.uart.driver}.c", f"chip_{at.chip}.c"}
    every = [path for folder in folders for path in sorted(folder.glob("*.c"))]
    return [path for path in every if path.name in own or not path.name.startswith(("uart_", "link_", "chip_"))]


def printed(at: Board, elf: Path, seconds: float, icount: int | None = None) -> list[str]:
    """The lines between `begin` and the first `end`; fails where the program starts twice before, or takes too long."""
    received, end, _ = _received(at, elf, seconds, icount).decode(errors="replace").partition("end\n")
    lines = received.splitlines()
    assert lines.count("begin") == 1, f"{at.id} started {lines.count('begin')} times, after {lines[-3:]}"
    assert lines[0] == "begin" and end, f"{at.id} got as far as {lines[-3:]}"
    return lines[1:]


def _received(at: Board, elf: Path, seconds: float, icount: int | None) -> bytes:
    """All up to the end, or to the second beginning: after its end and after a fault a program starts again."""
    assert at.family.emulator is not None
    made = image(elf, at)
    assert made.binary.stat().st_size <= at.memory.flash.size, f"{at.id} has no room for the program"
    with emulators.emulator(at, made, icount=icount) as emulated:
        if at.family.emulator.program == "simavr":
            terminal = Terminal(emulated.uart)
            received = terminal.until(b"end\n", seconds)
            terminal.close()
            return received
        transport = emulated.open()
        received, deadline = b"", time.monotonic() + seconds
        while b"end\n" not in received and received.count(b"begin\n") < 2 and time.monotonic() < deadline:
            received += transport.read(max(0.0, deadline - time.monotonic()))
        transport.close()
        return received
