"""Labels and values at every step, and rare classes: learnt, measured, and refused where settings do not fit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from rnn_edge.datasets import Dataset, Split, with_calibration
from rnn_edge.errors import UserError
from rnn_edge.spec import ModelSpec
from rnn_edge.train import accuracy, train

pytest.importorskip("tensorflow")


def spec(outputs: int, *, every_step: bool = True, activation: str = "softmax", **options: Any) -> ModelSpec:
    layers = [{"layer": "gru", "units": 8}, {"layer": "dense", "units": outputs, "activation": activation}]
    settings = {"epochs": 40, "batch": 16, "learning_rate": 0.02, **options}
    network = {"layers": layers, "every_step": every_step}
    return ModelSpec.model_validate({"task": "t", "data": {"set": "own"}, "network": network, "train": settings})


def dataset(kind: str) -> Dataset:
    """A random walk: is it above zero (label, unknown where it is close), and where is it a step later (value)?"""
    random = np.random.default_rng(0)
    walk = np.cumsum(random.normal(0, 0.3, (80, 10, 1)), axis=1).astype(np.float32)
    lengths = random.integers(5, 10, 80)
    y: Any = walk[:, 1:] if kind == "value" else np.where(np.abs(walk[:, :9, 0]) < 0.2, -1, walk[:, :9, 0] > 0)
    whole = Split(walk[:, :9], lengths, y.astype(np.float32 if kind == "value" else np.int64))
    parts = whole.take(np.arange(50)), whole.take(np.arange(50, 80))
    return with_calibration("own", () if kind == "value" else ("below", "above"), *parts)


@pytest.mark.parametrize("tbptt", [0, 4])
def test_labels_at_every_step(tbptt: int) -> None:
    assert train(spec(2, tbptt=tbptt, class_weights="balanced"), dataset("label"), 0, lambda *_: None).accuracy > 0.95


@pytest.mark.parametrize("loss", ["mse", "mae"])
@pytest.mark.parametrize("tbptt", [0, 4])
def test_values_at_every_step(loss: str, tbptt: int) -> None:
    seen: list[Mapping[str, float]] = []
    described = spec(1, activation="linear", loss=loss, tbptt=tbptt)
    result = train(described, dataset("value"), 0, lambda epoch, epochs, logs: seen.append(logs))
    assert 0.6 < result.accuracy < 1  # R2; the last value has 0.8, the noise of a step is unknown
    assert math.isnan(seen[-1]["val_accuracy"]) and seen[-1]["val_loss"] < seen[0]["val_loss"]


@pytest.mark.parametrize("every_step", [False, True], ids=["last", "every"])
def test_a_rare_class_is_found_when_it_counts_the_same(every_step: bool) -> None:
    """Two classes that overlap, 1 to 9: by share of right answers it pays to forget the rare one."""
    random = np.random.default_rng(0)
    y = (np.arange(400) % 10 == 0).astype(np.int64)
    whole = Split((random.normal(0, 1, (400, 3, 1)) + 0.5 * y[:, None, None]).astype(np.float32), np.full(400, 3), y)
    data = with_calibration("own", ("a", "b"), whole.take(np.arange(300)), whole.take(np.arange(300, 400)))
    rare = whole.take(np.flatnonzero(y == 1))
    found = {}
    for rule in ("none", "balanced"):
        described = spec(2, every_step=every_step, epochs=8, class_weights=rule)
        found[rule] = accuracy(train(described, data, 0, lambda *_: None).model, rare)
    assert found["balanced"] > found["none"] + 0.3


@pytest.mark.parametrize(
    ("described", "kind", "sentence"),
    [
        (spec(3), "label", "last layer has 3 units and own has 2 classes: set its units to 2"),
        (spec(2), "value", "last layer has 2 units and own has 1 values to forecast: set its units to 1"),
        (spec(1), "value", 'own holds values: set train.loss to "mse" or "mae" and the last activation to "linear"'),
        (spec(1, loss="mse"), "value", 'own holds values: set train.loss to "mse" or "mae" and the last activation'),
        (spec(2, loss="mse"), "label", 'own holds classes: set train.loss to "sparse_categorical_crossentropy"'),
        (spec(2, every_step=False), "label", "asks something at every step: set network.every_step to true"),
        (spec(2, shift=1), "label", "no step may move: remove train.shift"),
        (
            spec(2, rotation=30.0),
            "label",
            "own has 1 channels, and only triples x, y, z can be rotated: remove train.r",
        ),
        (
            spec(1, activation="linear", loss="mae", class_weights="balanced"),
            "value",
            "holds values and no classes: remove train.class_weights",
        ),
    ],
)
def test_refused(described: ModelSpec, kind: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        train(described, dataset(kind), 0, lambda *_: None)


def test_a_loss_that_is_no_number_ends_the_training() -> None:
    data = dataset("value")
    data.train.y[:] = 3e38
    with pytest.raises(
        UserError, match="no finite number any more in epoch 1: lower train.learning_rate, which is 0.02"
    ):
        train(spec(1, activation="linear", loss="mse"), data, 0, lambda *_: None)
