"""dfu-util: writes through the USB boot loader in the ROM of STM32 (DfuSe), uploads what is there, compares, starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from ..errors import MismatchError, MissingError
from . import Act, Image, Settings, Step, settings

if TYPE_CHECKING:
    from pathlib import Path

    from ..board import Board

_FAILURES = ((r"No DFU capable USB device|LIBUSB_ERROR_NO_DEVICE", MissingError),)
_ADVICE = "set BOOT0 high, press reset, and see `dfu-util -l`"


class DfuUtilSettings(Settings):
    """`vid_pid`: of the boot loader; `alt`: 0 is the flash."""

    vid_pid: Annotated[str, Field(pattern="^[0-9a-f]{4}:[0-9a-f]{4}$")] = "0483:df11"
    alt: Annotated[int, Field(ge=0)] = 0


@dataclass(frozen=True)
class DfuUtil:
    """`--via` is the serial number of the boot loader, where there are several."""

    name: str = "dfu-util"
    requires: tuple[str, ...] = ("dfu-util",)
    serial: bool = False

    def steps(self, board: Board, image: Image, port: str | None) -> Sequence[Step | Act]:
        given = settings(board, "dfu-util", DfuUtilSettings)
        device = (
            *("dfu-util", "-d", given.vid_pid, "-a", str(given.alt)),
            *(("-S", port) if port else ()),
        )
        start, size = hex(board.memory.flash.origin), image.binary.stat().st_size
        back = image.binary.with_name("firmware.readback.bin")
        return [
            Step(
                argv=(*device, "-s", start, "-D", str(image.binary)),
                expect=r"File downloaded successfully",
                failures=_FAILURES,
                advice=_ADVICE,
            ),
            Step(
                argv=(*device, "-s", f"{start}:{size}:leave", "-U", str(back)),
                failures=_FAILURES,
                advice=_ADVICE,
                makes=back,
            ),
            Act(
                does=f"compare {back} with {image.binary}, then remove it",
                act=lambda: _compare(back, image.binary),
                proves="dfu-util read the flash back and every byte was the same",
            ),
        ]


TOOL = DfuUtil()


def _compare(back: Path, wrote: Path) -> None:
    found, wanted = back.read_bytes(), wrote.read_bytes()
    back.unlink()
    if len(found) != len(wanted):
        raise MismatchError(f"dfu-util read back {len(found)} bytes, not {len(wanted)}; flash the board again.")
    for offset, (there, here) in enumerate(zip(found, wanted, strict=True)):
        if there != here:
            raise MismatchError(
                f"dfu-util read back {there:#04x} at offset {offset:#x}, not {here:#04x}; flash the board again."
            )
