"""pyOCD: writes the hex file through a debug probe, reads the flash back, resets and runs.

Through its Python API in a process of its own (pyocd_process.py), because `pyocd flash` does not read back.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from ..board import Board, Words
from ..errors import MismatchError, MissingError
from . import Act, Image, Settings, Step, settings


class PyOcdSettings(Settings):
    """`target`: as in `pyocd list --targets`; `options`: name=value of a session; `probe`: where --via gives none."""

    target: str
    options: Words = ()
    probe: str | None = None


@dataclass(frozen=True)
class PyOcd:
    """`--via` is the unique id of the debug probe, where there are several."""

    name: str = "pyocd"
    requires: tuple[str, ...] = ("pyocd",)
    serial: bool = False

    def steps(self, board: Board, image: Image, port: str | None) -> Sequence[Step | Act]:
        given = settings(board, "pyocd", PyOcdSettings)
        probe = port or given.probe
        step = Step(
            argv=(
                *(sys.executable, "-m", "rnn_edge.tools.pyocd_process", "--target", given.target),
                *(("--probe", probe) if probe else ()),
                *(word for line in given.options for word in ("--option", line)),
                str(image.hex),
            ),
            proves="pyOCD read the flash back and every byte was the same",
            expect=r"^\d+ bytes written, read back and compared",
            failures=(
                ("other bytes were read back", MismatchError),
                ("no debug probe|pack install|Connection refused", MissingError),
            ),
        )
        return [step]


TOOL = PyOcd()
