"""How far back the gradient reaches: compared with networks whose derivative is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnn_edge.datasets import Split
from rnn_edge.errors import MissingError, UserError
from rnn_edge.spec import ModelSpec
from rnn_edge.train.gradients import Reach, measure_reach, plot

keras = pytest.importorskip("keras")

SPEC = {
    "task": "t",
    "data": {"set": "own"},
    "network": {"layers": [{"layer": "simple_rnn", "units": 1}, {"layer": "dense", "units": 2}]},
    "train": {"epochs": 1, "tbptt": 5},
}


def linear(factor: float) -> Any:
    """A network whose state is multiplied by `factor` every step."""
    layers = keras.layers
    model = keras.Sequential(
        [layers.Input((None, 1)), layers.Masking(-1e9), layers.SimpleRNN(1, activation="linear"), layers.Dense(2)]
    )
    weights = [np.ones((1, 1)), np.full((1, 1), factor), np.zeros(1), np.array([[0.1, -0.1]]), np.zeros(2)]
    model.set_weights(weights)
    return model


def split(steps: int = 24) -> Split:
    random = np.random.default_rng(0)
    lengths = np.minimum(np.arange(16) + 9, steps)
    return Split(random.normal(0, 0.1, (16, steps, 1)).astype(np.float32), lengths, np.arange(16) % 2)


def reach(factor: float, part: Split) -> Reach:
    return measure_reach(linear(factor), ModelSpec.model_validate(SPEC), part)


@pytest.mark.parametrize("factor", [0.5, 0.9, 1.5])
def test_a_linear_network_loses_its_factor_every_step(factor: float) -> None:
    found = reach(factor, split())
    assert found.layers == ("simple_rnn 1",) and found.lags[0] == 1
    assert found.lags[-1] == 16  # the longest lag that eight sequences have: lengths 17 to 24
    for quartile in found.shares:
        np.testing.assert_allclose(quartile[:, 0], factor ** (found.lags - 1.0), rtol=1e-4)


@pytest.mark.parametrize(
    ("factor", "sentence"),
    [
        (0.5, "simple_rnn 1: below 10 % from 5 steps back, below 1 % from 8."),
        (0.85, "simple_rnn 1: below 10 % from 16 steps back."),
        (0.9, "simple_rnn 1: at least 10 % is left over all 16 steps."),
        (1.5, "simple_rnn 1: grows to 438 times that of 1 step, 16 steps back."),
    ],
)
def test_sentences(factor: float, sentence: str) -> None:
    assert reach(factor, split()).sentences() == [sentence]


def test_the_picture_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / "g.png"
    plot(reach(0.9, split()), ModelSpec.model_validate(SPEC), path)
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    with pytest.raises(MissingError, match=r"pip install 'rnn-edge\[train\]'"):
        plot(reach(0.9, split()), ModelSpec.model_validate(SPEC), path)


def test_refused() -> None:
    with pytest.raises(UserError, match="one step each"):
        reach(0.9, split(1))
    with pytest.raises(UserError, match="is zero already 1 step back"):
        reach(0.0, split())
