"""What of the tools of a board is installed: what can be built, flashed and run on this machine."""

from __future__ import annotations

from dataclasses import dataclass

from . import compilers, flash
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
    missing = []
    try:
        compilers.find(board.family)
    except MissingError as error:
        missing.append(str(error))
    try:
        tool = flash.choose(board).name
    except MissingError as error:
        missing.append(str(error))
        tool = board.flash_tool.tools[0]
    return Readiness(board, tool, tuple(missing))


def all_readiness() -> list[Readiness]:
    """Every board that the package brings along: the emulated ones first."""
    return [
        readiness(board) for board in sorted(all_boards().values(), key=lambda board: (not board.emulated, board.id))
    ]
