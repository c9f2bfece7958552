"""Who listens: the generated C on this computer, or a board over its link. Both are told one token at a time."""

from __future__ import annotations

import ctypes
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np

from ..errors import MissingError
from ..ir.arithmetic import IntArray
from ..ir.program import DTYPES, Program
from ..link import Link
from ..paths import Artifacts
from ..runtimes.c_host import compile_c
from ..tools import find_program

_COMPILERS = ("gcc", "clang")
_INSTANCE = 0


class Listener(Protocol):
    """A model that keeps its state from token to token."""

    def reset(self) -> None:
        """Forget the line."""

    def step(self, token: int) -> IntArray:
        """The output `[outputs]` after one more token."""

    def reply(self, index: int) -> str:
        """What the flash holds as the answer to class `index`."""


class OnBoard:
    """The firmware of a board that runs the model."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def reset(self) -> None:
        self._link.reset(_INSTANCE)

    def step(self, token: int) -> IntArray:
        return self._link.step(_INSTANCE, np.array([token]))

    def reply(self, index: int) -> str:
        return self._link.reply(index)


class InC:
    """The functions of a compiled model, called in this process."""

    def __init__(self, program: Program, library: Path) -> None:
        functions = ctypes.CDLL(str(library))
        self._reset, self._step = (getattr(functions, f"{program.name}_{name}") for name in ("reset", "step"))
        self._step.argtypes = (ctypes.c_void_p, ctypes.c_int32, ctypes.c_void_p)
        self._reset.argtypes = (ctypes.c_void_p,)
        self._reply = getattr(functions, f"{program.name}_reply")
        self._reply.argtypes, self._reply.restype = (ctypes.c_int,), ctypes.c_char_p
        states = (program.values[state.name] for state in program.states)
        self._state = np.zeros(sum(value.size * np.dtype(DTYPES[value.dtype]).itemsize for value in states), np.uint8)
        output = program.values[program.output]
        self._y = np.zeros(output.size, DTYPES[output.dtype])

    def reset(self) -> None:
        self._reset(self._state.ctypes.data)

    def step(self, token: int) -> IntArray:
        self._step(self._state.ctypes.data, token, self._y.ctypes.data)
        return self._y.astype(np.int64)

    def reply(self, index: int) -> str:
        text: bytes = self._reply(index)
        return text.decode()


@contextmanager
def in_c(program: Program, files: Artifacts) -> Iterator[InC]:
    """The exported C, compiled for this computer; MissingError without a compiler."""
    compiler = next((name for name in _COMPILERS if find_program(name)), None)
    if compiler is None:
        raise MissingError("No C compiler was found, gcc or clang is needed: `apt-get install gcc`, or name a --board.")
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / f"{program.name}.so"
        sources = [files.c_folder / f"{program.name}.c", files.c_folder / "rnn_kernels.c"]
        compile_c(compiler, ("-std=c99", "-O2", "-shared", "-fPIC"), sources, library)
        yield InC(program, library)
