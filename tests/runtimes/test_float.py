"""The float interpreter is Keras: every supported layer, masking, both GRUs, stacks, outputs at every step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnn_edge.calibrate import run_float
from rnn_edge.keras_import import import_keras

keras = pytest.importorskip("keras", reason="Keras is not installed: pip install 'rnn-edge[train]'")
layers = keras.layers


@pytest.fixture(autouse=True)
def _double_precision() -> Iterator[None]:
    """Keras in float64, so that what is left is a difference of equations and not of rounding."""
    floatx, policy = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_floatx(floatx)
    keras.config.set_dtype_policy(policy)


def numeric(*stack: Any) -> Any:
    return keras.Sequential([layers.Input((None, 5)), *stack])


def tokens(*stack: Any) -> Any:
    return keras.Sequential([layers.Input((None,), dtype="int32"), *stack])


def normalization() -> Any:
    layer = layers.Normalization()
    layer.adapt(np.random.default_rng(3).normal(2.0, 3.0, size=(50, 5)))
    return layer


MODELS: dict[str, Callable[[], Any]] = {
    "simple_rnn": lambda: numeric(layers.SimpleRNN(7), layers.Dense(3, "softmax")),
    "gru": lambda: numeric(layers.GRU(7), layers.Dense(3, "softmax")),
    "gru reset before": lambda: numeric(layers.GRU(7, reset_after=False), layers.Dense(3, "softmax")),
    "gru without bias": lambda: numeric(layers.GRU(7, use_bias=False), layers.Dense(3, use_bias=False)),
    "lstm": lambda: numeric(layers.LSTM(7), layers.Dense(3, "softmax")),
    "normalization": lambda: numeric(normalization(), layers.GRU(7), layers.Dense(3)),
    "masking": lambda: numeric(layers.Masking(-9.0), layers.LSTM(7), layers.Dense(3)),
    "stack": lambda: numeric(
        layers.LSTM(6, return_sequences=True), layers.Dropout(0.3), layers.GRU(4), layers.Dense(3)
    ),
    "every step": lambda: numeric(
        layers.GRU(6, return_sequences=True), layers.GRU(4, return_sequences=True), layers.Dense(3, "softmax")
    ),
    "time distributed": lambda: numeric(
        layers.TimeDistributed(layers.Dense(4, "relu")),
        layers.GRU(6, return_sequences=True),
        layers.TimeDistributed(layers.Dense(3, "tanh")),
    ),
    "two dense": lambda: numeric(layers.GRU(6), layers.Dense(5, "relu"), layers.Dense(1, "sigmoid")),
    "activation layer": lambda: numeric(layers.GRU(6), layers.Dense(3), layers.Activation("softmax")),
    "stateful": lambda: keras.Sequential(
        [layers.Input(batch_shape=(4, None, 5)), layers.GRU(6, stateful=True), layers.Dense(3)]
    ),
    "no dense": lambda: numeric(layers.GRU(6)),
    "embedding": lambda: tokens(layers.Embedding(20, 4), layers.LSTM(6), layers.Dense(3)),
    "embedding every step": lambda: tokens(
        layers.Embedding(20, 4), layers.GRU(6, return_sequences=True), layers.Dense(3)
    ),
}


@pytest.mark.parametrize("case", MODELS)
def test_float_interpreter_is_keras(case: str, tmp_path: Path) -> None:
    keras.utils.set_random_seed(1)
    model = MODELS[case]()
    rng = np.random.default_rng(2)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(size=variable.shape) * 0.6)
    model.save(tmp_path / "net.keras")
    imported = import_keras(tmp_path / "net.keras", "net")
    token = imported.vocabulary is not None
    x = rng.integers(0, 20, (4, 12)).astype(np.int32) if token else rng.normal(size=(4, 12, 5)) * 2
    wanted = np.asarray(model(x, training=False))
    ours = run_float(imported, x[..., None] if token else x, np.full(4, 12))
    if imported.softmax:
        ours = np.exp(ours) / np.exp(ours).sum(axis=-1, keepdims=True)
    assert ours.shape == wanted.shape
    assert np.abs(ours - wanted).max() < 1e-6


def test_variable_lengths_are_keras_masking(tmp_path: Path) -> None:
    """Masked steps of a Keras batch are steps that a device never sees."""
    model = MODELS["masking"]()
    model.save(tmp_path / "net.keras")
    imported = import_keras(tmp_path / "net.keras", "net")
    rng = np.random.default_rng(2)
    x, lengths = rng.normal(size=(6, 12, 5)), np.array([1, 3, 12, 7, 11, 12])
    x[np.arange(12) >= lengths[:, None]] = -9.0
    assert np.abs(run_float(imported, x, lengths) - np.asarray(model(x))).max() < 1e-6
