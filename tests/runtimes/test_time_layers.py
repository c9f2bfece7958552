"""Convolutions, pooling and bidirectional layers: what Keras computes, what is imported, what is trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnn_edge import spec
from rnn_edge.calibrate import calibrate, run_float
from rnn_edge.datasets import Dataset, Split
from rnn_edge.errors import ModelError, UserError
from rnn_edge.keras_import import import_keras
from rnn_edge.quality import measure
from rnn_edge.quantize import quantize
from rnn_edge.train import accuracy, train
from rnn_edge.train.network import check

keras = pytest.importorskip("keras")
L = keras.layers
STEPS = 24


def network(*layers: Any, steps: int | None = None, channels: int = 5) -> Any:
    """With random weights, those of batch normalization too."""
    rng = np.random.default_rng(0)
    model = keras.Sequential([L.Input((steps, channels)), *layers])
    for weight in model.weights:
        if "seed" not in weight.path:
            spread = (0.5, 2.0) if "moving_variance" in weight.path else (-0.7, 0.7)
            weight.assign(rng.uniform(*spread, weight.shape))
    return model


def conv(filters: int, kernel: int, **options: Any) -> Any:
    return L.Conv1D(filters, kernel, padding="causal", **{"activation": "relu", **options})


NETWORKS: dict[str, Callable[[], Any]] = {
    "conv": lambda: network(conv(8, 3), L.GRU(7), L.Dense(4)),
    "batch normalization": lambda: network(
        conv(8, 3, activation=None, use_bias=False), L.BatchNormalization(), L.ReLU(), L.LSTM(7), L.Dense(4)
    ),
    "its own scale": lambda: network(
        conv(8, 2, activation=None), L.BatchNormalization(center=False), L.Activation("tanh"), L.GRU(5), L.Dense(4)
    ),
    "stride": lambda: network(conv(8, 5, strides=2, activation="tanh"), L.GRU(7), L.Dense(4)),
    "largest": lambda: network(conv(8, 3), L.MaxPooling1D(2), L.GRU(7), L.Dense(4)),
    "average": lambda: network(conv(8, 3), L.AveragePooling1D(3), L.GRU(7), L.Dense(4)),
    "two": lambda: network(
        conv(6, 3), L.MaxPooling1D(2), conv(5, 2, activation="sigmoid"), L.MaxPooling1D(2), L.SimpleRNN(7), L.Dense(4)
    ),
    "one row": lambda: network(conv(6, 1, activation="linear"), L.GRU(7, return_sequences=True), L.Dense(4)),
    "largest of all": lambda: network(L.GRU(7, return_sequences=True), L.GlobalMaxPooling1D(), L.Dense(4)),
    "average of all": lambda: network(
        L.GRU(7, return_sequences=True), L.GlobalAveragePooling1D(), L.Dense(4), steps=STEPS
    ),
    "average of the average": lambda: network(
        conv(4, 2),
        L.AveragePooling1D(2),
        L.GRU(7, return_sequences=True),
        L.GlobalAveragePooling1D(),
        L.Dense(4),
        steps=STEPS,
    ),
    "both ways": lambda: network(L.Bidirectional(L.GRU(7)), L.Dense(4)),
    "both ways, two dense": lambda: network(L.Bidirectional(L.LSTM(4)), L.Dense(5, "relu"), L.Dense(4)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_network_is_that_of_keras(name: str, tmp_path: Path) -> None:
    """In float64 against float32; and quantized, random weights have 32 dB and more (measured: 33.1)."""
    keras_model = NETWORKS[name]()
    keras_model.save(tmp_path / "own.keras")
    model = import_keras(tmp_path / "own.keras", "own")
    x = np.random.default_rng(1).normal(size=(64, STEPS, 5)).astype(np.float32)
    lengths = np.full(len(x), STEPS)
    rows, steps = model.rows.of(x, lengths)
    expected = np.asarray(keras_model(x))
    assert np.abs(run_float(model, rows, steps) - expected).max() < 1e-5
    back, real = model.rows.back(rows, steps)
    assert np.array_equal(back, x) and np.array_equal(real, lengths)
    ranges = calibrate(model, rows, steps)
    for scheme in ("int8", "int16x8"):
        assert measure(model, quantize(model, ranges, scheme), rows, steps).snr_db > 32


@pytest.mark.parametrize(
    ("layers", "sentence"),
    [
        (lambda: [L.Conv1D(4, 3), L.GRU(3)], "has padding='valid': only padding='causal' can be streamed"),
        (lambda: [conv(4, 3, dilation_rate=2), L.GRU(3)], "has dilation_rate"),
        (lambda: [L.GRU(3, return_sequences=True), conv(4, 3), L.GRU(3)], "does not come first on a numeric input"),
        (lambda: [L.MaxPooling1D(2), L.GRU(3)], "does not follow a convolution"),
        (lambda: [conv(4, 3), L.MaxPooling1D(3, strides=1), L.GRU(3)], "has pool_size=3, strides=1"),
        (lambda: [conv(4, 3, activation="tanh"), L.AveragePooling1D(2), L.GRU(3)], "averages what sigmoid or tanh"),
        (lambda: [L.BatchNormalization(), L.GRU(3)], "for the input there is Normalization"),
        (lambda: [L.GRU(3, return_sequences=True), L.GlobalAveragePooling1D(), L.Dense(2)], "steps that is not known"),
        (lambda: [L.GRU(3, return_sequences=True), L.LayerNormalization(), L.GRU(3)], "divides by a deviation"),
        (lambda: [L.Bidirectional(L.GRU(3, return_sequences=True))], "a stream has no end from where to come back"),
        (lambda: [L.Bidirectional(L.GRU(3), merge_mode="sum")], "has merge_mode='sum': train it with 'concat'"),
        (lambda: [L.GRU(3, return_sequences=True), L.Bidirectional(L.GRU(3))], "make it the first layer"),
        (lambda: [L.Masking(0.0), conv(4, 3), L.GRU(3)], "follows a Masking"),
    ],
)
def test_what_cannot_be_exact_is_refused(layers: Callable[[], list[Any]], sentence: str, tmp_path: Path) -> None:
    keras.Sequential([L.Input((None, 2)), *layers()]).save(tmp_path / "own.keras")
    with pytest.raises(ModelError, match=sentence):
        import_keras(tmp_path / "own.keras", "own")


def dataset(lengths: tuple[int, ...] = (12,)) -> Dataset:
    """Does a noisy line rise or fall?"""
    rng = np.random.default_rng(0)
    y = np.arange(96) % 2
    x = np.linspace(-1, 1, 12)[None, :, None] * (2 * y[:, None, None] - 1) + rng.normal(0, 0.5, (96, 12, 2))
    split = Split(x.astype(np.float32), np.resize(lengths, 96).astype(np.int64), y)
    return Dataset("lines", ("falls", "rises"), split, split.take(np.arange(32)), split)


def described(layers: list[dict[str, Any]], **network: Any) -> spec.ModelSpec:
    last = {"layer": "dense", "units": 2, "activation": "softmax"}
    return spec.ModelSpec.model_validate(
        {
            "task": "lines",
            "data": {"set": "lines"},
            "network": {"layers": [*layers, last], **network},
            "train": {"epochs": 12, "learning_rate": 0.01, "batch": 16},
        }
    )


@pytest.mark.parametrize(
    "layers",
    [
        [
            {"layer": "conv1d", "filters": 4, "kernel": 3, "batch_normalization": True},
            {"layer": "max_pool", "size": 2},
            {"layer": "gru", "units": 4},
        ],
        [{"layer": "gru", "units": 4}, {"layer": "global_average_pool"}],
        [{"layer": "lstm", "units": 3, "bidirectional": True}],
    ],
    ids=["conv", "average", "both ways"],
)
def test_training_then_import(layers: list[dict[str, Any]], tmp_path: Path) -> None:
    """What is trained from a specification answers alike when it has been imported."""
    made, data = described(layers), dataset()
    trained = train(made, data, 0, lambda *_: None)
    assert trained.accuracy > 0.8
    trained.model.save(tmp_path / "own.keras")
    model = import_keras(tmp_path / "own.keras", "own")
    y = run_float(model, *model.rows.of(data.test.x, data.test.lengths))
    assert np.mean(y.argmax(axis=1) == data.test.y) == pytest.approx(accuracy(trained.model, data.test))


@pytest.mark.parametrize(
    ("layers", "lengths", "sentence"),
    [
        ([{"layer": "conv1d", "filters": 4, "kernel": 3}, {"layer": "gru", "units": 4}], (12, 9), "different lengths"),
        (
            [{"layer": "conv1d", "filters": 4, "kernel": 3, "stride": 5}, {"layer": "gru", "units": 4}],
            (12,),
            "do not divide",
        ),
    ],
)
def test_data_that_do_not_fit(layers: list[dict[str, Any]], lengths: tuple[int, ...], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        check(described(layers), dataset(lengths))


@pytest.mark.parametrize(
    ("layers", "network", "sentence"),
    [
        ([{"layer": "max_pool", "size": 2}, {"layer": "gru", "units": 4}], {}, "pooling comes behind a conv1d"),
        ([{"layer": "gru", "units": 4}, {"layer": "conv1d", "filters": 4, "kernel": 3}], {}, "come first"),
        ([{"layer": "gru", "units": 4, "bidirectional": True}], {"every_step": True}, "every_step false"),
        ([{"layer": "gru", "units": 4}, {"layer": "global_max_pool"}], {"every_step": True}, "every_step false"),
        (
            [{"layer": "conv1d", "filters": 4, "kernel": 3, "stride": 2}, {"layer": "gru", "units": 4}],
            {"every_step": True},
            "leave steps out",
        ),
    ],
)
def test_orders_that_a_specification_refuses(
    layers: list[dict[str, Any]], network: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        described(layers, **network)
