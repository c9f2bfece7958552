"""gdb: `load` through a GDB server (QEMU, OpenOCD, pyOCD, J-Link, Black Magic Probe), then `compare-sections`.

gdb exits with 0 when sections differ, after a command it does not know, and when it has no connection: it then compares
the file with itself. So every section of the ELF file must be named twice in what it prints: as loaded and as matched.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from elftools.common.exceptions import ELFError
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile

from ..errors import MismatchError, MissingError, UserError
from . import Act, Image, Settings, Step, settings

if TYPE_CHECKING:
    from pathlib import Path

    from ..board import Board


@dataclass(frozen=True)
class Server:
    """How one kind of GDB server is brought to a halted core, and from there to a running program."""

    halt: tuple[str, ...]
    start: tuple[str, ...]
    target: str = "target remote"
    ends: str = r"^\[Inferior .* detached\]"


EMULATOR = "gdb.sock"  # stands for the socket of an emulator that is not running yet

SERVERS = {
    "qemu": Server((), ("monitor system_reset", "detach")),
    "openocd": Server(("monitor reset halt",), ("monitor reset run", "detach")),
    "pyocd": Server(("monitor reset halt",), ("monitor reset", "detach")),
    "jlink": Server(("monitor reset",), ("monitor reset", "monitor go", "detach")),
    # Black Magic Probe is reached by its own serial port, finds the chip when asked, and resets it on `kill`.
    "bmp": Server(
        ("monitor swdp_scan", "attach 1"), ("kill",), target="target extended-remote", ends=r"^\[Inferior .* killed\]"
    ),
}


class GdbSettings(Settings):
    """`server`: its address, where --via gives none. An emulated board has its emulator's, of kind qemu."""

    server: str | None = None
    kind: Literal["qemu", "openocd", "pyocd", "jlink", "bmp"] = "openocd"


@dataclass(frozen=True)
class Gdb:
    """`--via` is the address of the GDB server: host:port, a Unix socket, or the serial port of a probe."""

    name: str = "gdb"
    requires: tuple[str, ...] = ("gdb-multiarch",)
    serial: bool = False

    def steps(self, board: Board, image: Image, port: str | None) -> Sequence[Step | Act]:
        given = settings(board, "gdb", GdbSettings)
        address = port or (EMULATOR if board.emulated else given.server)
        if not address:
            raise UserError(f"{board.id} names no GDB server; give its address with --via, such as localhost:3333.")
        server = SERVERS["qemu" if board.emulated else given.kind]
        commands = (
            "set confirm off",
            "set tcp connect-timeout 5",
            f"{server.target} {address}",
            *server.halt,
            "load",
            "compare-sections",
            *server.start,
        )
        step = Step(
            argv=(
                *("gdb-multiarch", "-nx", "-q", "-batch", str(image.elf)),
                *(word for command in commands for word in ("-ex", command)),
            ),
            proves="gdb read back every section and it matched",
            expect=(*(line for name in loaded_sections(image.elf) for line in _lines_about(name)), server.ends),
            failures=(
                (r"Connection (refused|timed out|reset|closed)|No such file or directory", MissingError),
                ("MIS-MATCHED", MismatchError),
            ),
            advice="the emulator has ended, start again"
            if board.emulated
            else f"start the GDB server at {address}, or name another with --via",
        )
        return [step]


TOOL = Gdb()


def loaded_sections(elf: Path) -> list[str]:
    """Names of the sections that `load` writes: with contents, and part of the memory image. UserError without any."""
    try:
        with elf.open("rb") as file:
            sections = list(ELFFile(file).iter_sections())
    except ELFError as error:
        raise UserError(f"{elf} is not an ELF file ({error}); build the firmware anew.") from error
    names = [
        section.name
        for section in sections
        if section["sh_flags"] & SH_FLAGS.SHF_ALLOC and section["sh_type"] != "SHT_NOBITS" and section["sh_size"]
    ]
    if not names:
        raise UserError(f"{elf} has no section to load; build the firmware anew.")
    return names


def _lines_about(section: str) -> tuple[str, str]:
    name = re.escape(section)
    return rf"^Loading section {name}, size 0x", rf"^Section {name}, range .*: matched\."
