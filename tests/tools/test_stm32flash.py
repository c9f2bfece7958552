"""stm32flash against a double of the boot loader in ROM, through a pseudo terminal."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from rnn_edge import flash
from rnn_edge.errors import MismatchError, MissingError, RnnEdgeError

from . import devices
from .pty_device import serial_port
from .stm32_rom import ERASE, GET, ORIGIN, WRITE, Stm32Rom

pytestmark = pytest.mark.skipif(not shutil.which("stm32flash"), reason="needs stm32flash: apt install stm32flash")
BOARD = devices.board("stm32flash", parity="8n1")


def write(rom: Stm32Rom, folder: Path, data: bytes) -> list[str]:
    with serial_port(rom) as port:
        return flash.flash(devices.image(folder, data), BOARD, port=port)


@pytest.mark.parametrize("size", [1, 256, 3001, 100_000])
def test_written_verified_and_started(size: int, tmp_path: Path) -> None:
    rom, data = Stm32Rom(), os.urandom(size)
    assert write(rom, tmp_path, data) == ["stm32flash read the flash back and every byte was the same"]
    assert rom.flash[:size] == data
    assert rom.started == ORIGIN


def test_a_program_behind_a_boot_loader(tmp_path: Path) -> None:
    at = devices.board("stm32flash", origin=ORIGIN + 0x4000, parity="8n1")
    rom, data = Stm32Rom(), os.urandom(1000)
    with serial_port(rom) as port:
        flash.flash(devices.image(tmp_path, data), at, port=port)
    assert rom.flash[0x4000 : 0x4000 + 1000] == data
    assert rom.flash[:0x4000] == b"\x55" * 0x4000
    assert rom.started == ORIGIN + 0x4000


@pytest.mark.parametrize(
    ("rom", "kind", "message"),
    [
        (
            Stm32Rom(stuck_at=(10,)),
            MismatchError,
            "Failed to verify at address 0x0800000a, expected 0xff and found 0xfe",
        ),
        (Stm32Rom(silent=True), MissingError, "Failed to init device, timeout; set BOOT0 high, press reset"),
        (Stm32Rom(refused=(WRITE,)), RnnEdgeError, "Failed to write memory at address 0x08000000"),
        (Stm32Rom(refused=(ERASE,)), RnnEdgeError, "Failed to erase memory|Can't initiate chip page erase"),
        (Stm32Rom(refused=(GET,)), RnnEdgeError, "Got NACK from device on command 0x00"),
        (Stm32Rom(device=0x999), RnnEdgeError, "Unknown/unsupported device .Device ID: 0x999"),
    ],
    ids=["verify", "silence", "write-refused", "erase-refused", "get-refused", "wrong-chip"],
)
def test_failures(rom: Stm32Rom, kind: type[RnnEdgeError], message: str, tmp_path: Path) -> None:
    with pytest.raises(RnnEdgeError, match=message) as error:
        write(rom, tmp_path, b"\xff" * 500)
    assert type(error.value) is kind
    assert rom.started is None


def test_no_such_port(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="There is no /dev/nothing"):
        flash.flash(devices.image(tmp_path), BOARD, port="/dev/nothing")
