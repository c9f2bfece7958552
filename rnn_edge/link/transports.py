"""Ways to a board: the pipes of a process, named pipes and Unix sockets (emulators), a serial port."""

from __future__ import annotations

import errno
import os
import select
import socket
import subprocess
from pathlib import Path

from ..errors import LinkError, MissingError, RnnEdgeError, UserError

WRITE_SECONDS = 5.0
"""How long the other end may take none of what is sent."""

BOOT_SECONDS = 2.0
"""How long a board that is reset by opening its serial port (Arduino) may be silent before its firmware runs."""

_END_SECONDS = 2.0  # for a process whose input was closed
_CHUNK = 4096


class _Descriptors:
    """Two file descriptors, one to read and one to write; they may be the same."""

    def __init__(self, reading: int, writing: int) -> None:
        self._reading, self._writing = reading, writing
        for descriptor in (reading, writing):
            os.set_blocking(descriptor, False)

    def write(self, data: bytes) -> None:
        """Send all of it; LinkError when the other end is gone or takes nothing for WRITE_SECONDS."""
        rest = memoryview(data)
        while rest:
            if not select.select([], [self._writing], [], WRITE_SECONDS)[1]:
                raise LinkError(f"The board took nothing of what was sent for {WRITE_SECONDS:g} s; restart it.")
            try:
                rest = rest[os.write(self._writing, rest[:_CHUNK]) :]
            except BlockingIOError:
                continue  # there was less room than select saw
            except OSError as error:
                raise _gone() from error

    def read(self, timeout: float) -> bytes:
        """At least one byte, or none after `timeout` seconds; LinkError when the other end is gone."""
        if not select.select([self._reading], [], [], timeout)[0]:
            return b""
        try:
            data = os.read(self._reading, _CHUNK)
        except OSError as error:
            raise _gone() from error
        if not data:
            raise _gone()
        return data


class PipeTransport(_Descriptors):
    """Standard input and output of a process, which ends with the transport."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None and process.stdout is not None
        super().__init__(process.stdout.fileno(), process.stdin.fileno())
        self._process = process

    def close(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


class SocketTransport(_Descriptors):
    """A Unix socket on which somebody listens; LinkError where nobody does."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.connect(str(path))
        except OSError as error:
            self._socket.close()
            raise LinkError(
                f"Nobody answers at {path} ({error.strerror or error}); is the emulator running?"
            ) from error
        super().__init__(self._socket.fileno(), self._socket.fileno())

    def close(self) -> None:
        self._socket.close()


class PipesTransport(_Descriptors):
    """Two named pipes: one to write into, one to read from. Neither end has to be open before the other."""

    def __init__(self, writing: Path, reading: Path) -> None:
        # opened for reading too, so that it does not wait for the other end
        super().__init__(os.open(reading, os.O_RDONLY | os.O_NONBLOCK), os.open(writing, os.O_RDWR))

    def close(self) -> None:
        for descriptor in (self._reading, self._writing):
            os.close(descriptor)


class SerialTransport:
    """A serial port with 8 data bits, no parity, 1 stop bit, which nobody else may open meanwhile.

    MissingError where there is no such port, UserError where it is busy or may not be opened.
    """

    def __init__(self, port: str, baud: int) -> None:
        import serial

        try:
            self._port = serial.Serial(port, baud, write_timeout=WRITE_SECONDS, exclusive=True)
        except (OSError, ValueError) as error:
            raise _cannot_open(port, error) from error
        self._early = b""
        try:
            self._early = self.read(BOOT_SECONDS)
        except LinkError:
            self.close()
            raise

    def write(self, data: bytes) -> None:
        """Send all of it; LinkError when the port is gone or takes nothing for WRITE_SECONDS."""
        try:
            self._port.write(data)
        except OSError as error:
            raise _gone() from error

    def read(self, timeout: float) -> bytes:
        """At least one byte, or none after `timeout` seconds; LinkError when the port is gone."""
        if self._early:
            early, self._early = self._early, b""
            return early
        try:
            self._port.timeout = timeout
            first: bytes = self._port.read(1)
            return first + self._port.read(self._port.in_waiting) if first else b""
        except OSError as error:
            raise _gone() from error

    def close(self) -> None:
        """Let go of the port."""
        self._port.close()


def _cannot_open(port: str, error: OSError | ValueError) -> RnnEdgeError:
    number = getattr(error, "errno", None)
    if number == errno.ENOENT:
        return MissingError(f"There is no serial port {port}; connect the board, or name its port with --port.")
    if number in (errno.EBUSY, errno.EAGAIN):
        return UserError(f"Another program has {port} open; close it.")
    if number in (errno.EACCES, errno.EPERM):
        return UserError(f"You may not open {port}; type `sudo usermod -aG dialout $USER` and log in again.")
    return UserError(f"{port} cannot be opened as a serial port ({error}); name another with --port.")


def _gone() -> LinkError:
    return LinkError("The board's end of the link is closed: it was unplugged, or its process ended; start again.")
