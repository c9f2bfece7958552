"""unicorn: the CPU emulator that pip installs starts with the image in its memory; nothing is flashed or read back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import Act, Image, Step

if TYPE_CHECKING:
    from ..board import Board


@dataclass(frozen=True)
class Unicorn:
    """Its one step only says so, like that of qemu: who flashes starts the emulator with the image."""

    name: str = "unicorn"
    requires: tuple[str, ...] = ()
    serial: bool = False

    def steps(self, board: Board, image: Image, port: str | None) -> Sequence[Step | Act]:
        return [Act(does=f"start unicorn as {board.id} with {image.elf}", act=lambda: None)]


TOOL = Unicorn()
