"""The command `rnn-edge chat`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..options import OUT, PORT

if TYPE_CHECKING:
    from ..ir.program import Program
    from .line import Line
    from .listeners import Listener


@click.command()
@click.argument("model", default="chat")
@click.option("--board", help="Board that was flashed with the model [default: its C on this computer].")
@PORT
@OUT
def chat(model: str, board: str | None, port: str | None, out: Path) -> None:
    """Type a line: MODEL, `chat` by default, says what it takes it for, as you type, and answers it.

    The bundled `chat` tells ten languages apart, `home` nine commands to a home. Class and answer are those of the
    generated C, or of the board. Needs `rnn-edge export MODEL`, and with --board `rnn-edge flash MODEL --board NAME`.
    From a pipe, each line is one.
    """
    from . import terminal

    with _listener(model, board, port, out) as (program, listener):
        from .line import Line

        line = Line(program, listener)
        if sys.stdin.isatty():
            terminal.talk(line)
        else:
            _read_lines(line)


def _read_lines(line: Line) -> None:
    from . import terminal

    for text in sys.stdin:
        line.begin()
        for character in text.rstrip("\n"):
            line.type(character)
        if line.text:
            terminal.show(line)


@contextmanager
def _listener(model: str, board: str | None, port: str | None, out: Path) -> Iterator[tuple[Program, Listener]]:
    from ..source import artifacts_of
    from .listeners import OnBoard, in_c
    from .talks import check_talks

    files = artifacts_of(model, out)
    if board is None and port is None:
        from ..ir.check import check
        from ..ir.program import load

        program = check_talks(check(load(files.program_json, files.program_npz)))
        with in_c(program, files) as listener:
            yield program, listener
        return
    from ..board import load as load_board
    from ..device import connected, program_on
    from ..errors import UserError

    with connected(load_board(board) if board else None, port, out) as device:
        program = program_on(device, out)
        if program.name != files.name:
            raise UserError(f"The board runs {program.name}, not {files.name}: run `rnn-edge flash {model}` first.")
        yield check_talks(program), OnBoard(device.link)
