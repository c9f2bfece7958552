"""Pipes, Unix sockets and serial ports: bytes go both ways, and every way of going away is one sentence."""

from __future__ import annotations

import os
import pty
import socket
import subprocess
import sys
import time
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from rnn_edge.errors import LinkError, MissingError, UserError
from rnn_edge.link import Transport, transports
from rnn_edge.link.transports import PipeTransport, SerialTransport, SocketTransport

ECHO = "import os\nwhile data := os.read(0, 4096): os.write(1, data)"


def started(code: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def read_all(transport: Transport, count: int) -> bytes:
    data = b""
    while len(data) < count and (more := transport.read(5.0)):
        data += more
    return data


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, str]]:
    """A serial port without a board: the other end of the line, and its name."""
    monkeypatch.setattr(transports, "BOOT_SECONDS", 0.0)
    master, slave = pty.openpty()
    tty.setraw(master)
    yield master, os.ttyname(slave)
    os.close(slave)
    os.close(master)


def test_pipe_of_a_process_that_ends_with_it() -> None:
    process = started(ECHO)
    transport = PipeTransport(process)
    data = bytes(range(256)) * 300
    transport.write(data[:50_000])
    assert read_all(transport, 50_000) == data[:50_000]
    assert transport.read(0.01) == b""
    transport.close()
    assert process.returncode == 0


def test_a_process_that_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transports, "_END_SECONDS", 0.05)
    process = started("import time\ntime.sleep(60)")
    PipeTransport(process).close()
    assert process.returncode == -9


def test_a_process_that_is_gone() -> None:
    process = started("")
    transport = PipeTransport(process)
    process.wait()
    with pytest.raises(LinkError, match="unplugged, or its process ended"):
        transport.read(5.0)
    with pytest.raises(LinkError, match="unplugged, or its process ended"):
        transport.write(b"x")
    transport.close()


def test_a_process_that_takes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transports, "WRITE_SECONDS", 0.05)
    monkeypatch.setattr(transports, "_END_SECONDS", 0.05)
    transport = PipeTransport(started("import time\ntime.sleep(60)"))
    with pytest.raises(LinkError, match=r"took nothing of what was sent for 0\.05 s"):
        transport.write(bytes(1 << 20))
    transport.close()


def test_socket(tmp_path: Path) -> None:
    path = tmp_path / "uart"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        transport = SocketTransport(path)
        board, _ = server.accept()
        transport.write(b"abc")
        assert board.recv(10) == b"abc" and transport.read(0.01) == b""
        board.send(b"def")
        assert transport.read(5.0) == b"def"
        board.close()
        with pytest.raises(LinkError, match="unplugged, or its process ended"):
            transport.read(5.0)
        transport.close()
    with pytest.raises(LinkError, match="Nobody answers at .*uart .*; is the emulator running"):
        SocketTransport(path)
    with pytest.raises(LinkError, match="Nobody answers"):
        SocketTransport(tmp_path / ("x" * 200))


def test_serial_port(terminal: tuple[int, str]) -> None:
    board, name = terminal
    transport = SerialTransport(name, 115200)
    transport.write(b"\0\x11\x13\r\n\xff")
    assert os.read(board, 100) == b"\0\x11\x13\r\n\xff"
    assert transport.read(0.01) == b""
    os.write(board, b"\r\n\0\x13")
    assert read_all(transport, 4) == b"\r\n\0\x13"
    with pytest.raises(UserError, match=f"Another program has {name} open; close it"):
        SerialTransport(name, 115200)
    transport.close()
    SerialTransport(name, 9600).close()


def test_a_board_that_resets_when_its_port_is_opened_is_waited_for(
    terminal: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    board, name = terminal
    monkeypatch.setattr(transports, "BOOT_SECONDS", 30.0)
    code = f"import os, time\ntime.sleep(0.2)\nos.write({board}, b'rnn_edge')\ntime.sleep(60)"
    began = time.monotonic()
    process = subprocess.Popen([sys.executable, "-c", code], pass_fds=[board])
    transport = SerialTransport(name, 115200)
    assert time.monotonic() - began < 30.0
    assert read_all(transport, 8) == b"rnn_edge"
    process.kill()
    process.wait()
    transport.close()


def test_serial_ports_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="There is no serial port /dev/tty_none; connect the board"):
        SerialTransport("/dev/tty_none", 115200)
    plain = tmp_path / "file"
    plain.touch()
    with pytest.raises(UserError, match="cannot be opened as a serial port"):
        SerialTransport(str(plain), 115200)
    refused = transports._cannot_open("/dev/ttyACM0", PermissionError(13, "Permission denied"))
    assert isinstance(refused, UserError) and "usermod -aG dialout" in str(refused)


@pytest.mark.usefixtures("terminal")
def test_a_serial_port_that_is_unplugged() -> None:
    master, slave = pty.openpty()
    transport = SerialTransport(os.ttyname(slave), 115200)
    os.close(slave)
    os.close(master)
    with pytest.raises(LinkError, match="unplugged"):
        transport.read(1.0)
    with pytest.raises(LinkError, match="unplugged"):
        transport.write(b"x")
    transport.close()
