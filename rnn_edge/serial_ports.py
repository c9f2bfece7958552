"""The serial port of a board, found by the USB ids in its file."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from serial.tools import list_ports
from serial.tools.list_ports_common import ListPortInfo

from .board import Board
from .errors import MissingError, UserError


def find(board: Board, port: str | None = None) -> str:
    """`port` where it is given, else the one port whose VID:PID the board names.

    MissingError where there is none, UserError where there are several, or where it may not be opened.
    """
    found = port or _only_port(board)
    if found.startswith("/") and not Path(found).exists():
        raise MissingError(
            f"There is no {found} (seen: {_listed(list_ports.comports())}); connect it, or name another."
        )
    if Path(found).is_char_device() and not os.access(found, os.R_OK | os.W_OK):
        raise UserError(
            f"You may not open {found}; type `sudo usermod -aG dialout $USER`, log in again, and see docs/flashing.md."
        )
    return found


def _only_port(board: Board) -> str:
    if not board.usb.ids:
        raise MissingError(f"{board.id} names no USB id to find its serial port by; name the port with --port.")
    ports = sorted(list_ports.comports(), key=lambda port: str(port.device))
    fitting = [port for port in ports if port.vid is not None and f"{port.vid:04x}:{port.pid:04x}" in board.usb.ids]
    if len(fitting) == 1:
        return str(fitting[0].device)
    ids = " or ".join(board.usb.ids)
    if fitting:
        listed = ", ".join(f"{port.device} (serial number {port.serial_number or 'unknown'})" for port in fitting)
        raise UserError(f"Several serial ports have the USB id {ids}: {listed}; name one with --port.")
    raise MissingError(
        f"No serial port has the USB id {ids} of {board.id} (seen: {_listed(ports)}); "
        "connect it, or name the port with --port."
    )


def _listed(ports: Iterable[ListPortInfo]) -> str:
    return ", ".join(sorted(str(port.device) for port in ports)) or "no port at all"
