"""The child process of a runtime whose steps are timed: python -m rnn_edge.bench.host_worker RUNTIME BUILD NAME X.

It answers as firmware/harness/timed.c does. Calls are as lean as the Python interface of the runtime allows, and what
that interface costs is part of the figures: whoever calls it from Python pays it at each step.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import RnnEdgeError
from ..ir import program as programs
from ..ir.arithmetic import IntArray
from ..ir.program import DTYPES, Program
from ..paths import Artifacts
from ..runtimes.feeds import read_model, typed_input

_ERRORS_ONLY = 3


@dataclass(frozen=True)
class _Work:
    """`steps(count)` goes through the inputs with the states that come out; `sequence()` is one call for all inputs."""

    steps: Callable[[int], None]
    sequence: Callable[[], object]


def _onnxruntime(program: Program, artifacts: Artifacts, x: IntArray) -> _Work:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY

    def open_session(path: Path) -> Any:
        return onnxruntime.InferenceSession(read_model(path), options, providers=["CPUExecutionProvider"])

    step, sequence = open_session(artifacts.onnx_step), open_session(artifacts.onnx_sequence)
    names, start = ["x", *(state.name for state in program.states)], _start_states(program)
    inputs = [np.asarray(typed_input(program, row)) for row in x]
    all_at_once = dict(zip(names, [typed_input(program, x), *start], strict=True))

    def steps(count: int) -> None:
        states = start
        for row in islice(cycle(inputs), count):
            _, *states = step.run(None, dict(zip(names, [row, *states], strict=True)))

    return _Work(steps, lambda: sequence.run(None, all_at_once))


def _tflite(module: Any, program: Program, artifacts: Artifacts, x: IntArray) -> _Work:
    step = module.Interpreter(model_content=read_model(artifacts.tflite_step), num_threads=1)
    sequence = module.Interpreter(model_content=read_model(artifacts.tflite_sequence), num_threads=1)
    start = [state[None] for state in _start_states(program)]
    inputs = [typed_input(program, row)[None] for row in x]
    all_at_once = typed_input(program, x)[None]
    sequence.resize_tensor_input(sequence.get_input_details()[0]["index"], all_at_once.shape, strict=True)
    step_call, sequence_call = (_tflite_call(interpreter) for interpreter in (step, sequence))

    def steps(count: int) -> None:
        states = start
        for row in islice(cycle(inputs), count):
            _, *states = step_call([row, *states])

    return _Work(steps, lambda: sequence_call([all_at_once, *start]))


def _tflite_call(interpreter: Any) -> Callable[[Sequence[NDArray[Any]]], list[NDArray[Any]]]:
    """A call from the inputs to the outputs of a file, which is allocated."""
    interpreter.allocate_tensors()
    takes = [details["index"] for details in interpreter.get_input_details()]
    gives = [details["index"] for details in interpreter.get_output_details()]

    def call(arrays: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        for index, array in zip(takes, arrays, strict=True):
            interpreter.set_tensor(index, array)
        interpreter.invoke()
        return [interpreter.get_tensor(index) for index in gives]

    return call


def _litert(program: Program, artifacts: Artifacts, x: IntArray) -> _Work:
    from ai_edge_litert import interpreter

    return _tflite(interpreter, program, artifacts, x)


def _tflite_runtime(program: Program, artifacts: Artifacts, x: IntArray) -> _Work:
    from tflite_runtime import interpreter

    return _tflite(interpreter, program, artifacts, x)


def _keras(program: Program, artifacts: Artifacts, x: IntArray) -> _Work:
    """The float network in its best case: compiled, as `predict` does it, without the data set that `predict` builds.

    Steps begin at zero states: those that kept them would cost no less.
    """
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    from .. import keras_cell

    model = keras_cell.load(artifacts.float_keras)
    batch = x[None, :, 0].astype(np.int32) if program.tokens is not None else x[None].astype(np.float32)
    first, whole = tf.constant(batch[:, :1]), tf.constant(batch)
    call = tf.function(lambda sequence: model(sequence, training=False))

    def steps(count: int) -> None:
        for _ in range(count):
            call(first)

    return _Work(steps, lambda: call(whole))


WORK = {
    "onnxruntime": _onnxruntime,
    "litert": _litert,
    "tflite-runtime": _tflite_runtime,
    "keras-float": _keras,
}


def _start_states(program: Program) -> list[NDArray[Any]]:
    dtypes = [DTYPES[program.values[state.name].dtype] for state in program.states]
    return [state.astype(dtype) for state, dtype in zip(program.start_states(), dtypes, strict=True)]


def main(name: str, folder: str, model: str, inputs: str) -> None:
    """Answer until standard input ends."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    artifacts = Artifacts(Path(folder), model)
    program = programs.load(artifacts.program_json, artifacts.program_npz)
    work = WORK[name](program, artifacts, np.load(inputs, allow_pickle=False))
    print("ready", flush=True)
    for line in sys.stdin:
        verb, count = line.split()
        started = time.process_time_ns()
        if verb == "step":
            work.steps(int(count))
        else:
            for _ in range(int(count)):
                work.sequence()
        print(time.process_time_ns() - started, flush=True)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except RnnEdgeError as error:
        sys.exit(str(error))
