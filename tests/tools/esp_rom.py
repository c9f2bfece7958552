"""A double of the serial boot loader in the ROM of an ESP32-C3: SLIP frames, as Espressif's "Serial Protocol" tells.

It is our reading of that page, not Espressif's code: it proves the command line and the protocol of esptool, no chip.
Registers read as zeros, so esptool warns that the flash chip does not say what it is.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import reduce
from operator import xor

from .pty_device import Wire

FLASH_BEGIN, FLASH_DATA, FLASH_END, SYNC, WRITE_REG, READ_REG = 0x02, 0x03, 0x04, 0x08, 0x09, 0x0A
SPI_SET_PARAMS, SPI_ATTACH, CHANGE_BAUD, FLASH_MD5, SECURITY_INFO = 0x0B, 0x0D, 0x0F, 0x13, 0x14
ACCEPTED = (SYNC, FLASH_END, READ_REG, WRITE_REG, SPI_SET_PARAMS, SPI_ATTACH, CHANGE_BAUD)
BYTES = 4 * 1024 * 1024
ESP32_C3, ESP32_C6 = 5, 13


@dataclass
class EspRom:
    """The chip. Its faults: silence, commands it refuses, addresses where a bit does not keep what is written."""

    chip: int = ESP32_C3
    silent: bool = False
    refused: tuple[int, ...] = ()
    stuck_at: tuple[int, ...] = ()
    flash: bytearray = field(default_factory=lambda: bytearray(b"\xff" * BYTES))
    commands: list[int] = field(default_factory=list)
    _next: int = 0  # flash address of the first data block

    def __call__(self, wire: Wire) -> None:
        for frame in _frames(wire):
            if self.silent:
                continue
            direction, command, size, checksum = struct.unpack_from("<BBHI", frame)
            data = frame[8:]
            assert direction == 0 and len(data) == size
            self.commands.append(command)
            if command in self.refused:
                _answer(wire, command, 0, b"", status=b"\x01\x06\0\0")
            else:
                value, result = self._execute(command, data, checksum)
                for _ in range(8 if command == SYNC else 1):
                    _answer(wire, command, value, result)

    def _execute(self, command: int, data: bytes, checksum: int) -> tuple[int, bytes]:
        """The value and the data of the answer."""
        if command == SECURITY_INFO:
            return 0, struct.pack("<IB7sII", 0, 0, bytes(7), self.chip, 0)
        if command == FLASH_BEGIN:
            self._begin(data)
        elif command == FLASH_DATA:
            self._write(data, checksum)
        elif command == FLASH_MD5:
            address, size = struct.unpack_from("<II", data)
            return 0, hashlib.md5(self.flash[address : address + size]).hexdigest().encode()
        else:
            assert command in (SYNC, READ_REG, *ACCEPTED), hex(command)
        return 0, b""

    def _begin(self, data: bytes) -> None:
        size, _, _, self._next = struct.unpack_from("<IIII", data)
        self.flash[self._next : self._next + size] = b"\xff" * size

    def _write(self, data: bytes, checksum: int) -> None:
        size, number = struct.unpack_from("<II", data)
        block = data[16:]
        assert len(block) == size and reduce(xor, block, 0xEF) == checksum
        for offset, byte in enumerate(block, self._next + number * size):
            self.flash[offset] &= byte if offset not in self.stuck_at else byte & ~1


def _frames(wire: Wire) -> Iterator[bytes]:
    """SLIP: between two C0 bytes, DB DC is C0 and DB DD is DB."""
    frame = b""
    while True:
        byte = wire.read(1)
        if byte != b"\xc0":
            frame += byte
        elif frame:
            yield frame.replace(b"\xdb\xdc", b"\xc0").replace(b"\xdb\xdd", b"\xdb")
            frame = b""


def _answer(wire: Wire, command: int, value: int, data: bytes, status: bytes = bytes(4)) -> None:
    body = struct.pack("<BBHI", 1, command, len(data) + len(status), value) + data + status
    wire.write(b"\xc0" + body.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc") + b"\xc0")
