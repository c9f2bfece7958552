"""The command line as a user meets it: exit codes, sentences, nothing half-written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray

from rnn_edge.backends import c
from rnn_edge.cli import main
from rnn_edge.paths import MODELS

VOWELS = MODELS / "vowels" / "float.keras"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def refused(result: Result, code: int = 2) -> str:
    """The one sentence of an expected error."""
    assert result.exit_code == code, result.output
    sentence = result.stderr.strip()
    assert sentence.startswith("rnn-edge: ")
    assert "Traceback" not in result.output
    return sentence


@pytest.fixture
def calibration(tmp_path: Path) -> Path:
    path = tmp_path / "calibration.npz"
    np.savez(path, x=np.random.default_rng(0).normal(size=(32, 20, 12)).astype(np.float32))
    return path


@pytest.mark.parametrize(
    "command", ["", "models", "train", "export", "verify", "runtimes", "boards", "build", "flash", "monitor"]
)
def test_help(command: str) -> None:
    result = run(*command.split(), "--help")
    assert result.exit_code == 0
    assert all(len(line) <= 80 for line in result.output.splitlines())


def test_models_lists_every_bundled_model() -> None:
    result = run("models")
    assert result.exit_code == 0
    for path in MODELS.glob("*/model.toml"):
        assert path.parent.name in result.output


def test_export_of_a_keras_file(tmp_path: Path, calibration: Path) -> None:
    result = run("export", VOWELS, "--calibration", calibration, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    folder = tmp_path / "out" / "model_float"  # the name of the file is a keyword of C
    files = {str(path.relative_to(folder)) for path in folder.rglob("*.*")}
    assert files == {
        *("float.keras", "ranges.json", "counters.json", "program.json", "program.npz", "vectors.txt", "test.npz"),
        *("tflite/model_float_step.tflite", "tflite/model_float_sequence.tflite"),
        *("onnx/model_float_step.onnx", "onnx/model_float_sequence.onnx"),
        *(f"c/{name}" for name in c.file_names("model_float")),
    }


def test_export_needs_no_tensorflow(tmp_path: Path, calibration: Path) -> None:
    code = f"""
import sys
from click.testing import CliRunner
from rnn_edge.cli import main
done = CliRunner().invoke(main, ["export", {str(VOWELS)!r}, "--calibration", {str(calibration)!r}, "--out", "out"])
assert done.exit_code == 0, done.output
print(*sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert not {"tensorflow", "keras", "onnxruntime", "ai_edge_litert"} & set(done.stdout.split())


def test_export_twice_gives_the_same_bytes(tmp_path: Path, calibration: Path) -> None:
    snapshots = []
    for _ in range(2):
        assert run("export", VOWELS, "--calibration", calibration, "--out", tmp_path / "out").exit_code == 0
        files = sorted(path for path in (tmp_path / "out").rglob("*") if path.is_file())
        snapshots.append({path: path.read_bytes() for path in files})
    assert snapshots[0] == snapshots[1]


def test_unknown_model(tmp_path: Path) -> None:
    for command in ("train", "export", "verify"):
        sentence = refused(run(command, "nothing", "--out", tmp_path))
        assert "vowels" in sentence
    assert not list(tmp_path.iterdir())


def test_a_keras_file_without_calibration(tmp_path: Path) -> None:
    assert "--calibration data.npz" in refused(run("export", VOWELS, "--out", tmp_path))


def test_a_keras_file_that_is_not_there(tmp_path: Path, calibration: Path) -> None:
    refused(run("export", tmp_path / "no.keras", "--calibration", calibration, "--out", tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_calibration_with_a_bundled_model(tmp_path: Path, calibration: Path) -> None:
    assert "own data" in refused(run("export", "vowels", "--calibration", calibration, "--out", tmp_path))


@pytest.mark.parametrize(
    ("x", "said"),
    [
        (np.zeros((0, 20, 12), np.float32), ""),
        (np.ones((8, 20, 12), np.float32), "constant"),
        (np.full((8, 20, 12), np.nan, np.float32), ""),
        (np.zeros((8, 20, 3), np.float32) + np.arange(3), "3 channels"),
        (np.array([{}], dtype=object), ""),
    ],
    ids=["empty", "constant", "NaN", "channels", "pickle"],
)
def test_calibration_that_cannot_be_used(x: NDArray[Any], said: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.npz"
    np.savez(path, x=x)
    before = tmp_path / "out" / "model_float" / "kept"
    before.parent.mkdir(parents=True)
    before.write_text("old")
    assert said in refused(run("export", VOWELS, "--calibration", path, "--out", tmp_path / "out"))
    assert before.read_text() == "old"


def test_verify_before_export(tmp_path: Path) -> None:
    assert "rnn-edge export" in refused(run("verify", "vowels", "--out", tmp_path))


def test_training_of_a_trained_file() -> None:
    assert "trained already" in refused(run("train", VOWELS))


def test_a_wrong_option_is_a_user_error() -> None:
    assert run("export", "vowels", "--scheme", "int4").exit_code == 2


def test_runtimes_as_json() -> None:
    import json

    listed = json.loads(run("runtimes", "--json").output)
    assert {"interpreter"} & {row["runtime"] for row in listed} == set()
    assert all({"runtime", "contract"} <= row.keys() for row in listed)
