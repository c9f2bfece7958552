"""What of the tools of a board is installed: what can be built, flashed and run on this machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import compilers, emulators, flash
from .board import Board, all_boards
from .errors import MissingError


@dataclass(frozen=True)
class Readiness:
    """A board, the tool that would flash it, and the sentences that say what is missing; none where it is ready."""

    board: Board
    tool: str
    missing: tuple[str, ...]

    @property
    def state(self) -> str:
        """In a word: an emulated board runs here, a real one has to be connected."""
        if self.missing:
            return "missing"
        return "ready" if self.board.emulated else "connect it"


def readiness(board: Board) -> Readiness:
    """Compiler, flash tool and, for an emulated board, emulator."""
    checks: list[Callable[[], Any]] = [lambda: compilers.find(board.family), lambda: flash.choose(board)]
    if board.emulated:
        checks.append(lambda: emulators.check_installed(board))
    missing = []
    for check in checks:
        try:
            check()
        except MissingError as error:
            missing.append(str(error))
    tool = board.flash_tool.tools[0] if len(missing) else flash.choose(board).name
    return Readiness(board, tool, tuple(missing))


def all_readiness() -> list[Readiness]:
    """Every board that the package brings along: the emulated ones first."""
    return [
        readiness(board) for board in sorted(all_boards().values(), key=lambda board: (not board.emulated, board.id))
    ]
