"""The session of every runtime with the Python interface of TensorFlow Lite's interpreter, with both its resolvers."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..backends import tflite
from ..ir.arithmetic import IntArray
from ..ir.program import Program
from ..paths import Artifacts
from . import Contract
from .feeds import read_model, typed_input, typed_sequence, typed_states
from .python_process import PythonRuntime

OpenInterpreter = Callable[[bytes], Any]
"""From the content of a file to an interpreter, not yet allocated."""


class TfliteSession:
    """Runs the step file, and the sequence file resized to the length of every sequence."""

    def __init__(self, program: Program, artifacts: Artifacts, open_interpreter: OpenInterpreter) -> None:
        self._program = program
        self._step = open_interpreter(read_model(artifacts.tflite_step))
        self._step.allocate_tensors()
        self._sequence = open_interpreter(read_model(artifacts.tflite_sequence))
        self._length: int | None = None

    def step(self, x: IntArray, states: list[IntArray]) -> tuple[IntArray, list[IntArray]]:
        # A token is `[1]`, an input `[1, inputs]`: both are one more dimension.
        y, *following = invoke(self._step, self._program, typed_input(self._program, x)[None], states)
        return y.ravel(), [state.ravel() for state in following]

    def run(self, x: IntArray, states: list[IntArray]) -> tuple[IntArray, list[IntArray]]:
        batch = typed_sequence(self._program, x)[None]
        if len(x) != self._length:
            index = self._sequence.get_input_details()[0]["index"]
            self._sequence.resize_tensor_input(index, batch.shape, strict=True)
            self._sequence.allocate_tensors()
            self._length = len(x)
        y, *following = invoke(self._sequence, self._program, batch, states)
        return y[0], [state.ravel() for state in following]


def invoke(interpreter: Any, program: Program, x: NDArray[Any], states: Sequence[IntArray]) -> list[IntArray]:
    """The outputs of an allocated interpreter, in the order of the file."""
    arrays = [x, *(state[None] for state in typed_states(program, states))]
    for details, array in zip(interpreter.get_input_details(), arrays, strict=True):
        interpreter.set_tensor(details["index"], array)
    interpreter.invoke()
    return [interpreter.get_tensor(details["index"]).astype(np.int64) for details in interpreter.get_output_details()]


def tflite_runtimes(
    name: str, distribution: str, install: str, import_module: Callable[[], Any]
) -> list[PythonRuntime]:
    """Two runtimes of one package: `name`-ref with the reference kernels, which are the definition, and `name` with the
    kernels it takes by default.

    `import_module` gives, in the child process, the module with `Interpreter` and `OpResolverType`.
    """
    return [
        _runtime(f"{name}-ref", distribution, install, import_module, "BUILTIN_REF", Contract.EXACT),
        _runtime(name, distribution, install, import_module, "AUTO", Contract.WITHIN),
    ]


def _runtime(
    name: str,
    distribution: str,
    install: str,
    import_module: Callable[[], Any],
    resolver: str,
    contract: Contract,
) -> PythonRuntime:
    def open_interpreter(content: bytes) -> Any:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        module = import_module()
        resolver_type = getattr(module.OpResolverType, resolver)
        return module.Interpreter(model_content=content, num_threads=1, experimental_op_resolver_type=resolver_type)

    def open_session(program: Program, artifacts: Artifacts) -> TfliteSession:
        return TfliteSession(program, artifacts, open_interpreter)

    def open_trace(program: Program, folder: Path) -> Callable[[IntArray, Sequence[IntArray]], dict[str, IntArray]]:
        interpreter = open_interpreter(tflite.write_step(program, all_values=True))
        interpreter.allocate_tensors()
        names = tflite.output_names(program, all_values=True)

        def trace(x: IntArray, states: Sequence[IntArray]) -> dict[str, IntArray]:
            values = invoke(interpreter, program, typed_input(program, x)[None], states)
            return {name: value.ravel() for name, value in zip(names, values, strict=True)}

        return trace

    return PythonRuntime(name, contract, "tflite", distribution, install, open_session, open_trace)
