"""What the tests of AVR boards share: programs for them, and what they print."""

from __future__ import annotations

import os
import select
import shutil
import time
from pathlib import Path

import pytest
from intelhex import IntelHex

from rnn_edge import board, footprint
from rnn_edge.board import Board
from rnn_edge.emulators import simavr
from rnn_edge.tools import Image

UNO, MEGA = board.load("simavr-uno"), board.load("simavr-mega")

NEEDS = pytest.mark.skipif(
    not all(shutil.which(program) for program in ("avr-gcc", "avrdude", "gcc"))
    or not all(path.exists() for path in (Path("/usr/include/simavr"), simavr.BOOTLOADERS)),
    reason="needs an AVR: apt install gcc-avr avr-libc avrdude libsimavr-dev libelf-dev arduino-core-avr",
)


def image(elf: Path, at: Board) -> Image:
    """The shapes of a program."""
    made = Image(elf, elf.with_suffix(".bin"), elf.with_suffix(".hex"))
    made.binary.write_bytes(footprint.flash_content(elf, at.memory))
    content = IntelHex()
    content.frombytes(made.binary.read_bytes())
    content.write_hex_file(str(made.hex))
    return made


class Terminal:
    """A serial port, opened as it is: nothing that the board has sent is thrown away."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_NOCTTY)

    def until(self, end: bytes, seconds: float = 20.0) -> bytes:
        """What the board sends, up to and with `end`; less where it does not come in time."""
        received, deadline = b"", time.monotonic() + seconds
        while end not in received and select.select([self._file], [], [], max(0.0, deadline - time.monotonic()))[0]:
            received += os.read(self._file, 1)
        return received

    def write(self, data: bytes) -> None:
        os.write(self._file, data)

    def close(self) -> None:
        os.close(self._file)
