"""The firmware on a board: the vectors go through its link. Emulated boards are flashed anew, real ones as they are."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from . import compilers, device, emulators
from .board import Board, all_boards, load
from .device import Device, Way
from .errors import MissingError, RnnEdgeError
from .ir.arithmetic import IntArray
from .ir.program import Program
from .link import play
from .paths import Artifacts
from .runtimes import Contract, Found, Missing, Played
from .vectors import Command, Moment


@dataclass(frozen=True)
class BoardRuntime:
    """One board; `port` is the serial port of a real one."""

    board: Board
    port: str | None = None

    contract = Contract.EXACT
    format = "c"

    @property
    def name(self) -> str:
        return self.board.id

    def find(self) -> Found | Missing:
        """An emulated board needs a compiler and its emulator; its version is that of the compiler."""
        if not self.board.emulated:
            return Found(self.board.family.core)
        try:
            compiler = compilers.find(self.board.family)
            emulators.check_installed(self.board)
        except MissingError as error:
            return Missing(str(error))
        return Found(compiler.version)

    def play(self, program: Program, artifacts: Artifacts, commands: Sequence[Command]) -> Played:
        with self._device(program, artifacts) as board:
            started = time.perf_counter()
            results = play(board.link, program, commands)
            seconds = time.perf_counter() - started
            used, size = board.link.stack()
        return Played(results, seconds, {"stack": f"{used:,} of {size:,} bytes"})

    @contextmanager
    def _device(self, program: Program, artifacts: Artifacts) -> Iterator[Device]:
        if not self.board.emulated:
            with device.connected(self.board, self.port, Path()) as board:
                yield board
            return
        _, firmware = device.build_for(artifacts, self.board)
        with device.flashed(firmware.image, program.hash, self.board, Way()) as board:
            yield board

    def trace(self, program: Program, moments: Sequence[Moment]) -> list[dict[str, IntArray]]:
        """A board shows no values inside a step."""
        raise RnnEdgeError(f"{self.name} shows outputs and states only; a C runtime can trace the rest.")


def board_runtimes(names: Sequence[str], all_emulated: bool, port: str | None) -> list[BoardRuntime]:
    """The boards of these names or paths, and all emulated ones where asked for; UserError for unknown ones."""
    boards = {board.id: board for board in all_boards().values() if board.emulated} if all_emulated else {}
    boards |= {board.id: board for board in map(load, names)}
    return [BoardRuntime(board, port) for board in boards.values()]
