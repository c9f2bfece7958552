"""The line on a terminal: keys as they are pressed, the opinion behind them, the answer below."""

from __future__ import annotations

import os
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager

from ..report import console
from .line import Line

_END = "\x04\x1b"  # Ctrl-D, Escape
_WIDTH = 54  # of the text that is shown; the opinion has the rest of 80 columns


def talk(line: Line) -> None:
    """Read keys until the end of input; every Enter ends a line."""
    console.print(f"{line.program.name} tells apart: {', '.join(line.program.classes)}.", markup=False)
    console.print("Type a line; Enter ends it, Escape ends the chat. Digits and other scripts are not in its alphabet.")
    with _keys():
        line.begin()
        _redraw(line)
        for key in _pressed():
            if key in _END:
                break
            if key in "\r\n":
                _finish(line)
            elif key.isprintable() or key in "\x7f\b":
                line.type(key)
            _redraw(line)
    sys.stdout.write("\r\x1b[K\n")


def _finish(line: Line) -> None:
    if line.text:
        sys.stdout.write("\r\x1b[K")
        show(line)
    line.begin()


def show(line: Line) -> None:
    """What the whole line is taken for, and the answer."""
    shown = line.text if len(line.text) <= _WIDTH else f"{line.text[: _WIDTH - 3]}..."
    console.print(f"> {shown}", markup=False, highlight=False)
    if line.readable:
        console.print(f"  {line.opinion.name}, {100 * line.opinion.probability:.0f} %", style="dim")
        console.print(f"  {line.reply()}", markup=False, highlight=False)
    else:
        console.print("  No answer: most of its letters are not in the alphabet of the model.", style="yellow")
    if line.unknown:
        console.print(f"  Not in the alphabet, taken as unknown: {line.unknown}", style="yellow", markup=False)


def _redraw(line: Line) -> None:
    opinion = f"   {line.opinion.name} {100 * line.opinion.probability:.0f} %" if line.readable else ""
    sys.stdout.write(f"\r\x1b[K> {line.text[-_WIDTH:]}\x1b[s\x1b[2m{opinion}\x1b[0m\x1b[u")
    sys.stdout.flush()


@contextmanager
def _keys() -> Iterator[None]:
    """Keys one by one and not echoed; Ctrl-C still ends the command."""
    descriptor = sys.stdin.fileno()
    kept = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor)
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, kept)


def _pressed() -> Iterator[str]:
    """Characters of UTF-8, each when it is complete."""
    held = b""
    while byte := os.read(sys.stdin.fileno(), 1):
        held += byte
        try:
            text = held.decode()
        except UnicodeDecodeError:
            if len(held) < 4:
                continue
            text = ""
        held = b""
        yield from text
