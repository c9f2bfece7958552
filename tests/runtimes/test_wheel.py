"""A wheel built from the tree, installed in a fresh environment, works from an empty folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return next(folder.glob("*.whl"))


def test_everything_travels_inside(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("models", "firmware", "boards"):
        tracked = subprocess.run(["git", "ls-files", folder], cwd=ROOT, capture_output=True, text=True, check=True)
        assert {f"rnn_edge/{name}" for name in tracked.stdout.split()} <= names
    assert any(name.startswith("rnn_edge/backends/templates/") for name in names)
    assert not [name for name in names if name.startswith(("tests/", "build/"))]


def test_it_works_in_a_fresh_environment_from_an_empty_folder(wheel: Path, tmp_path: Path) -> None:
    """With the core's dependencies alone: no TensorFlow, no runtime but compilers and an emulated board."""
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True, timeout=300)
    scripts = tmp_path / "venv" / "bin"
    subprocess.run([scripts / "pip", "install", "--quiet", str(wheel)], check=True, timeout=600)
    empty = tmp_path / "empty"
    empty.mkdir()
    np.savez(empty / "seen.npz", x=np.random.default_rng(0).normal(size=(32, 20, 12)).astype(np.float32))
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def run(*arguments: str) -> str:
        command = [str(scripts / "rnn-edge"), *arguments]
        done = subprocess.run(command, cwd=empty, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "vowels" in run("models")
    keras = next((tmp_path / "venv").rglob("rnn_edge/models/vowels/float.keras"))
    run("export", str(keras), "--calibration", "seen.npz")
    verdict = json.loads(run("verify", str(keras), "--runtime", "c-gcc-O2", "--json"))
    assert verdict["passed"]
    assert verdict["rows"][1]["differing"] == 0
    flashed = run("flash", str(keras), "--board", "mps2-an386")
    assert "core Cortex-M4 tables ok self-test ok" in flashed and "every section" in flashed
    assert {row["id"] for row in json.loads(run("boards", "--json"))} >= {"mps2-an386", "arduino-uno"}
    listed = {row["runtime"]: row for row in json.loads(run("runtimes", "--json"))}
    assert "pip install" in listed["litert-ref"]["how"]
