"""A pseudo terminal with one of our doubles at its far end, in a thread: the serial port of a board that is none."""

from __future__ import annotations

import os
import pty
import select
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Unplugged(Exception):
    """The test is over."""


class Wire:
    """The far end."""

    def __init__(self, master: int, over: int) -> None:
        self._master, self._over = master, over
        self._unread = b""

    def read(self, count: int) -> bytes:
        """Exactly so many bytes, however long they take."""
        while len(self._unread) < count:
            ready, _, _ = select.select([self._master, self._over], [], [])
            if self._over in ready:
                raise Unplugged
            self._unread += os.read(self._master, 4096)
        taken, self._unread = self._unread[:count], self._unread[count:]
        return taken

    def write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._master, data) :]


@contextmanager
def serial_port(double: Callable[[Wire], None]) -> Iterator[str]:
    """The path of a port with `double` behind it; an error of the double is raised when the block ends."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    is_over, over = os.pipe()
    errors: list[BaseException] = []

    def serve() -> None:
        try:
            double(Wire(master, is_over))
        except Unplugged:
            pass
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield os.ttyname(slave)
    finally:
        os.write(over, b"x")
        thread.join(10)
        for descriptor in (master, slave, is_over, over):
            os.close(descriptor)
    if errors:
        raise errors[0]
