"""The firmware on a board: the vectors go through its link. Emulated boards are flashed anew, real ones as they are."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from . import compilers, device, emulators, flash, serial_ports
from .board import Board, all_boards, load
from .device import Way
from .errors import FitError, MissingError, RnnEdgeError, UserError
from .ir.arithmetic import IntArray
from .ir.program import Program
from .link import Link, play
from .paths import Artifacts
from .runtimes import Contract, Found, Missing, Played
from .tools import Image
from .vectors import Command, Moment

WIRE_STEPS = 1000
"""Steps that go over the UART of an emulated board that has a faster link as well; the rest goes over that."""


@dataclass(frozen=True)
class BoardRuntime:
    """One board; `port` is the serial port of a real one. A model that is too large fails only where it was `named`."""

    board: Board
    port: str | None = None
    named: bool = False

    contract = Contract.EXACT
    format = "c"

    @property
    def name(self) -> str:
        return self.board.id

    def find(self) -> Found | Missing:
        """An emulated board needs a compiler and its emulator; the version is that of the compiler. A real one needs to
        be connected; UserError where its port cannot be told from others or not be opened.
        """
        try:
            if not self.board.emulated:
                serial_ports.find(self.board, self.port)
                return Found("as flashed")
            flash.choose(self.board)
            return Found(compilers.find(self.board.family).version)
        except MissingError as error:
            return Missing(str(error))

    def play(self, program: Program, artifacts: Artifacts, commands: Sequence[Command]) -> Played:
        """Play the script through the link. Errors are those of `device.flashed`, or `device.connected`."""
        if not self.board.emulated:
            with device.connected(self.board, self.port, artifacts.folder.parent) as board:
                return _played([(board.link, commands)], program)
        tool = flash.choose(self.board).name
        bulk = cut(commands, WIRE_STEPS) if emulators.has_semihosting(self.board, tool) else len(commands)
        image = self._image(artifacts)
        with ExitStack() as stack:
            board = stack.enter_context(device.flashed(image, program.hash, self.board, Way(tool)))
            parts = [(board.link, commands[:bulk])]
            if bulk < len(commands):
                link = stack.enter_context(device.by_semihosting(program, artifacts, self.board))
                parts.append((link, commands[bulk:]))
            return _played(parts, program)

    def _image(self, artifacts: Artifacts) -> Image:
        try:
            return device.build_for(artifacts, self.board)[1].image
        except FitError as error:
            if self.named:
                raise RnnEdgeError(str(error)) from error
            raise

    def trace(self, program: Program, moments: Sequence[Moment]) -> list[dict[str, IntArray]]:
        """A board shows no values inside a step."""
        raise RnnEdgeError(f"{self.name} shows outputs and states only; a C runtime can trace the rest.")


def cut(commands: Sequence[Command], steps: int) -> int:
    """Where a script can go on on a board that was started anew: the first place behind `steps` steps from which on
    each instance is reset or loaded before it is used. The length of the script where there is none.
    """
    needs: set[int] = set()  # instances that are used before they are reset
    place = len(commands)
    left = sum(command.steps for command in commands)
    for index in range(len(commands) - 1, -1, -1):
        command = commands[index]
        left -= command.steps
        if command.x is not None:
            needs.add(command.instance)
        elif command.verb in ("reset", "load"):
            needs.discard(command.instance)
        if left < steps:
            break
        if not needs:
            place = index
    return place


def _played(parts: Sequence[tuple[Link, Sequence[Command]]], program: Program) -> Played:
    started = time.perf_counter()
    results = [result for link, commands in parts for result in play(link, program, commands)]
    seconds = time.perf_counter() - started
    used, size = parts[0][0].stack()
    return Played(results, seconds, {"stack": f"{used:,} of {size:,} bytes"})


def board_runtimes(names: Sequence[str], all_emulated: bool, port: str | None) -> list[BoardRuntime]:
    """The boards of these names or paths, and all emulated ones where asked for.

    UserError for an unknown name, or several real boards at one port; MissingError where a board that was named, or
    what it needs, is not there.
    """
    named = {board.id: BoardRuntime(board, port, named=True) for board in map(load, names)}
    real = [name for name, runtime in named.items() if not runtime.board.emulated]
    if port is not None and len(real) > 1:
        raise UserError(f"--port is the port of one board; verify {' and '.join(real)} one by one.")
    for runtime in named.values():
        found = runtime.find()
        if isinstance(found, Missing):
            raise MissingError(found.how)
    boards = all_boards().values() if all_emulated else ()
    return list(({board.id: BoardRuntime(board) for board in boards if board.emulated} | named).values())
