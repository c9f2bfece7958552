"""The child process of a Python runtime: python -m rnn_edge.runtimes.worker play|trace RUNTIME FOLDER BUILD_FOLDER."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import RnnEdgeError
from ..ir import program as programs
from ..ir.program import Program
from ..paths import Artifacts
from ..vectors import Command, play, read_commands
from . import all_runtimes
from .python_process import PythonRuntime


def main(verb: str, name: str, folder: str, build_folder: str) -> None:
    """Write `answer.npz` into `folder`."""
    runtime = all_runtimes()[name]
    assert isinstance(runtime, PythonRuntime)
    program = programs.load(Path(folder) / "program.json", Path(folder) / "program.npz")
    commands, _ = read_commands(program, Path(folder) / "script.txt")
    if verb == "trace":
        answer = _trace(runtime, program, Path(folder), commands)
    else:
        answer = _play(runtime, program, Artifacts(Path(build_folder), program.name), commands)
    np.savez(Path(folder) / "answer.npz", **answer)


def _play(
    runtime: PythonRuntime, program: Program, artifacts: Artifacts, commands: list[Command]
) -> dict[str, NDArray[Any]]:
    session = runtime.open_session(program, artifacts)
    started = time.perf_counter()
    results = list(play(session, program, commands))
    seconds = time.perf_counter() - started
    notes: dict[str, str] = getattr(session, "notes", {})
    return {
        "results": np.concatenate(results) if results else np.zeros(0, dtype=np.int64),
        "sizes": np.array([len(result) for result in results], dtype=np.int64),
        "seconds": np.array(seconds),
        "note_names": np.array(list(notes), dtype=str),
        "notes": np.array(list(notes.values()), dtype=str),
    }


def _trace(runtime: PythonRuntime, program: Program, folder: Path, commands: list[Command]) -> dict[str, NDArray[Any]]:
    trace = runtime.open_trace(program, folder)
    traces = [
        trace(step.x[0], load.states)
        for load, step in zip(commands[::2], commands[1::2], strict=True)
        if step.x is not None
    ]
    return {name: np.stack([values[name] for values in traces]) for name in traces[0]}


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except RnnEdgeError as error:
        sys.exit(str(error))
