"""Verification: the same script in every runtime, compared integer by integer with the interpreter."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from . import keras_float
from .diagnose import diagnose
from .errors import FitError, MissingError, RnnEdgeError, UserError
from .files import write_atomically
from .ir.arithmetic import IntArray
from .ir.check import check
from .ir.program import Program, load
from .outputs import decide, dequantize, snr_db
from .paths import Artifacts
from .processes import INTERRUPTED
from .runtimes import Contract, Found, Missing, Runtime, all_runtimes
from .script import interpret
from .vectors import Command, Result, outputs_of, read_commands
from .verdict import FAILED, INTERPRETER, MISSING, PASSED, REPORTED, Row, Verdict

JOBS = 2
"""Runtimes that play at the same time."""


@dataclass(frozen=True)
class Exam:
    """What every runtime is given, and what it has to answer."""

    program: Program
    artifacts: Artifacts
    commands: Sequence[Command]
    expected: Sequence[Result]


def verify(
    artifacts: Artifacts,
    only: Sequence[str] = (),
    vectors: Path | None = None,
    progress: Callable[[Row], None] = lambda row: None,
    boards: Sequence[Runtime] = (),
) -> Verdict:
    """Play `vectors` (by default those of the export) in every runtime, or in `boards` and those named in `only`.

    `progress` is given each row as it is done. Writes `verdict.json`. A runtime that is missing, or a board that is too
    small, makes a row of its own, never a passed one; a missing one that was asked for by name is a MissingError.
    """
    runtimes = [*boards, *(_choose(only) if only or not boards else ())]
    program = check(load(artifacts.program_json, artifacts.program_npz))
    commands, stored = read_commands(program, vectors or artifacts.vectors)
    definition, expected = _define(program, commands, stored)
    progress(definition)
    rows = [definition]
    exam = Exam(program, artifacts, commands, expected)
    examinations = [partial(_examine, runtime, exam) for runtime in runtimes]
    if keras_float.NAME in only or not (only or boards):
        examinations.append(partial(_report_float, exam))
    rows += _at_the_same_time(examinations, progress)
    verdict = Verdict(program.name, program.hash, program.scheme, tuple(rows))
    write_atomically(artifacts.verdict, verdict.to_json().encode())
    return verdict


def _at_the_same_time(examinations: Sequence[Callable[[], Row]], progress: Callable[[Row], None]) -> list[Row]:
    """Their rows in order. On an interrupt, what has not begun is dropped and what runs is told so."""
    rows = []
    try:
        with ThreadPoolExecutor(JOBS) as pool:
            jobs = [pool.submit(examination) for examination in examinations]
            try:
                for job in jobs:
                    rows.append(job.result())
                    progress(rows[-1])
            except BaseException:  # Ctrl-C too
                INTERRUPTED.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    finally:  # all threads have ended
        INTERRUPTED.clear()
    return rows


def _choose(only: Sequence[str]) -> list[Runtime]:
    known = all_runtimes()
    unknown = [name for name in only if name not in known and name != keras_float.NAME]
    if unknown:
        raise UserError(f"The runtime {unknown[0]!r} is not known; known are {', '.join(sorted(known))}.")
    for name in only:
        found: Found | Missing = keras_float.find() if name == keras_float.NAME else known[name].find()
        if isinstance(found, Missing):
            raise MissingError(f"The runtime {name} is not installed; get it with: {found.how}")
    return [runtime for name, runtime in known.items() if not only or name in only]


def _define(program: Program, commands: Sequence[Command], stored: Sequence[Result]) -> tuple[Row, list[Result]]:
    """The interpreter's results, compared with those that the vectors brought along from the export."""
    started = time.perf_counter()
    results = interpret(program, commands)
    rate = sum(command.steps for command in commands) / (time.perf_counter() - started)
    row = Row(INTERPRETER, f"v{program.semantics}", "defines", PASSED, steps_per_second=rate)
    exam = Exam(program, Artifacts(Path(), program.name), commands, stored or results)
    return compare(row, Contract.EXACT, exam, results), results


def _examine(runtime: Runtime, exam: Exam) -> Row:
    found = runtime.find()
    row = Row(runtime.name, "-", str(runtime.contract), MISSING)
    if isinstance(found, Missing):
        return replace(row, note=found.how)
    row = replace(row, version=found.version)
    if not exam.artifacts.has_format(runtime.format):
        return replace(row, note=f"not exported; rnn-edge export with --format {runtime.format}")
    try:
        played = runtime.play(exam.program, exam.artifacts, exam.commands)
        row = replace(row, note="; ".join(f"{name} {text}" for name, text in played.notes.items()))
        row = compare(row, runtime.contract, exam, played.results)
        steps = sum(command.steps for command, _ in _answered(exam.commands, played.results))
        row = replace(row, steps_per_second=steps / played.seconds)
        if row.status == FAILED:
            row = replace(row, note=diagnose(runtime, exam.program, exam.commands, played.results, exam.expected))
    except FitError as error:
        return replace(row, status=MISSING, note=str(error))
    except RnnEdgeError as error:
        return replace(row, status=FAILED, note=str(error).removeprefix(f"{runtime.name} "))
    return row


def compare(row: Row, contract: Contract, exam: Exam, results: Sequence[Result]) -> Row:
    """The row with its counts: how many integers were compared, differ, and by how much at most."""
    pairs = list(zip(results, exam.expected, strict=False))
    if not pairs or any(result.shape != wanted.shape for result, wanted in pairs):
        return replace(row, status=FAILED, note=f"{row.runtime} gave no results of the program's shape")
    difference = np.abs(np.concatenate([result - wanted for result, wanted in pairs]))
    outputs = list(outputs_of_test_split(exam.program, exam.commands, results))
    labelled = [(label, y) for label, y in outputs if label >= 0]
    largest = int(difference.max())
    if contract is Contract.WITHIN:
        row = replace(row, contract=f"within {largest}")
    return replace(
        row,
        status=REPORTED if contract is Contract.WITHIN else FAILED if largest else PASSED,
        compared=len(difference),
        differing=int(np.count_nonzero(difference)),
        largest=largest,
        accuracy=_accuracy(exam.program, labelled) if labelled else None,
    )


def _accuracy(program: Program, labelled: Sequence[tuple[int, IntArray]]) -> float:
    decided = decide(program, dequantize(program, np.array([y for _, y in labelled])))
    return float(np.mean(decided == np.array([label for label, _ in labelled])))


def _answered(commands: Sequence[Command], results: Sequence[Result]) -> Iterator[tuple[Command, Result]]:
    """Steps and runs with what they gave, as far as the runtime played."""
    return zip((command for command in commands if command.x is not None), results, strict=False)


def outputs_of_test_split(
    program: Program, commands: Sequence[Command], results: Sequence[Result]
) -> Iterator[tuple[int, IntArray]]:
    """Class (-1: unknown) and last output of every sequence of the test split."""
    labels: list[int | None] = []
    label = None
    for command in commands:
        if command.verb == "label":
            label = command.label
        elif command.x is not None:
            labels.append(label)
            label = None
    size = program.values[program.output].size
    for known, (command, result) in zip(labels, _answered(commands, results), strict=False):
        if known is not None:
            end = outputs_of(program, command)
            yield known, result[end - size : end]


def _report_float(exam: Exam) -> Row:
    """Keras on the same test sequences: reported, never called exact."""
    found = keras_float.find()
    row = Row(keras_float.NAME, "-", "float", MISSING)
    if isinstance(found, Missing):
        return replace(row, note=found.how)
    row = replace(row, version=found.version)
    try:
        exact, seconds, lengths = keras_float.predict(exam.artifacts)
    except RnnEdgeError as error:
        return replace(row, status=FAILED, note=str(error))
    outputs = list(outputs_of_test_split(exam.program, exam.commands, exam.expected))
    if len(outputs) != len(exact):
        return replace(
            row, status=REPORTED, note="these vectors are not the test split, so there is nothing to compare"
        )
    labels = np.array([label for label, _ in outputs])
    real = dequantize(exam.program, np.array([y for _, y in outputs]))
    decided, decided_exact = decide(exam.program, real), decide(exam.program, exact)
    same = f"same class as the program {100 * np.mean(decided == decided_exact):.2f} %, "
    return replace(
        row,
        status=REPORTED,
        accuracy=float(np.mean(decided_exact == labels)) if labels.min() >= 0 else None,
        steps_per_second=float(lengths.sum()) / seconds,
        note=f"{same if exam.program.softmax or exam.program.classes else ''}SNR {snr_db(exact, real - exact):.1f} dB",
    )
