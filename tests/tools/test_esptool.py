"""esptool against a double of the boot loader in ROM, through a pseudo terminal. Nothing runs the image."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from rnn_edge import flash
from rnn_edge.board import Board
from rnn_edge.errors import MismatchError, MissingError, RnnEdgeError, UserError
from rnn_edge.tools import Image, find_program

from . import devices
from .esp_rom import ESP32_C6, FLASH_BEGIN, FLASH_DATA, FLASH_MD5, EspRom
from .pty_device import serial_port

pytestmark = [
    pytest.mark.skipif(not find_program("esptool"), reason="needs esptool: pip install 'esptool>=5,<6'"),
    pytest.mark.skipif(
        not shutil.which("riscv64-unknown-elf-gcc"), reason="needs a compiler: apt install gcc-riscv64-unknown-elf"
    ),
]


def c3(chip: str = "esp32c3", offset: int = 0) -> Board:
    return devices.board("esptool", chip=chip, offset=offset, stub=False, before="no-reset", after="no-reset")


@pytest.fixture
def program(tmp_path: Path) -> Image:
    """Linked to the RAM of an ESP32-C3, where its boot ROM puts what it finds at the start of flash."""
    flags = ("-march=rv32imc", "-mabi=ilp32", "-mcmodel=medany")
    return devices.loop(tmp_path, "riscv64-unknown-elf-", flags, 0x40380000, 0x3FC90000)


@pytest.mark.parametrize("offset", [0, 0x10000])
def test_made_written_and_verified(offset: int, program: Image) -> None:
    rom, said = EspRom(), list[str]()
    with serial_port(rom) as port:
        proven = flash.flash(program, c3(offset=offset), port=port, say=said.append)
    assert proven == ["the chip's MD5 of its flash is that of the file"]
    assert len(said) == 2
    made = program.binary.with_name("firmware.esp32c3.bin").read_bytes()
    assert rom.flash[offset : offset + len(made)] == made
    assert made[0] == 0xE9  # the boot ROM's magic byte
    assert program.binary.read_bytes()[:16] in made


@pytest.mark.parametrize(
    ("rom", "chip", "kind", "message"),
    [
        (EspRom(stuck_at=tuple(range(64))), "esp32c3", MismatchError, "MD5 of file does not match data in flash"),
        (EspRom(), "esp32c6", UserError, "This chip is ESP32-C3, not ESP32-C6"),
        (EspRom(chip=ESP32_C6), "esp32c3", UserError, "This chip is ESP32-C6, not ESP32-C3"),
        (EspRom(silent=True), "esp32c3", MissingError, "Failed to connect .*; hold BOOT while you press reset"),
        (EspRom(refused=(FLASH_DATA,)), "esp32c3", RnnEdgeError, "Failed to write to target flash after seq 0"),
        (EspRom(refused=(FLASH_BEGIN,)), "esp32c3", RnnEdgeError, "Failed to enter flash download mode"),
        (EspRom(refused=(FLASH_MD5,)), "esp32c3", RnnEdgeError, "Failed to calculate md5sum"),
    ],
    ids=["verify", "asked-for-c6", "is-a-c6", "silence", "data-refused", "begin-refused", "md5-refused"],
)
def test_failures(rom: EspRom, chip: str, kind: type[RnnEdgeError], message: str, program: Image) -> None:
    with pytest.raises(RnnEdgeError, match=message) as error, serial_port(rom) as port:
        flash.flash(program, c3(chip), port=port)
    assert type(error.value) is kind


def test_no_such_port(program: Image) -> None:
    with pytest.raises(MissingError, match="There is no /dev/nothing"):
        flash.flash(program, c3(), port="/dev/nothing")
