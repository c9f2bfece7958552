"""Building and playing the generated C in tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rnn_edge.backends import c
from rnn_edge.ir.counters import Counters, Counting
from rnn_edge.ir.interpret import Interpreter, InterpreterSession
from rnn_edge.ir.program import Program
from rnn_edge.paths import Artifacts
from rnn_edge.runtimes import Missing
from rnn_edge.runtimes.c_host import RUNTIMES, CHost
from rnn_edge.vectors import Command, play

BUILDS = {runtime.name: runtime for runtime in RUNTIMES}
FAST = [CHost(compiler, "O1", ("-O1",)) for compiler in ("gcc", "clang")]


def usable(build: CHost) -> CHost:
    found = build.find()
    if isinstance(found, Missing):
        pytest.skip(f"{build.name} is missing: {found.how}")
    return build


def export(made: Program, folder: Path) -> Artifacts:
    artifacts = Artifacts(folder, made.name)
    artifacts.c_folder.mkdir(parents=True, exist_ok=True)
    for name, text in c.write(made).items():
        (artifacts.c_folder / name).write_text(text)
    return artifacts


def inputs(made: Program, steps: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Inputs over their whole range."""
    value = made.values[made.input]
    limit = 1 << (7 if value.dtype == "int8" else 15)
    low, high = (0, made.tokens) if made.tokens is not None else (-limit, limit)
    return rng.integers(low, high, (steps, value.size))


def limits_of(made: Program, seed: int = 3) -> Counters:
    """Counters of a calibration that saw the inner half of the inputs."""
    counting = Counting(made)
    x = inputs(made, 8, np.random.default_rng(seed))
    Interpreter(made).run((x if made.tokens is not None else x // 2)[None], observe=counting.observe)
    return counting.counters()


def script(made: Program, seed: int = 0) -> list[Command]:
    """Steps, runs, loaded states at the ends of their range, resets in the middle, two instances in turn."""
    rng = np.random.default_rng(seed)
    sizes = [made.values[state.name].size for state in made.states]
    extreme = tuple(rng.choice([-32768, 32767], size) for size in sizes)
    drawn = tuple(rng.integers(-32768, 32768, size) for size in sizes)
    commands = [Command("step", 0, inputs(made, 1, rng)), Command("run", 1, inputs(made, 7, rng))]
    commands += [Command("load", 0, None, extreme), *(Command("step", i % 2, inputs(made, 1, rng)) for i in range(8))]
    commands += [Command("load", 1, None, drawn), Command("run", 1, inputs(made, 1, rng)), Command("reset", 0)]
    commands += [Command("step", 1, inputs(made, 1, rng)), Command("run", 0, inputs(made, 5, rng))]
    return [*commands, Command("reset", 1), Command("step", 1, inputs(made, 1, rng))]


def assert_exact(build: CHost, made: Program, folder: Path, commands: list[Command]) -> None:
    expected = list(play(InterpreterSession(made), made, commands))
    found = build.play(made, export(made, folder), commands).results
    assert [result.tolist() for result in found] == [result.tolist() for result in expected]
