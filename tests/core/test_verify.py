"""Verification with runtimes made for the test: what passes, what fails, and what a failure says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from rnn_edge import keras_float
from rnn_edge import verify as verification
from rnn_edge.errors import MissingError, RnnEdgeError, UserError
from rnn_edge.ir.arithmetic import IntArray
from rnn_edge.ir.interpret import Interpreter, InterpreterSession
from rnn_edge.ir.program import Program, save
from rnn_edge.ir.quantize_input import from_float
from rnn_edge.paths import Artifacts
from rnn_edge.processes import INTERRUPTED
from rnn_edge.runtimes import Contract, Found, Missing, Played
from rnn_edge.script import script
from rnn_edge.vectors import Command, Moment, play, read_commands, write_commands
from rnn_edge.verdict import FAILED, MISSING, PASSED, REPORTED, Row, Verdict
from tests.networks import GRU, float_model, program, samples

THERE = Found("1.0")


@dataclass(frozen=True)
class FakeRuntime:
    """An interpreter of a program that is a little wrong."""

    name: str = "fake"
    contract: Contract = Contract.EXACT
    format: str = "c"
    fault: str | None = None  # the value that is one unit too large at index 2
    found: Found | Missing = THERE

    def find(self) -> Found | Missing:
        return self.found

    def play(self, program: Program, artifacts: Artifacts, commands: Sequence[Command]) -> Played:
        if self.fault == "crash":
            raise RnnEdgeError("fake fell over")
        return Played(list(play(_Faulty(program, self.fault), program, commands)), 0.5)

    def trace(self, program: Program, moments: Sequence[Moment]) -> list[dict[str, IntArray]]:
        session = _Faulty(program, self.fault)
        return [
            {name: array[0] for name, array in session.interpreter.trace(x[None], [s[None] for s in states]).items()}
            for x, states in moments
        ]


def one_unit_off(values: IntArray) -> IntArray:
    wrong = values.copy()
    wrong[..., 2] += 1
    return wrong


class _Faulty(InterpreterSession):
    def __init__(self, program: Program, fault: str | None) -> None:
        super().__init__(program)
        self.interpreter: Interpreter = self._interpreter
        for ops in (self.interpreter._body, self.interpreter._head):
            for index, (op, meaning) in enumerate(ops):
                if op.output == fault:
                    ops[index] = (op, lambda *inputs, meaning=meaning: one_unit_off(meaning(*inputs)))


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Artifacts:
    made, model = program(GRU), float_model(GRU)
    files = Artifacts(tmp_path_factory.mktemp("net"), "net")
    x, lengths = samples(model, 10)
    commands = script(made, from_float(made, x), lengths, np.arange(10) % 4)[:-2]
    files.c_folder.mkdir()
    save(made, files.program_json, files.program_npz)
    files.vectors.write_text(write_commands(made, commands, play(InterpreterSession(made), made, commands)))
    return files


def run(monkeypatch: pytest.MonkeyPatch, files: Artifacts, *runtimes: FakeRuntime) -> Verdict:
    monkeypatch.setattr(verification, "all_runtimes", lambda: {runtime.name: runtime for runtime in runtimes})
    return verification.verify(files, [runtime.name for runtime in runtimes])


def test_an_exact_runtime_passes(monkeypatch: pytest.MonkeyPatch, exported: Artifacts) -> None:
    verdict = run(monkeypatch, exported, FakeRuntime())
    definition, row = verdict.rows
    assert verdict.passed
    assert (row.status, row.differing, row.largest) == (PASSED, 0, 0)
    assert row.compared == definition.compared > 1000
    assert row.accuracy == definition.accuracy is not None
    assert exported.verdict.is_file()


@pytest.mark.parametrize("fault", ["gru0_gx", "gru0_z", "gru0_n", "h0_next", "gru0_t3"])
def test_one_unit_anywhere_is_found_and_named(monkeypatch: pytest.MonkeyPatch, exported: Artifacts, fault: str) -> None:
    verdict = run(monkeypatch, exported, FakeRuntime(fault=fault))
    row = verdict.rows[1]
    assert not verdict.passed
    assert row.status == FAILED
    assert row.differing > 0
    assert f"of {fault}, index 2: " in row.note
    assert "step 0" in row.note
    assert "should be" in row.note


def test_a_runtime_that_is_not_exact_is_reported(monkeypatch: pytest.MonkeyPatch, exported: Artifacts) -> None:
    verdict = run(monkeypatch, exported, FakeRuntime(contract=Contract.WITHIN, fault="h0_next"))
    row = verdict.rows[1]
    assert row.status == REPORTED
    assert row.contract == f"within {row.largest}"
    assert row.largest > 0
    assert not verdict.passed  # nothing exact was compared


def test_a_format_that_was_not_exported_is_missing(monkeypatch: pytest.MonkeyPatch, exported: Artifacts) -> None:
    row = run(monkeypatch, exported, FakeRuntime(format="onnx")).rows[1]
    assert row.status == MISSING
    assert "--format onnx" in row.note


def test_a_crash_is_a_failure(monkeypatch: pytest.MonkeyPatch, exported: Artifacts) -> None:
    verdict = run(monkeypatch, exported, FakeRuntime(fault="crash"))
    assert not verdict.passed
    assert verdict.rows[1].note == "fell over"


def test_an_interrupt_ends_with_its_verification(monkeypatch: pytest.MonkeyPatch, exported: Artifacts) -> None:
    def interrupt(row: Row) -> None:
        if row.runtime == "fake":
            raise KeyboardInterrupt

    monkeypatch.setattr(verification, "all_runtimes", lambda: {"fake": FakeRuntime()})
    with pytest.raises(KeyboardInterrupt):
        verification.verify(exported, ["fake"], progress=interrupt)
    assert not INTERRUPTED.is_set()


def test_a_missing_runtime_is_never_passed(monkeypatch: pytest.MonkeyPatch, exported: Artifacts) -> None:
    missing = FakeRuntime(found=Missing("pip install fake"))
    monkeypatch.setattr(verification, "all_runtimes", lambda: {"fake": missing})
    monkeypatch.setattr(keras_float, "find", lambda: Missing("pip install keras"))
    verdict = verification.verify(exported)
    assert verdict.rows[1].status == MISSING
    assert verdict.rows[1].note == "pip install fake"
    assert not verdict.passed
    with pytest.raises(MissingError, match="pip install fake"):
        verification.verify(exported, ["fake"])


def test_an_unknown_runtime_is_refused(exported: Artifacts) -> None:
    with pytest.raises(UserError, match="'nothing' is not known; known are"):
        verification.verify(exported, ["nothing"])


def test_vectors_of_another_program_fail(monkeypatch: pytest.MonkeyPatch, exported: Artifacts, tmp_path: Path) -> None:
    other = program(GRU, seed=5)
    files = Artifacts(tmp_path, "net")
    files.c_folder.mkdir()
    save(other, files.program_json, files.program_npz)
    files.vectors.write_bytes(exported.vectors.read_bytes())
    verdict = run(monkeypatch, files, FakeRuntime())
    assert verdict.rows[0].status == FAILED
    assert not verdict.passed


def test_damaged_vectors_name_the_line(exported: Artifacts, tmp_path: Path) -> None:
    made = program(GRU)
    lines = exported.vectors.read_text().splitlines()
    damaged = tmp_path / "vectors.txt"
    for line in ("step 0 00", "step 9 00", "fly 0", "run 0 2 0000", "step 0 zz", "step 0 0000000000 + 00", "load 0"):
        damaged.write_text("\n".join([*lines[:5], line]))
        with pytest.raises(UserError, match=r"vectors\.txt:6 is no vector"):
            read_commands(made, damaged)


def test_vectors_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00")
    for name in ("missing.txt", "binary.txt"):
        with pytest.raises(UserError, match=name):
            read_commands(program(GRU), tmp_path / name)


def test_commands_come_back_from_text(exported: Artifacts) -> None:
    made = program(GRU)
    commands, results = read_commands(made, exported.vectors)
    title = exported.vectors.read_text().splitlines()[0].removeprefix("# ")
    assert write_commands(made, commands, results, title) == exported.vectors.read_text()


def test_nothing_compared_is_not_passed() -> None:
    rows = (Row("interpreter", "1", "defines", PASSED), Row("a", "1", "exact", MISSING))
    verdict = Verdict("net", "0", "int8", rows)
    assert not verdict.passed
    assert replace(verdict, rows=(*rows, Row("b", "1", "exact", PASSED))).passed
