"""What the Python runtimes are compared on: networks, their scripts, and one child process for all of them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rnn_edge.backends import onnx_model, tflite
from rnn_edge.ir.arithmetic import IntArray
from rnn_edge.ir.check import SCHEMES
from rnn_edge.ir.interpret import Interpreter, InterpreterSession
from rnn_edge.ir.program import Program, save
from rnn_edge.paths import Artifacts
from rnn_edge.quantize import OUTPUTS
from rnn_edge.runtimes import all_runtimes
from rnn_edge.runtimes.python_process import PythonRuntime
from rnn_edge.script import limits, random_inputs
from rnn_edge.vectors import Command, play, write_commands
from tests import networks
from tests.documented_cell import documented_cell
from tests.random_programs import random_program

RUNTIMES = [runtime for runtime in all_runtimes().values() if isinstance(runtime, PythonRuntime)]

SLOW_STEPS = 48
"""Steps of a case that a runtime with a limit plays: all kinds of commands but the long ones."""

SLOW_SHARE = 3
"""A runtime with a limit plays one case in so many, of every network in one format or two."""


@dataclass(frozen=True)
class Case:
    """A program and what is played on it."""

    name: str
    program: Program
    commands: tuple[Command, ...]

    @cached_property
    def expected(self) -> NDArray[np.int64]:
        """All results of the definition, one after another."""
        return np.concatenate(list(play(InterpreterSession(self.program), self.program, self.commands)))


@cache
def exact_cases() -> tuple[Case, ...]:
    """Every network in every format, two calm and two saturated; zero points at both ends; random programs."""
    made: list[tuple[str, Program]] = []
    for number, network in enumerate(networks.NETWORKS):
        for row, scheme in enumerate(SCHEMES):
            for column, output in enumerate(OUTPUTS):
                gain = (1.0, 4.0)[(number + row + column) % 2]
                program = networks.program(network, scheme, output, gain=gain)
                made.append((f"{network.id}-{scheme}-{output}-{gain:g}", program))
    for number, network in enumerate(networks.STACKS):
        scheme = SCHEMES[number % 2]
        program = networks.program(network, scheme, gain=4.0, weight_bits=4)
        made.append((f"{network.id}-{scheme}-4-bit-weights", program))
    for zero_point in (-128, 127):
        program = networks.program(networks.GRU)
        x = replace(program.values["x"], zero_point=zero_point)
        made.append((f"zero-point{zero_point}", replace(program, values={**program.values, "x": x})))
    with pytest.MonkeyPatch.context() as patch:
        network = networks.Network((documented_cell(patch).name,), (7,))
        made.extend((f"documented-{scheme}", networks.program(network, scheme)) for scheme in SCHEMES)
    made.extend((f"random{seed}", random_program(seed)) for seed in range(24))
    return tuple(Case(name, program, tuple(_commands(program))) for name, program in made)


@cache
def golden_case() -> Case:
    """The golden GRU, its 200 inputs step by step."""
    golden = np.load(networks.GOLDEN, allow_pickle=False)
    steps = (Command("step", 0, row[None].astype(np.int64)) for row in golden["x"])
    return Case("golden", networks.golden_program(), (Command("reset", 0), *steps))


@cache
def single_steps() -> tuple[Case, ...]:
    """Steps that each begin at the states of the definition, for runtimes that are close but not exact."""
    cases = []
    for network in networks.NETWORKS:
        for scheme in SCHEMES:
            for gain in (1.0, 4.0):
                program = networks.program(network, scheme, gain=gain)
                cases.append(Case(f"{network.id}-{scheme}-{gain:g}", program, tuple(_single_steps(program, 60))))
    return tuple(cases)


def _commands(program: Program) -> Iterator[Command]:
    rng = np.random.default_rng(0)
    sizes = [program.values[state.name].size for state in program.states]
    low, high = limits(program)
    turns = np.full((20, program.values["x"].size), low)
    turns[1::2] = high
    yield from (Command("run", 0, random_inputs(program, rng, steps)) for steps in (1, 7))
    yield Command("load", 0, None, tuple(rng.choice([-32768, 32767], size) for size in sizes))
    yield from (Command("step", 0, row[None]) for row in turns[:4])
    yield Command("load", 1, None, tuple(rng.integers(-32768, 32768, size) for size in sizes))
    for row in random_inputs(program, rng, 8):  # instance 0 goes on between the steps of instance 1
        yield Command("step", 1, row[None])
        yield Command("step", 0, low + high - row[None])
    yield Command("load", 1, None, tuple(rng.choice([-32768, 32767], size) for size in sizes))
    yield Command("run", 1, turns)
    yield from (Command("run", 0, np.full_like(turns, value)) for value in (low, high))
    yield Command("reset", 0)
    yield Command("run", 0, random_inputs(program, rng, 33))


def _single_steps(program: Program, steps: int) -> Iterator[Command]:
    rng = np.random.default_rng(0)
    interpreter = Interpreter(program)
    states = interpreter.start_states()
    for row in random_inputs(program, rng, steps):
        yield Command("load", 0, None, tuple(state[0] for state in states))
        yield Command("step", 0, row[None])
        _, states = interpreter.step(row[None], states)


def write_files(files: Artifacts, program: Program) -> None:
    """The TFLite and ONNX files of a program."""
    contents = {files.tflite_step: tflite.write_step(program), files.tflite_sequence: tflite.write_sequence(program)}
    contents |= {
        files.onnx_step: onnx_model.write_step(program),
        files.onnx_sequence: onnx_model.write_sequence(program),
    }
    for path, content in contents.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def within(runtime: PythonRuntime, cases: Sequence[Case]) -> list[Case]:
    """What a runtime plays of the cases, each as far as a slow one goes."""
    return list(cases) if runtime.step_limit is None else [_beginning(case) for case in cases[::SLOW_SHARE]]


def _beginning(case: Case) -> Case:
    steps = np.cumsum([command.steps for command in case.commands])
    return replace(case, commands=case.commands[: int(np.searchsorted(steps, SLOW_STEPS, side="right"))])


def run_cases(runtime: PythonRuntime, cases: Sequence[Case], folder: Path, verb: str = "play") -> list[dict[str, Any]]:
    """The answers of a runtime, all cases in one child process, because starting it takes seconds.

    What is written of a case serves the next runtime with the same folder.
    """
    for case in cases:
        build = folder / case.name
        if not build.exists():
            write_files(Artifacts(build, case.program.name), case.program)
            save(case.program, build / "program.json", build / "program.npz")
        (build / "script.txt").write_text(write_commands(case.program, case.commands))
    listing = folder / "cases.txt"
    listing.write_text("\n".join(case.name for case in cases))
    command = [sys.executable, "-m", "tests.runtimes.many", verb, runtime.name, str(listing)]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=500, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr[-2000:]
    return [dict(np.load(folder / case.name / "answer.npz", allow_pickle=False)) for case in cases]


def results_of(runtime: PythonRuntime, cases: Sequence[Case], folder: Path) -> list[IntArray]:
    """All results of every case in one flat array each."""
    return [answer["results"].astype(np.int64) for answer in run_cases(runtime, cases, folder)]
