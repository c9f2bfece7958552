"""A serial port with a device behind it that is none: a pseudo terminal, carried to a `Transport`."""

from __future__ import annotations

import os
import pty
import select
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager

from rnn_edge.link import Transport

PAUSE = 0.001  # s, between two looks


class Unplugged(Exception):
    """Raised by a device that goes away."""


class Silent:
    """A device that takes everything and says nothing."""

    def write(self, data: bytes) -> None:
        """Nothing happens."""

    def read(self, timeout: float) -> bytes:
        return b""

    def close(self) -> None:
        """There is nothing to close."""


class Leaving:
    """A device that is unplugged when it has been written to so often."""

    def __init__(self, device: Transport, writes: int) -> None:
        self._device, self._left = device, writes
        self.read, self.close = device.read, device.close

    def write(self, data: bytes) -> None:
        self._left -= 1
        if self._left < 0:
            raise Unplugged
        self._device.write(data)


@contextmanager
def serial_port(device: Transport) -> Iterator[str]:
    """The path of the port."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    over = threading.Event()
    thread = threading.Thread(target=_carry, args=(device, master, over), daemon=True)
    thread.start()
    try:
        yield os.ttyname(slave)
    finally:
        over.set()
        thread.join(10)
        os.close(slave)


def _carry(device: Transport, master: int, over: threading.Event) -> None:
    try:
        while not over.is_set():
            if select.select([master], [], [], PAUSE)[0]:
                device.write(os.read(master, 4096))
            while data := device.read(PAUSE):
                os.write(master, data)
    except Unplugged:
        pass
    finally:
        os.close(master)
