"""Writes docs/boards.md from the board files: python -m rnn_edge.boards_page > docs/boards.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .board import Board, all_boards

_HEAD = """\
# The boards

This page is written from `boards/*.toml` by `python -m rnn_edge.boards_page`, and a test keeps it current.
`rnn-edge boards` lists the same boards, with what is installed here and how to get what is not.

```sh
rnn-edge flash power --board mps2-an386     # build, flash, see it answer
rnn-edge verify power --board mps2-an386    # play the vectors through its firmware and its link
rnn-edge verify power --all-emulated        # on every emulated board on which the model fits
```

A board that is not here is one file: [adding_a_board.md](adding_a_board.md). What the flash tools do and what they
prove: [flashing.md](flashing.md).

## Emulated boards

The tests boot each of them with each bundled model. A flash tool writes the firmware into an empty one, as into a real
board; `qemu` and `unicorn` start the emulator with the firmware in it.

"""

_BETWEEN = """
A twin has the core, the chip and the memories of a real board, so its firmware differs at most in the clock that the
emulator gives it and in the UART that the emulator connects.

What a board says of its **cycles** depends on the emulator. simavr counts the cycles of the core, as the chip does.
Under QEMU they are time of the host: they say nothing about the chip. unicorn knows no time, there they are 0.

## Real boards

The tests build each of them with each bundled model and check the images: sizes, addresses, what the ROM of the chip
looks for. **None of this ran on the hardware.** By a serial port id (VID:PID) `rnn-edge` finds the board; where there
is none, give `--port`.

"""

_Row = tuple[str, ...]


def document() -> str:
    """The text of docs/boards.md."""
    boards = all_boards()
    emulated = [_emulated(board, boards) for board in boards.values() if board.emulated]
    real = [_real(board) for board in boards.values() if not board.emulated]
    return (
        _HEAD
        + _table(("id", "core", "flash", "RAM", "emulator", "machine", "flash tools", "twin of"), emulated)
        + _BETWEEN
        + _table(("id", "name", "core", "flash", "RAM", "flash tools", "serial port ids"), real)
    )


def _emulated(board: Board, boards: Mapping[str, Board]) -> _Row:
    assert board.emulator is not None and board.family.emulator is not None
    program, machine = f"`{board.family.emulator.program}`", f"`{board.emulator.machine}`"
    return (f"`{board.id}`", *_chip(board), program, machine, _tools(board), _words(_twins(board, boards)))


def _real(board: Board) -> _Row:
    return (f"`{board.id}`", board.name, *_chip(board), _tools(board), _words(board.usb.ids))


def _chip(board: Board) -> _Row:
    return (board.family.core, *(f"{region.kib:,.10g} KiB" for region in (board.memory.flash, board.memory.ram)))


def _tools(board: Board) -> str:
    return _words(board.flash_tool.tools)


def _twins(board: Board, boards: Mapping[str, Board]) -> Iterable[str]:
    """The real boards for which the same image is built, but for clock and UART."""
    for other in boards.values():
        if not other.emulated and (other.family, other.chip, other.memory) == (board.family, board.chip, board.memory):
            yield other.id


def _words(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _table(head: _Row, rows: Iterable[_Row]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, ("---",) * len(head), *rows)).replace("|  |", "| |")


if __name__ == "__main__":
    print(document(), end="")
