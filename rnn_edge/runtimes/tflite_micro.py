"""TensorFlow Lite Micro: its interpreter and reference kernels, built for this computer."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..backends import tflite
from ..errors import RnnEdgeError
from ..ir.arithmetic import IntArray
from ..ir.program import Program
from ..paths import Artifacts
from . import Contract
from .feeds import read_model, typed_input, typed_sequence, typed_states
from .python_process import PythonRuntime

_AMPLE_ARENA = 1 << 20
_KEPT_LENGTHS = 32


class MicroSession:
    """Runs the step file and the sequence file, the latter written anew for other lengths: it takes no other."""

    def __init__(self, program: Program, artifacts: Artifacts) -> None:
        self._program = program
        self._step = open_interpreter(read_model(artifacts.tflite_step), _AMPLE_ARENA)
        self._exported = read_model(artifacts.tflite_sequence)
        self._sequences: dict[int, Any] = {}
        self.notes = {"arena": f"{arena_used(self._step)} bytes here, less where pointers are short"}

    def step(self, x: IntArray, states: list[IntArray]) -> tuple[IntArray, list[IntArray]]:
        y, *following = invoke(self._step, self._program, typed_input(self._program, x)[None], states)
        return y.ravel(), [state.ravel() for state in following]

    def run(self, x: IntArray, states: list[IntArray]) -> tuple[IntArray, list[IntArray]]:
        batch = typed_sequence(self._program, x)[None]
        y, *following = invoke(self._sequence(len(x)), self._program, batch, states)
        return y[0], [state.ravel() for state in following]

    def _sequence(self, steps: int) -> Any:
        if steps not in self._sequences:
            if len(self._sequences) == _KEPT_LENGTHS:
                self._sequences.pop(next(iter(self._sequences)))
            widest = max(value.size for value in self._program.values.values())
            # A few copies of the inputs and the outputs of all steps, 4 bytes each at most.
            arena = _AMPLE_ARENA + 64 * steps * widest
            as_exported = steps == tflite.DEFAULT_STEPS
            content = self._exported if as_exported else tflite.write_sequence(self._program, steps)
            self._sequences[steps] = open_interpreter(content, arena)
        return self._sequences[steps]


def open_interpreter(content: bytes, arena: int) -> Any:
    """An interpreter with `arena` bytes; RuntimeError where they do not suffice."""
    from tflite_micro import runtime

    return runtime.Interpreter.from_bytes(content, arena_size=arena)


def arena_used(interpreter: Any) -> int:
    """Bytes of the arena in use, from the one place that tells: what the interpreter prints to standard error."""
    with tempfile.TemporaryFile() as report:
        sys.stderr.flush()
        stderr = os.dup(2)
        os.dup2(report.fileno(), 2)
        try:
            interpreter.print_allocations()
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
        report.seek(0)
        total = re.search(rb"Arena allocation total (\d+) bytes", report.read())
    if total is None:
        raise RnnEdgeError("TensorFlow Lite Micro printed no size of its arena.")
    return int(total[1])


def invoke(
    interpreter: Any, program: Program, x: NDArray[Any], states: Sequence[IntArray], all_values: bool = False
) -> list[IntArray]:
    """The outputs of an interpreter, in the order of the file."""
    for index, array in enumerate([x, *(state[None] for state in typed_states(program, states))]):
        interpreter.set_input(array, index)
    interpreter.invoke()
    outputs = range(len(tflite.output_names(program, all_values)))
    return [interpreter.get_output(index).astype(np.int64) for index in outputs]


def _open_trace(program: Program, folder: Path) -> Callable[[IntArray, Sequence[IntArray]], dict[str, IntArray]]:
    interpreter = open_interpreter(tflite.write_step(program, all_values=True), _AMPLE_ARENA)
    names = tflite.output_names(program, all_values=True)

    def trace(x: IntArray, states: Sequence[IntArray]) -> dict[str, IntArray]:
        values = invoke(interpreter, program, typed_input(program, x)[None], states, all_values=True)
        return {name: value.ravel() for name, value in zip(names, values, strict=True)}

    return trace


RUNTIMES = [
    PythonRuntime(
        "tflite-micro",
        Contract.EXACT,
        "tflite",
        "tflite-micro",
        "pip install 'rnn-edge[runtimes]' on Linux",
        MicroSession,
        _open_trace,
    )
]
