"""A double of the boot loader in the ROM of STM32, as application note AN3155 describes its serial protocol.

It is our reading of the note, not ST's code: it proves the command line and the protocol of stm32flash, no chip.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import reduce
from operator import xor

from .pty_device import Wire

ACK, NACK = b"\x79", b"\x1f"
ORIGIN, BYTES, PAGE = 0x08000000, 128 * 1024, 1024
GET, GET_VERSION, GET_ID, READ, GO, WRITE, ERASE = 0x00, 0x01, 0x02, 0x11, 0x21, 0x31, 0x43
COMMANDS = bytes([GET, GET_VERSION, GET_ID, READ, GO, WRITE, ERASE])


@dataclass
class Stm32Rom:
    """The chip. Its faults: silence, commands it refuses, addresses where a byte does not keep what is written."""

    device: int = 0x420  # STM32F100, as on the value line discovery board
    silent: bool = False
    refused: tuple[int, ...] = ()
    stuck_at: tuple[int, ...] = ()
    flash: bytearray = field(default_factory=lambda: bytearray(b"\x55" * BYTES))
    started: int | None = None  # the address of a Go

    def __call__(self, wire: Wire) -> None:
        while True:
            first = wire.read(1)[0]
            if self.silent:
                continue
            if first == 0x7F:
                wire.write(ACK)
            elif wire.read(1)[0] != first ^ 0xFF or first not in COMMANDS or first in self.refused:
                wire.write(NACK)
            else:
                wire.write(ACK)
                self._execute(wire, first)

    def _execute(self, wire: Wire, command: int) -> None:
        if command == GET:
            wire.write(bytes([len(COMMANDS), 0x22]) + COMMANDS + ACK)
        elif command == GET_VERSION:
            wire.write(bytes([0x22, 0, 0]) + ACK)
        elif command == GET_ID:
            wire.write(b"\x01" + self.device.to_bytes(2, "big") + ACK)
        elif command == ERASE:
            self._erase(wire)
        else:
            self._at(wire, command, _address(wire))

    def _at(self, wire: Wire, command: int, address: int) -> None:
        wire.write(ACK)
        start = address - ORIGIN
        if command == READ:
            count, complement = wire.read(2)
            assert complement == count ^ 0xFF
            # RAM, ROM and option bytes read as zeros.
            wire.write(ACK + bytes(self.flash[start : start + count + 1] if 0 <= start < BYTES else bytes(count + 1)))
        elif command == WRITE:
            count = wire.read(1)[0] + 1
            data = wire.read(count)
            assert wire.read(1)[0] == reduce(xor, data, count - 1)
            for offset, byte in enumerate(data, start):
                self.flash[offset] &= byte if offset not in self.stuck_at else byte & ~1
            wire.write(ACK)
        else:
            self.started = address

    def _erase(self, wire: Wire) -> None:
        last = wire.read(1)[0]
        pages = wire.read(last + 1) if last != 0xFF else bytes(range(BYTES // PAGE))
        assert wire.read(1)[0] == (reduce(xor, pages, last) if last != 0xFF else 0)
        for page in pages:
            self.flash[page * PAGE : (page + 1) * PAGE] = b"\xff" * PAGE
        wire.write(ACK)


def _address(wire: Wire) -> int:
    sent = wire.read(5)
    assert reduce(xor, sent) == 0
    return int.from_bytes(sent[:4], "big")
