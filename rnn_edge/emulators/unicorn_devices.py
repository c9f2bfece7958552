"""Devices of the machine in unicorn_machine.py, as far as firmware/ports/cortex_m uses them: words at offsets in pages.

Time does not pass here: SysTick, CYCCNT and the timer of nRF51 keep what was written: every count of cycles is zero.
"""

from __future__ import annotations

import select
import socket
from dataclasses import dataclass

from ..board import Board
from ..errors import UserError

PAGE = 0x1000
SYSTEM_PAGE, DWT_PAGE = 0xE000E000, 0xE0001000
_FIRST_PERIPHERAL = 0x40000000
_NRF_CLOCK, _NRF_TIMER, _NRF_GPIO = 0x40000000, 0x40008000, 0x50000000
_WAIT_SECONDS = 0.02
_BUFFER_BYTES = 256


class HostLeft(Exception):
    """The host closed the connection."""


class ResetRequest(Exception):
    """The program asked for a reset (AIRCR.SYSRESETREQ)."""


class Wire:
    """The UART's line, to the one host that connects to a listening socket."""

    def __init__(self, listener: socket.socket) -> None:
        self._connection = listener
        self._received = bytearray()
        self._to_send = bytearray()
        self._idle_polls = 0

    def open(self) -> None:
        """Wait for the host."""
        with self._connection as listener:
            self._connection, _ = listener.accept()

    def has_byte(self) -> bool:
        """Is there a byte to take? HostLeft when there will never be one.

        A second look in a row means that the program waits, and then so does this process. Not for ever: where one
        register shows both directions, the program may have looked in order to send.
        """
        if self._received:
            return True
        self._idle_polls += 1
        if self._idle_polls > 1:
            self.flush()
            if select.select([self._connection], [], [], _WAIT_SECONDS)[0]:
                self._receive()
        return bool(self._received)

    def take(self) -> int:
        """The next byte; 0 where there is none."""
        self._idle_polls = 0
        return self._received.pop(0) if self._received else 0

    def send(self, byte: int) -> None:
        """Send a byte, at the latest when the program waits for an answer."""
        self._idle_polls = 0
        self._to_send.append(byte)
        if len(self._to_send) >= _BUFFER_BYTES:
            self.flush()

    def flush(self) -> None:
        """Send what waits to be sent; HostLeft when nobody takes it."""
        try:
            self._connection.sendall(self._to_send)
        except OSError as error:
            raise HostLeft from error
        self._to_send.clear()

    def _receive(self) -> None:
        try:
            self._received += self._connection.recv(4096)
        except OSError as error:
            raise HostLeft from error
        if not self._received:
            raise HostLeft


class Registers:
    """Words that keep what was written and begin as zero: all that clocks, pins and SysTick are here."""

    def __init__(self) -> None:
        self._words: dict[int, int] = {}

    def read(self, offset: int) -> int:
        return self._words.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        self._words[offset] = value


class System(Registers):
    """System control space (DDI 0403, section B3.2): of all it does, only the reset."""

    _AIRCR, _KEY, _SYSRESETREQ = 0xD0C, 0x05FA, 4

    def write(self, offset: int, value: int) -> None:
        if offset == self._AIRCR and value >> 16 == self._KEY and value & self._SYSRESETREQ:
            raise ResetRequest
        super().write(offset, value)


class NrfClock(Registers):
    """The crystal of nRF51: started is what it is told to start."""

    _HFCLKSTART, _HFCLKSTARTED = 0x000, 0x100

    def write(self, offset: int, value: int) -> None:
        super().write(self._HFCLKSTARTED if offset == self._HFCLKSTART else offset, value)


@dataclass(frozen=True)
class Layout:
    """Where the registers of a UART are, and which bits of its status say whether a byte has come."""

    enable: tuple[int, int]  # register, and the bits without which it neither sends nor receives
    status: int
    byte: int  # status with a byte to receive; there is always room to send
    no_byte: int
    receive: int
    send: int
    sent: int | None = None  # register that becomes 1 when a byte was sent


LAYOUTS = {
    "cmsdk": Layout(enable=(0x08, 0x3), status=0x04, byte=0x2, no_byte=0, receive=0x00, send=0x00),
    "nrf51": Layout(enable=(0x500, 0x4), status=0x108, byte=1, no_byte=0, receive=0x518, send=0x51C, sent=0x11C),
    "pl011": Layout(enable=(0x30, 0x301), status=0x18, byte=0x80, no_byte=0x90, receive=0x00, send=0x00),
    "stm32": Layout(enable=(0x0C, 0x200C), status=0x00, byte=0xE0, no_byte=0xC0, receive=0x04, send=0x04),
    "stm32v2": Layout(enable=(0x00, 0xD), status=0x1C, byte=0xE0, no_byte=0xC0, receive=0x24, send=0x28),
}
"""By the driver firmware/ports/cortex_m/uart_*.c, whose head names the manual."""


class Uart(Registers):
    """A UART whose registers begin at `start` of its page."""

    def __init__(self, layout: Layout, start: int, wire: Wire) -> None:
        super().__init__()
        self._layout = layout
        self._start = start
        self._wire = wire

    def read(self, offset: int) -> int:
        at, layout = offset - self._start, self._layout
        if at == layout.status:
            return layout.byte if self._enabled() and self._wire.has_byte() else layout.no_byte
        if at == layout.receive:
            return self._wire.take()
        return super().read(offset)

    def write(self, offset: int, value: int) -> None:
        at, layout = offset - self._start, self._layout
        if at != layout.send:
            super().write(offset, value)
        elif self._enabled():
            self._wire.send(value & 0xFF)
            if layout.sent is not None:
                super().write(self._start + layout.sent, 1)

    def _enabled(self) -> bool:
        register, bits = self._layout.enable
        return super().read(self._start + register) & bits == bits


def devices(board: Board, wire: Wire) -> dict[int, Registers]:
    """What is in each page of the peripherals after a reset; UserError for a UART that has no model."""
    uart, names = board.uart, board.uart.registers
    if uart.driver not in LAYOUTS or "UART_BASE" not in names:
        raise UserError(
            f"{board.id}: the UART {uart.driver!r} has no model for unicorn, which knows {', '.join(LAYOUTS)}: "
            "use another emulator."
        )
    pages = {_page(address): Registers() for address in names.values() if _FIRST_PERIPHERAL <= address < SYSTEM_PAGE}
    if uart.driver == "nrf51":
        pages |= {_NRF_CLOCK: NrfClock(), _NRF_TIMER: Registers(), _NRF_GPIO: Registers()}
    page = _page(names["UART_BASE"])
    pages[page] = Uart(LAYOUTS[uart.driver], names["UART_BASE"] - page, wire)
    return pages | {SYSTEM_PAGE: System(), DWT_PAGE: Registers()}


def _page(address: int) -> int:
    return address - address % PAGE
