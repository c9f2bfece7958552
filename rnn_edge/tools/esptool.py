"""esptool: makes an image for the boot ROM of an ESP32 out of the ELF file and writes it through the serial port."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from ..errors import MismatchError, MissingError, UserError
from . import Act, Image, Settings, Step, port_of, settings

if TYPE_CHECKING:
    from ..board import Board


class EspToolSettings(Settings):
    """`offset`: in flash; `before`, `after`: resets; `stub = false`: talk to the boot ROM alone, which is slower."""

    chip: str
    offset: Annotated[int, Field(ge=0, multiple_of=4096)] = 0
    baud: Annotated[int, Field(gt=0)] = 460800
    before: Literal["default-reset", "usb-reset", "no-reset"] = "default-reset"
    after: Literal["hard-reset", "watchdog-reset", "no-reset"] = "hard-reset"
    stub: bool = True


@dataclass(frozen=True)
class EspTool:
    """`--port` is the serial port."""

    name: str = "esptool"
    requires: tuple[str, ...] = ("esptool",)
    serial: bool = True

    def steps(self, board: Board, image: Image, port: str | None) -> Sequence[Step | Act]:
        given = settings(board, "esptool", EspToolSettings)
        chip = ("esptool", "--chip", given.chip)
        made = image.binary.with_name(f"{image.binary.stem}.{given.chip}.bin")
        link = (
            *("--port", port_of(board, port), "--baud", str(given.baud)),
            *("--before", given.before, "--after", given.after),
            *(() if given.stub else ("--no-stub",)),
        )
        convert = Step(
            argv=(*chip, "elf2image", "--flash-mode", "dio", "--output", str(made), str(image.elf)), makes=made
        )
        write = Step(
            argv=(*chip, *link, "write-flash", hex(given.offset), str(made)),
            proves="the chip's MD5 of its flash is that of the file",
            expect=r"^Hash of data verified\.",
            failures=(
                (r"Wrong .*chip.* argument", UserError),
                (r"MD5 of file does not match", MismatchError),
                (r"Failed to connect|No serial data received|[Cc]ould not open|No response", MissingError),
            ),
            advice="hold BOOT while you press reset, and try again",
        )
        return [convert, write]


TOOL = EspTool()
