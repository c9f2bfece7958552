"""stm32flash: writes through the serial boot loader in the ROM of STM32 (AN3155), verifies, and starts the program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from ..errors import MismatchError, MissingError
from . import Act, Image, Settings, Step, port_of, settings

if TYPE_CHECKING:
    from ..board import Board


class Stm32FlashSettings(Settings):
    """`parity`: the boot loader wants 8e1; 8n1 is for a pseudo terminal, which has no parity."""

    baud: Annotated[int, Field(gt=0)] = 115200
    parity: Literal["8e1", "8n1"] = "8e1"


@dataclass(frozen=True)
class Stm32Flash:
    """`--port` is the serial port."""

    name: str = "stm32flash"
    requires: tuple[str, ...] = ("stm32flash",)
    serial: bool = True

    def steps(self, board: Board, image: Image, port: str | None) -> Sequence[Step | Act]:
        given = settings(board, "stm32flash", Stm32FlashSettings)
        start = hex(board.memory.flash.origin)
        step = Step(
            argv=(
                *("stm32flash", "-b", str(given.baud), "-m", given.parity),
                *("-S", start, "-w", str(image.binary), "-v", "-g", start, port_of(board, port)),
            ),
            proves="stm32flash read the flash back and every byte was the same",
            expect=r"Wrote and verified address 0x[0-9a-f]+ \(100\.00%\) Done\.",
            failures=(
                (r"Failed to verify", MismatchError),
                (r"Failed to open|Failed to init device", MissingError),
            ),
            advice="set BOOT0 high, press reset, and try again",
        )
        return [step]


TOOL = Stm32Flash()
