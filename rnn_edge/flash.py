"""Flashing: one of the board's tools writes the image and reads it back. Whether it runs, the board has to say."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from . import emulators, serial_ports, tools
from .board import Board
from .errors import MissingError, UserError


def choose(board: Board, asked: str | None = None) -> tools.Tool:
    """The tool that was asked for, else the first of the board's tools that is installed.

    UserError where the board is not flashed with it, MissingError where it (or each of them) is not installed.
    """
    candidates = _candidates(board, asked)
    for tool in candidates:
        if not _how_to_get(board, tool):
            return tool
    names = " or ".join(tool.name for tool in candidates)
    commands = " or ".join(f"`{' && '.join(_how_to_get(board, tool))}`" for tool in candidates)
    raise MissingError(f"{board.id} is flashed with {names}, which is not installed; get it with {commands}.")


def flash(
    image: tools.Image,
    board: Board,
    tool: str | None = None,
    port: str | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> list[str]:
    """Write the image to the board and return what was proven about it, one sentence each; `say` hears every command.

    `port`: see `Tool.steps`. Errors are those of `choose`, of `serial_ports.find` and of `tools.run`.
    """
    chosen = choose(board, tool)
    if chosen.serial:
        port = serial_ports.find(board, port)
    return tools.run(_steps(chosen, image, board, port), say)


def dry_run(
    image: tools.Image, board: Board, tool: str | None = None, port: str | None = None, via: str | None = None
) -> list[str]:
    """The lines that `flash` would run, tool and board there or not; PORT stands for a serial port to be found."""
    candidates = _candidates(board, tool)
    installed = [one for one in candidates if not _how_to_get(board, one)]
    chosen = (installed or candidates)[0]
    return tools.shell_lines(_steps(chosen, image, board, (port or "PORT") if chosen.serial else via))


def _steps(tool: tools.Tool, image: tools.Image, board: Board, port: str | None) -> Sequence[tools.Step | tools.Act]:
    for path in (image.elf, image.binary, image.hex):
        if not path.is_file():
            raise UserError(f"{path} is not there; build the firmware first.")
    return tool.steps(board, image, port)


def _how_to_get(board: Board, tool: tools.Tool) -> list[str]:
    """The commands that install a tool, and the emulator where there is one between tool and board."""
    emulator = emulators.how_to_get(board, tool.name) if board.emulated else []
    return [*tools.how_to_get(tool.requires), *emulator]


def _candidates(board: Board, asked: str | None) -> list[tools.Tool]:
    known = tools.all_tools()
    names = [name for name in board.flash_tool.tools if name in known]
    if not names:
        raise UserError(f"{board.id} names no flash tool; add one of {', '.join(known)} to its `flash_tool.tools`.")
    if asked is not None and asked not in names:
        raise UserError(f"{board.id} is not flashed with {asked!r}; use one of {', '.join(names)}.")
    return [known[name] for name in ([asked] if asked else names)]
