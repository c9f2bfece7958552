"""Finding the serial port of a board: what is looked for, what is seen, and no guesses."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from serial.tools import list_ports

from rnn_edge import serial_ports
from rnn_edge.errors import MissingError, UserError

from . import devices

STLINK = ("/dev/ttyACM0", 0x0483, 0x374B)
TWIN = ("/dev/ttyACM1", 0x0483, 0x374B)
OTHER = ("/dev/ttyUSB0", 0x1A86, 0x7523)
SOLDERED = ("/dev/ttyS0", None, None)
BOARD = devices.board(ids="0483:374b 0483:374e")


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> object:
    def these(*ports: tuple[str, int | None, int | None]) -> None:
        infos = [SimpleNamespace(device=name, vid=vid, pid=pid, serial_number="0" * 8) for name, vid, pid in ports]
        monkeypatch.setattr(list_ports, "comports", lambda: infos)
        for question in ("exists", "is_char_device"):
            monkeypatch.setattr(Path, question, lambda path: str(path) in [port[0] for port in ports])
        monkeypatch.setattr(os, "access", lambda path, mode: path != "/dev/ttyUSB0")

    return these


def test_the_one_that_fits(connect) -> None:  # type: ignore[no-untyped-def]
    connect(OTHER, SOLDERED, STLINK)
    assert serial_ports.find(BOARD) == "/dev/ttyACM0"


def test_none_says_what_was_looked_for(connect) -> None:  # type: ignore[no-untyped-def]
    connect(OTHER, SOLDERED)
    with pytest.raises(MissingError) as error:
        serial_ports.find(BOARD)
    assert str(error.value) == (
        "No serial port has the USB id 0483:374b or 0483:374e of bench (seen: /dev/ttyS0, /dev/ttyUSB0); "
        "connect it, or name the port with --port."
    )
    connect()
    with pytest.raises(MissingError, match="seen: no port at all"):
        serial_ports.find(BOARD)


def test_two_are_listed(connect) -> None:  # type: ignore[no-untyped-def]
    connect(TWIN, OTHER, STLINK)
    with pytest.raises(UserError, match=r"/dev/ttyACM0 \(serial number 00000000\), /dev/ttyACM1 .*--port\.$"):
        serial_ports.find(BOARD)


def test_a_port_that_is_given_wins(connect) -> None:  # type: ignore[no-untyped-def]
    connect(STLINK, TWIN)
    assert serial_ports.find(BOARD, "/dev/ttyACM1") == "/dev/ttyACM1"
    assert serial_ports.find(devices.board(), "COM7") == "COM7"


def test_a_port_that_is_not_there(connect) -> None:  # type: ignore[no-untyped-def]
    connect(STLINK)
    with pytest.raises(MissingError, match=r"There is no /dev/ttyACM7 \(seen: /dev/ttyACM0\)"):
        serial_ports.find(BOARD, "/dev/ttyACM7")


def test_a_board_without_usb_ids(connect) -> None:  # type: ignore[no-untyped-def]
    connect(STLINK)
    with pytest.raises(MissingError, match="names no USB id .*--port"):
        serial_ports.find(devices.board())


def test_a_port_that_may_not_be_opened(connect) -> None:  # type: ignore[no-untyped-def]
    connect(OTHER)
    with pytest.raises(UserError, match="sudo usermod -aG dialout"):
        serial_ports.find(BOARD, "/dev/ttyUSB0")


def test_what_is_connected_here_can_be_listed() -> None:
    """pyserial's real list; no board with this id exists."""
    with pytest.raises(MissingError):
        serial_ports.find(devices.board(ids="0000:0000"))
