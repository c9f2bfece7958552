"""A training that is killed goes on and ends with the weights that it would have had."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras")

TOML = """task = "t"
[data]
set = "own.npz"
[network]
dropout = 0.2
layers = [ { layer = "gru", units = 4 }, { layer = "dense", units = 2, activation = "softmax" } ]
[train]
epochs = 8
batch = 8
noise = 0.1
tbptt = 4
decay = "cosine"
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "model.toml").write_text(TOML)
    random = np.random.default_rng(0)
    y = np.arange(60) % 2
    np.savez(folder / "own.npz", x=random.normal(y[:, None, None], 1, (60, 9, 2)), y=y, lengths=4 + np.arange(60) % 6)
    return folder


def command(folder: Path, out: str) -> list[str]:
    return [sys.executable, "-m", "rnn_edge", "train", str(folder), "--seeds", "2", "--out", str(folder.parent / out)]


def killed(folder: Path, out: str, moment: Path, seconds: float) -> None:
    """Start a training and kill it some time after a file has come to be."""
    process = subprocess.Popen(command(folder, out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 120
    while not moment.exists() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.005)
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert moment.exists()


def finished(folder: Path, out: str) -> str:
    done = subprocess.run(command(folder, out), capture_output=True, text=True, check=True, env=os.environ)
    return done.stderr


def weights(folder: Path, out: str) -> list[Any]:
    path = folder.parent / out / "tiny" / "float.keras"
    return list(keras.models.load_model(path, compile=False).get_weights())


def test_a_killed_training_ends_as_one_that_was_not(model: Path) -> None:
    kept = model.parent / "b" / ".checkpoints"
    said = finished(model, "a")
    assert "interrupted" not in said
    killed(model, "b", kept / "tiny_seed0.npz", 0.0)
    killed(model, "b", kept / "tiny_seed1.npz", 0.0)
    said = finished(model, "b")
    assert "Training was interrupted after epoch 8 and goes on" in said  # seed 0, which was done
    assert said.count("goes on from there") == 2
    for whole, pieces in zip(weights(model, "a"), weights(model, "b"), strict=True):
        np.testing.assert_array_equal(whole, pieces)
    metrics = [(model.parent / out / "tiny" / "metrics.json").read_bytes() for out in "ab"]
    assert metrics[0] == metrics[1] and not kept.exists()


def test_other_settings_begin_anew_and_say_so(model: Path) -> None:
    killed(model, "b", model.parent / "b" / ".checkpoints" / "tiny_seed0.npz", 0.0)
    (model / "model.toml").write_text(TOML.replace("noise = 0.1", "noise = 0.2").replace("epochs = 8", "epochs = 1"))
    assert "model.toml changed since training was interrupted: it begins anew." in finished(model, "b")
