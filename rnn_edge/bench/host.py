"""Nanoseconds a step on this computer: the generated C beside the runtimes and Keras, as ratios of one run.

Each has a process of its own with one thread for the model, and the processor time of that process is what counts:
time in which something else runs is none. They are asked in turn, round after round, so that what slows the processor
down meets all of them; the median of the rounds is taken.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from .. import keras_float
from ..backends import c
from ..errors import MissingError, RnnEdgeError
from ..ir.arithmetic import IntArray
from ..ir.program import Program
from ..paths import FIRMWARE, Artifacts
from ..runtimes import Found, Missing, all_runtimes
from ..runtimes.c_host import compile_c
from ..script import random_inputs

SEQUENCE_STEPS = 100
GENERATED_C, _C_FLAGS = "c-gcc-O2", ("-O2",)
KERAS = keras_float.NAME
PEERS = {"onnxruntime": "onnx", "litert": "tflite", "tflite-runtime": "tflite"}
"""Runtime -> the format that it runs."""

_ROUNDS = 25
_ROUND_NANOSECONDS = 5_000_000  # of each runtime, for steps and for sequences
_TIMEOUT_SECONDS = 300
_VERBS = ("step", "sequence")


@dataclass(frozen=True)
class Timing:
    """Nanoseconds of one step: in calls of a step each, and in calls of a sequence of `SEQUENCE_STEPS`."""

    runtime: str
    version: str
    step: float
    sequence: float


@dataclass(frozen=True)
class HostTimes:
    """What one run measured, the generated C first; and who could not take part -> why, or how to get it."""

    model: str
    timings: tuple[Timing, ...]
    missing: dict[str, str]


def measure(program: Program, artifacts: Artifacts, note: Callable[[str], None] = lambda stage: None) -> HostTimes:
    """Measure all that are installed on the files of an export. `note` is told every stage as it begins.

    MissingError without gcc, since all others are compared with the C; RnnEdgeError where it was not exported.
    """
    found = {name: all_runtimes()[name].find() for name in (GENERATED_C, *PEERS)} | {KERAS: keras_float.find()}
    missing = {name: one.how for name, one in found.items() if isinstance(one, Missing)}
    if GENERATED_C in missing:
        raise MissingError(f"There is no gcc for the C, to which all are compared: `{missing[GENERATED_C]}` gets it.")
    missing |= {name: "not exported" for name, form in PEERS.items() if not artifacts.has_format(form)}
    versions = {name: one.version for name, one in found.items() if isinstance(one, Found) and name not in missing}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        commands = _commands(program, artifacts, list(versions), folder)
        workers = []
        for name, command in commands.items():
            note(f"start {name}")
            try:
                workers.append(stack.enter_context(_started(name, command)))
            except RnnEdgeError as error:
                if name == GENERATED_C:
                    raise
                missing[name] = str(error)
        note("measure")
        times = _interleaved(workers)
    timings = tuple(Timing(name, versions[name], *ones) for name, ones in times.items())
    return HostTimes(program.name, timings, missing)


def rows(times: HostTimes) -> list[tuple[str, ...]]:
    """A table with its heading: runtime, ns a step and its ratio to the C, both for the steps of a sequence too."""
    heading = ("runtime", "ns a step", "ratio to C", f"in {SEQUENCE_STEPS} steps", "ratio to C")
    base = times.timings[0]
    table = [
        (
            f"{one.runtime} {one.version}",
            f"{one.step:,.0f}",
            _ratio(one.step, base.step),
            f"{one.sequence:,.0f}",
            _ratio(one.sequence, base.sequence),
        )
        for one in times.timings
    ]
    return [heading, *table, *((name, "missing", "", "", "") for name in times.missing)]


def _ratio(time: float, base: float) -> str:
    ratio = time / base
    return f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.2g}" if ratio < 1 else f"{ratio:.1f}"


# workers


class _Worker:
    """A process that answers `step N` and `sequence N` with nanoseconds."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], complaints: Path) -> None:
        self.name, self._process, self._complaints = name, process, complaints

    def answer(self) -> str:
        """The next line; RnnEdgeError with the last complaint where the process has ended."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline().decode().strip()
        if not line:
            said = self._complaints.read_text(errors="replace").strip().splitlines() or ["no word why"]
            raise RnnEdgeError(f"{self.name} ended: {said[-1]}")
        return line

    def nanoseconds(self, verb: str, count: int) -> int:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # the missing answer tells why
            self._process.stdin.write(f"{verb} {count}\n".encode())
        return int(self.answer())


@contextmanager
def _started(name: str, command: Sequence[str]) -> Iterator[_Worker]:
    """A worker that is ready. It ends with the block, with its standard input, or after the timeout."""
    with tempfile.TemporaryDirectory() as folder:
        complaints = Path(folder) / "stderr"
        with complaints.open("wb") as stderr:
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, bufsize=0)
        alarm = threading.Timer(_TIMEOUT_SECONDS, process.kill)
        with process:
            alarm.start()
            try:
                worker = _Worker(name, process, complaints)
                worker.answer()
                yield worker
            finally:
                alarm.cancel()
                process.kill()


def _commands(program: Program, artifacts: Artifacts, names: Sequence[str], folder: Path) -> dict[str, list[str]]:
    """Name -> what is run for it, on the same inputs; the generated C is compiled into `folder`."""
    x = random_inputs(program, np.random.default_rng(0), SEQUENCE_STEPS)
    np.save(folder / "x.npy", x)
    worker = [sys.executable, "-m", f"{__package__}.host_worker"]
    arguments = [str(artifacts.folder), artifacts.name, str(folder / "x.npy")]
    commands = {name: [*worker, name, *arguments] for name in names if name != GENERATED_C}
    return {GENERATED_C: [str(_compiled(program, artifacts, x, folder))]} | commands


def _compiled(program: Program, artifacts: Artifacts, x: IntArray, folder: Path) -> Path:
    """The generated C with what times it."""
    sources = [artifacts.c_folder / f"{program.name}.c", artifacts.c_folder / "rnn_kernels.c"]
    missing = [path for path in sources if not path.is_file()]
    if missing:
        raise RnnEdgeError(f"{missing[0]} is not there; run `rnn-edge export` first.")
    (folder / "model_binding.h").write_text(c.binding(program))
    (folder / "model_self_test.h").write_text(c.self_test(program, x))
    flags = (*c.WARNINGS, *_C_FLAGS, f"-I{folder}", f"-I{artifacts.c_folder}")
    compile_c("gcc", flags, [*sources, FIRMWARE / "harness" / "timed.c"], folder / "timed")
    return folder / "timed"


# rounds


def _interleaved(workers: Sequence[_Worker]) -> dict[str, tuple[float, float]]:
    """Name -> nanoseconds of a step, alone and in a sequence."""
    tasks = [(worker, verb, _count(worker, verb)) for worker in workers for verb in _VERBS]
    samples: dict[tuple[str, str], list[float]] = {(worker.name, verb): [] for worker, verb, _ in tasks}
    for _ in range(_ROUNDS):
        for worker, verb, count in tasks:
            samples[worker.name, verb].append(worker.nanoseconds(verb, count) / count)
    medians = {key: median(values) for key, values in samples.items()}
    return {
        worker.name: (medians[worker.name, "step"], medians[worker.name, "sequence"] / SEQUENCE_STEPS)
        for worker in workers
    }


def _count(worker: _Worker, verb: str) -> int:
    """How many fill a round; asking for more and more of them is the warm-up."""
    count = 1
    while worker.nanoseconds(verb, count) < _ROUND_NANOSECONDS:
        count *= 2
    return count
