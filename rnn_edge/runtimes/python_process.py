"""A runtime that is a Python package, in a process of its own.

The parent writes the script as text; the child (`worker`) opens the model, plays it and writes its results as NPZ.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..ir.arithmetic import IntArray
from ..ir.program import Program, save
from ..paths import Artifacts
from ..processes import run_module
from ..vectors import Command, Moment, Session, single_steps, write_commands
from . import Contract, Found, Missing, Played


@dataclass(frozen=True)
class PythonRuntime:
    """`open_session(program, artifacts)` and `open_trace(program, folder)` run in the child.

    `step_limit`: a slow runtime plays the script up to this many steps.
    """

    name: str
    contract: Contract
    format: str
    distribution: str
    install: str
    open_session: Callable[[Program, Artifacts], Session]
    open_trace: Callable[[Program, Path], Callable[[IntArray, Sequence[IntArray]], dict[str, IntArray]]]
    step_limit: int | None = None

    def find(self) -> Found | Missing:
        try:
            return Found(metadata.version(self.distribution))
        except metadata.PackageNotFoundError:
            return Missing(self.install)

    def play(self, program: Program, artifacts: Artifacts, commands: Sequence[Command]) -> Played:
        script = _within(commands, self.step_limit)
        with tempfile.TemporaryDirectory() as folder:
            answer = self._call(program, artifacts, script, Path(folder), "play")
        sizes = np.cumsum(answer["sizes"])[:-1]
        results = np.split(answer["results"].astype(np.int64), sizes) if len(answer["sizes"]) else []
        notes = dict(zip(answer["note_names"].tolist(), answer["notes"].tolist(), strict=True))
        return Played(results, float(answer["seconds"]), notes)

    def trace(self, program: Program, moments: Sequence[Moment]) -> list[dict[str, IntArray]]:
        with tempfile.TemporaryDirectory() as folder:
            artifacts = Artifacts(Path(folder), program.name)
            answer = self._call(program, artifacts, single_steps(moments), Path(folder), "trace")
        return [{name: array[step].astype(np.int64) for name, array in answer.items()} for step in range(len(moments))]

    def _call(
        self, program: Program, artifacts: Artifacts, script: Sequence[Command], folder: Path, verb: str
    ) -> dict[str, NDArray[Any]]:
        save(program, folder / "program.json", folder / "program.npz")
        (folder / "script.txt").write_text(write_commands(program, script))
        run_module(self.name, f"{__package__}.worker", verb, self.name, str(folder), str(artifacts.folder))
        with np.load(folder / "answer.npz", allow_pickle=False) as answer:
            return {name: answer[name] for name in answer}


def _within(commands: Sequence[Command], limit: int | None) -> list[Command]:
    kept, steps = [], 0
    for command in commands:
        steps += command.steps
        if limit is not None and steps > limit:
            break
        kept.append(command)
    return kept
