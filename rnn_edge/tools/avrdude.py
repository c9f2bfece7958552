"""avrdude: writes through the bootloader of an Arduino, or an ISP programmer, reads back and compares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import MismatchError, MissingError
from . import Act, Image, Settings, Step, port_of, settings

if TYPE_CHECKING:
    from ..board import Board


class AvrdudeSettings(Settings):
    part: str
    programmer: str
    baud: int


@dataclass(frozen=True)
class Avrdude:
    """Options: `part` (m328p), `programmer` (arduino, wiring, ...), `baud` of the bootloader."""

    name: str = "avrdude"
    requires: tuple[str, ...] = ("avrdude",)
    serial: bool = True

    def steps(self, board: Board, image: Image, port: str | None) -> Sequence[Step | Act]:
        of = settings(board, "avrdude", AvrdudeSettings)
        step = Step(
            # -D: a bootloader erases page by page, and has no erasure of the chip
            argv=(
                *("avrdude", "-p", of.part, "-c", of.programmer, "-P", port_of(board, port), "-b", str(of.baud)),
                *("-D", "-U", f"flash:w:{image.hex}:i"),
            ),
            proves="avrdude read the flash back and every byte was the same",
            expect=r"[0-9]+ bytes of flash verified",
            failures=(
                (r"verification mismatch|verification error|content mismatch", MismatchError),
                (r"not in sync|[Nn]ot responding|unable to open|cannot open|timeout communicating", MissingError),
            ),
            advice="connect the board, and let no other program hold its port",
        )
        return [step]


TOOL = Avrdude()
