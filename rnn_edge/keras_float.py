"""The float network in Keras, in a process of its own: reported beside the integer runtimes, never called exact."""

from __future__ import annotations

import os
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .cells import FloatArray
from .paths import Artifacts
from .processes import run_module
from .runtimes import Found, Missing

NAME = "keras-float"


def find() -> Found | Missing:
    """Is Keras with TensorFlow installed?"""
    try:
        metadata.version("tensorflow")
        return Found(metadata.version("keras"))
    except metadata.PackageNotFoundError:
        return Missing("pip install 'rnn-edge[train]'")


def predict(artifacts: Artifacts) -> tuple[FloatArray, float, NDArray[np.int64]]:
    """Outputs before softmax of every test sequence after its last step, the seconds it took, the lengths."""
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.npz"
        run_module("Keras", __name__, str(artifacts.float_keras), str(artifacts.test_set), str(answer))
        with np.load(answer, allow_pickle=False) as result:
            return result["y"].astype(np.float64), float(result["seconds"]), result["lengths"]


def _main(model_path: str, test_path: str, answer_path: str) -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import time

    import keras

    from . import keras_cell

    model = keras_cell.load(Path(model_path))
    if getattr(model.layers[-1], "activation", None) is keras.activations.softmax:
        model.layers[-1].activation = keras.activations.linear
    with np.load(test_path, allow_pickle=False) as test:
        x, lengths = test["x"], test["lengths"]
    started = time.perf_counter()
    y = _last_outputs(model, x[..., 0] if x.dtype == np.int32 else x, lengths)
    np.savez(answer_path, y=y, seconds=np.array(time.perf_counter() - started), lengths=lengths)


def _last_outputs(model: Any, x: FloatArray, lengths: NDArray[np.int64]) -> FloatArray:
    """One batch for every length, so that no padding and no mask takes part."""
    outputs: dict[int, FloatArray] = {}
    for length in np.unique(lengths):
        rows = np.flatnonzero(lengths == length)
        batch = np.asarray(model(x[rows, :length], training=False))
        outputs.update(zip(rows.tolist(), batch if batch.ndim == 2 else batch[:, -1], strict=True))
    return np.stack([outputs[row] for row in range(len(x))])


if __name__ == "__main__":
    _main(*sys.argv[1:])
