"""The session of every runtime of ONNX models: they differ in what runs a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..ir.arithmetic import IntArray
from ..ir.program import Program
from ..paths import Artifacts
from . import Contract
from .feeds import read_model, typed_input, typed_sequence, typed_states
from .python_process import PythonRuntime

Run = Callable[[Mapping[str, NDArray[Any]]], Sequence[NDArray[Any]]]
"""From inputs by name to the outputs in the order of the model."""

OpenModel = Callable[[bytes], Run]


class OnnxSession:
    """Runs the step model and the sequence model."""

    def __init__(self, program: Program, artifacts: Artifacts, open_model: OpenModel) -> None:
        self._program = program
        self._step = open_model(read_model(artifacts.onnx_step))
        self._sequence = open_model(read_model(artifacts.onnx_sequence))

    def step(self, x: IntArray, states: list[IntArray]) -> tuple[IntArray, list[IntArray]]:
        # A token is a scalar, which has to be an array all the same.
        y, *following = _call(self._step, self._program, np.asarray(typed_input(self._program, x)), states)
        return y, following

    def run(self, x: IntArray, states: list[IntArray]) -> tuple[IntArray, list[IntArray]]:
        y, *following = _call(self._sequence, self._program, typed_sequence(self._program, x), states)
        return y, following


def _call(run: Run, program: Program, x: NDArray[Any], states: Sequence[IntArray]) -> list[IntArray]:
    feeds = {"x": x}
    feeds |= {state.name: array for state, array in zip(program.states, typed_states(program, states), strict=True)}
    return [output.astype(np.int64) for output in run(feeds)]


def onnx_runtime(
    name: str, distribution: str, install: str, open_model: OpenModel, step_limit: int | None = None
) -> PythonRuntime:
    """A runtime that must be exact; `open_model` runs in the child process."""

    def open_session(program: Program, artifacts: Artifacts) -> OnnxSession:
        return OnnxSession(program, artifacts, open_model)

    def open_trace(program: Program, folder: Path) -> Callable[[IntArray, Sequence[IntArray]], dict[str, IntArray]]:
        from ..backends import onnx_model

        run = open_model(onnx_model.write_step(program, all_values=True))
        names = onnx_model.output_values(program, all_values=True)

        def trace(x: IntArray, states: Sequence[IntArray]) -> dict[str, IntArray]:
            values = _call(run, program, np.asarray(typed_input(program, x)), states)
            return dict(zip(names, values, strict=True))

        return trace

    return PythonRuntime(name, Contract.EXACT, "onnx", distribution, install, open_session, open_trace, step_limit)
