"""UF2: the boot loader shows up as a drive; a file copied onto it is flashed block by block, then the board starts."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from ..errors import MismatchError, MissingError, UserError
from ..files import write_atomically
from . import Act, Image, Settings, Step, settings, uf2_file

if TYPE_CHECKING:
    from ..board import Board

INFO, CURRENT = "INFO_UF2.TXT", "CURRENT.UF2"
SETTLE_SECONDS = 2.0  # for the boot loader to restart and take its drive away


class Uf2Settings(Settings):
    """`family`: of the chip, in each block; `board_id`: in the drive's INFO_UF2.TXT."""

    family: Annotated[int, Field(ge=0, lt=2**32)]
    board_id: str


@dataclass(frozen=True)
class Uf2:
    """`--via` is the folder where the drive is mounted; it too must have the Board-ID."""

    name: str = "uf2"
    requires: tuple[str, ...] = ()
    serial: bool = False

    def steps(self, board: Board, image: Image, port: str | None) -> Sequence[Step | Act]:
        given = settings(board, "uf2", Uf2Settings)
        file = image.binary.with_suffix(".uf2")
        place = port or f"the drive with Board-ID {given.board_id}"
        return [
            Act(
                does=f"write {file}, family {given.family:#010x}, from {board.memory.flash.origin:#x} on",
                act=lambda: _write(image.binary, file, board.memory.flash.origin, given.family),
            ),
            Act(
                does=f"copy {file} to {place}; compare where it shows {CURRENT} then",
                act=lambda: _copy(file, find_drive(given.board_id, port)),
            ),
        ]


TOOL = Uf2()


def mounted_folders() -> list[Path]:
    """Where drives are mounted."""
    if sys.platform == "win32":
        return [Path(f"{letter}:/") for letter in "DEFGHIJKLMNOPQRSTUVWXYZ"]
    if sys.platform == "darwin":
        return sorted(Path("/Volumes").iterdir())
    mounts = [line.split(" ") for line in Path("/proc/self/mounts").read_text().splitlines()]
    # A blank in the name of a folder is \040 there. Looking into other kinds of file systems may hang.
    return [Path(folder.replace(r"\040", " ")) for _, folder, kind, *_ in mounts if kind in ("vfat", "msdos")]


def find_drive(board_id: str, folder: str | None) -> Path:
    """The one mounted drive of such a board, or `folder` if it is one. MissingError or UserError with what was seen."""
    seen = {path: found for path in ([Path(folder)] if folder else mounted_folders()) if (found := _board_id(path))}
    fitting = [path for path, found in seen.items() if found == board_id]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        names = ", ".join(map(str, fitting))
        raise UserError(f"Several drives have the Board-ID {board_id} ({names}); name one with --via.")
    others = ", ".join(f"{path} is {found}" for path, found in seen.items()) or "no drive of a boot loader was seen"
    where = folder or "any mounted drive"
    raise MissingError(
        f"{where} has no {INFO} with Board-ID {board_id} ({others}); hold BOOTSEL or press reset twice, "
        "mount the drive, and name its folder with --via if it is not found."
    )


def _board_id(folder: Path) -> str | None:
    try:
        with (folder / INFO).open(errors="replace") as file:
            lines = file.read(4096).splitlines()
    except OSError:
        return None
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("Board-ID:")), None)


def _write(binary: Path, file: Path, origin: int, family: int) -> None:
    data = binary.read_bytes()
    made = uf2_file.write(uf2_file.Contents(origin, data, family))
    padding = bytes(-len(data) % uf2_file.PAYLOAD)
    assert uf2_file.read(made) == uf2_file.Contents(origin, data + padding, family)
    write_atomically(file, made)


def _copy(file: Path, drive: Path) -> str:
    """What is known then. The board may restart, and its drive vanish, as soon as the last block is there."""
    target = drive / file.name
    try:
        with file.open("rb") as source, target.open("wb") as sink:
            shutil.copyfileobj(source, sink)
            sink.flush()
            with contextlib.suppress(OSError):  # the drive may be gone before this returns
                os.fsync(sink.fileno())
    except OSError as error:
        raise MissingError(
            f"{target} could not be written ({error.strerror}); see whether the drive is full."
        ) from error
    deadline = time.monotonic() + SETTLE_SECONDS
    while _board_id(drive) and time.monotonic() < deadline:
        time.sleep(0.05)
    try:
        shown = uf2_file.read((drive / CURRENT).read_bytes())
    except (OSError, UserError):
        return f"the drive took the file; its flash cannot be read back (no {CURRENT}), so the board has to answer"
    return _compare(uf2_file.read(file.read_bytes()), shown)


def _compare(wanted: uf2_file.Contents, shown: uf2_file.Contents) -> str:
    """The drive shows the whole flash, of which the program is a part."""
    start = wanted.origin - shown.origin
    found = shown.data[start : start + len(wanted.data)] if start >= 0 else b""
    if found != wanted.data:
        raise MismatchError(f"{CURRENT} of the drive has other bytes than were copied; flash the board again.")
    return f"{CURRENT} of the drive has the bytes that were copied"
