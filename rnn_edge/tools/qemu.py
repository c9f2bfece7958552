"""QEMU: the emulator starts with the image in its memory; nothing is flashed and nothing can be read back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import Act, Image, Step

if TYPE_CHECKING:
    from ..board import Board


@dataclass(frozen=True)
class Qemu:
    """Its one step only says so: who flashes an emulated board starts the emulator, with this tool with the image."""

    name: str = "qemu"
    requires: tuple[str, ...] = ()
    serial: bool = False

    def steps(self, board: Board, image: Image, port: str | None) -> Sequence[Step | Act]:
        machine = board.emulator.machine if board.emulator else board.id
        return [Act(does=f"start the emulated {machine} with {image.elf}", act=lambda: None)]


TOOL = Qemu()
