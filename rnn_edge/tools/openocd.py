"""OpenOCD: writes the ELF file through a debug probe, verifies it, resets and runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..board import Board, Words
from ..errors import MismatchError, MissingError, UserError
from . import Act, Image, Settings, Step, settings

# Another OpenOCD or a GDB server may have the default ports; a flash needs none.
_NO_SERVERS = "gdb_port disabled; tcl_port disabled; telnet_port disabled"


class OpenOcdSettings(Settings):
    """`interface`, `target`: files of OpenOCD, or paths that end in .cfg; `config`: lines between them (speed)."""

    interface: str | None = None
    config: Words = ()
    target: str


@dataclass(frozen=True)
class OpenOcd:
    """`--via` is the serial number of the debug probe, where there are several."""

    name: str = "openocd"
    requires: tuple[str, ...] = ("openocd",)
    serial: bool = False

    def steps(self, board: Board, image: Image, port: str | None) -> Sequence[Step | Act]:
        given = settings(board, "openocd", OpenOcdSettings)
        elf = image.elf.as_posix()
        if set("{}\\") & set(elf):
            raise UserError(f"OpenOCD cannot take the path {elf}: use a folder without braces and backslashes.")
        lines = [*given.config, *([f"adapter serial {port}"] if port else ())]
        step = Step(
            argv=(
                *("openocd", "-c", _NO_SERVERS),
                *(("-f", _script("interface", given.interface)) if given.interface else ()),
                *(word for line in lines for word in ("-c", line)),
                *("-f", _script("target", given.target), "-c", f"program {{{elf}}} verify reset exit"),
            ),
            proves="OpenOCD compared the flash with the ELF file",
            expect=r"^\*\* Verified OK \*\*",
            failures=(
                (r"Verify Failed|checksum mismatch", MismatchError),
                (r"open failed|OpenOCD init failed|[Uu]nable to (find|open)|[Nn]o device found", MissingError),
            ),
            advice="connect the board's debug probe, and let no other program hold it",
        )
        return [step]


TOOL = OpenOcd()


def _script(folder: str, name: str) -> str:
    """A file of OpenOCD's own by its short name, any other by its path."""
    return name if name.endswith(".cfg") else f"{folder}/{name}.cfg"
