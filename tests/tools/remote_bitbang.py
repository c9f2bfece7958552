"""The debug port on JTAG, for OpenOCD: a JTAG-DP behind its remote_bitbang protocol, a character for each edge."""

from __future__ import annotations

import socket

from .debug_port import DPIDR, DebugPort
from .qemu_target import TargetGone

_IDCODE, _ABORT, _DPACC, _APACC = 0xE, 0x8, 0xA, 0xB  # instructions
_LENGTH = {_IDCODE: 32, _ABORT: 35, _DPACC: 35, _APACC: 35}  # of their data registers; any other is a bypass of 1 bit
_OK = 0b010

# State -> the next one for TMS = 0 and TMS = 1
_NEXT = {
    "reset": ("idle", "reset"),
    "idle": ("idle", "select-dr"),
    "select-dr": ("capture-dr", "select-ir"),
    "capture-dr": ("shift-dr", "exit1-dr"),
    "shift-dr": ("shift-dr", "exit1-dr"),
    "exit1-dr": ("pause-dr", "update-dr"),
    "pause-dr": ("pause-dr", "exit2-dr"),
    "exit2-dr": ("shift-dr", "update-dr"),
    "update-dr": ("idle", "select-dr"),
    "select-ir": ("capture-ir", "reset"),
    "capture-ir": ("shift-ir", "exit1-ir"),
    "shift-ir": ("shift-ir", "exit1-ir"),
    "exit1-ir": ("pause-ir", "update-ir"),
    "pause-ir": ("pause-ir", "exit2-ir"),
    "exit2-ir": ("shift-ir", "update-ir"),
    "update-ir": ("idle", "select-dr"),
}


class JtagDp:
    """The TAP controller and the scan chains of a JTAG-DP (Arm ADIv5.2, chapter B3)."""

    def __init__(self, port: DebugPort) -> None:
        self._port = port
        self._state = "reset"
        self._instruction = _IDCODE
        self._shift = 0
        self._length = 1
        self._result = 0  # of the last read: what the next scan takes out

    @property
    def tdo(self) -> int:
        return self._shift & 1

    def rising_edge(self, tms: int, tdi: int) -> None:
        """One clock: shift, or do what entering the next state means."""
        if self._state in ("shift-dr", "shift-ir"):
            self._shift = self._shift >> 1 | tdi << self._length - 1
        self._state = _NEXT[self._state][tms]
        if self._state == "reset":
            self._instruction = _IDCODE
        elif self._state == "capture-ir":
            self._length, self._shift = 4, 0b0001
        elif self._state == "update-ir":
            self._instruction = self._shift
        elif self._state == "capture-dr":
            self._capture()
        elif self._state == "update-dr" and self._instruction in (_DPACC, _APACC):
            self._access(self._shift >> 3, (self._shift >> 1 & 3) << 2, read=bool(self._shift & 1))

    def _capture(self) -> None:
        self._length = _LENGTH.get(self._instruction, 1)
        if self._instruction == _IDCODE:
            self._shift = DPIDR  # the SW-DP's, as OpenOCD's nrf51.cfg expects it
        else:
            self._shift = self._result << 3 | _OK if self._length == 35 else 0

    def _access(self, value: int, register: int, *, read: bool) -> None:
        if self._instruction == _APACC:
            address = self._port.ap_address(register)
            if read:
                self._result = self._port.read_ap(address)
            else:
                self._port.write_ap(address, value)
        elif read:
            self._result = self._port.read_dp(register)
        else:
            self._port.write_dp(register, value)


def serve(connection: socket.socket, port: DebugPort) -> None:
    """Answer OpenOCD until it goes."""
    tap = JtagDp(port)
    powered = True
    clock = 0
    while data := connection.recv(65536):
        answer = bytearray()
        for character in data:
            if 0x30 <= character <= 0x37:  # "0" to "7": TCK, TMS, TDI
                rising = character >> 2 & 1 and not clock
                clock = character >> 2 & 1
                if rising and powered:
                    try:
                        tap.rising_edge(character >> 1 & 1, character & 1)
                    except TargetGone:
                        powered = False
            elif character == ord("R"):
                answer.append(0x30 + (tap.tdo if powered else 1))  # TDO is pulled up
            elif character == ord("Q"):
                return
        if answer:
            connection.sendall(answer)
