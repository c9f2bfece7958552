"""What real Keras writes is what the import reads: every layer, cell and option that is supported."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
keras = pytest.importorskip("keras")

from rnn_edge.cells import all_cells  # noqa: E402
from rnn_edge.errors import ModelError  # noqa: E402
from rnn_edge.float_model import DenseLayer, EmbeddingLayer, FloatModel, RecurrentLayer  # noqa: E402
from rnn_edge.keras_import import import_keras  # noqa: E402

L = keras.layers
CELLS = [name for name, cell in all_cells().items() if cell.keras is not None]


def imported(model: Any, folder: Path) -> FloatModel:
    """Save with all weights and biases random, so that no two are alike, and import."""
    random = np.random.default_rng(0)
    model.set_weights([random.uniform(0.1, 1, w.shape).astype(w.dtype) for w in model.get_weights()])
    model.save(folder / "own.keras")
    return import_keras(folder / "own.keras", "own")


def recurrent(cell: str, units: int, **options: Any) -> Any:
    mapping = all_cells()[cell].keras
    assert mapping is not None
    return getattr(L, mapping.class_name)(units, **mapping.settings, **options)


def check(read: FloatModel, model: Any) -> None:
    """Every imported layer has the weights of its Keras layer; shapes follow from the widths before it."""
    width = read.inputs
    stored = iter([layer for layer in model.layers if layer.get_weights() and not isinstance(layer, L.Normalization)])
    for layer in read.layers:
        arrays = next(stored).get_weights()
        if isinstance(layer, EmbeddingLayer):
            assert np.array_equal(layer.table, arrays[0])
            width = layer.table.shape[1]
        elif isinstance(layer, DenseLayer):
            assert np.array_equal(layer.linear.weight, arrays[0].T)
            width = len(layer.linear.bias)
        else:
            assert isinstance(layer, RecurrentLayer)
            check_recurrent(layer, arrays, width)
            width = layer.units
    assert next(stored, None) is None


def check_recurrent(layer: RecurrentLayer, arrays: list[Any], width: int) -> None:
    assert np.array_equal(layer.products["gx"].weight, arrays[0].T)
    inner = [layer.products[name] for name, product in layer.cell.products.items() if product.operand == "h"]
    assert np.array_equal(np.concatenate([linear.weight for linear in inner]), arrays[1].T)
    biases = np.concatenate([linear.bias for linear in layer.products.values()])
    assert biases.sum() == pytest.approx(arrays[2].sum() if len(arrays) == 3 else 0)
    for name, product in layer.cell.products.items():
        rows = len(product.gates) * layer.units
        assert layer.products[name].weight.shape == (rows, width if product.operand == "x" else layer.units)
        assert layer.products[name].bias.shape == (rows,)


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "nobias"])
@pytest.mark.parametrize("every_step", [True, False], ids=["every", "last"])
@pytest.mark.parametrize("cell", CELLS)
def test_cell(cell: str, every_step: bool, bias: bool, tmp_path: Path) -> None:
    layer = recurrent(cell, 4, return_sequences=every_step, use_bias=bias, dropout=0.1, recurrent_dropout=0.1)
    model = keras.Sequential([keras.Input((None, 3)), layer, L.Dense(2, use_bias=bias, activation="softmax")])
    read = imported(model, tmp_path)
    first = read.layers[0]
    assert isinstance(first, RecurrentLayer) and first.cell.name == cell and first.index == 0
    assert read.every_step == every_step and read.softmax and read.inputs == 3
    check(read, model)


def test_unroll_and_fixed_shape(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((5, 3), batch_size=2), L.GRU(4, unroll=True)])
    check(imported(model, tmp_path), model)


@pytest.mark.parametrize("as_graph", [False, True], ids=["sequential", "functional"])
def test_every_layer_and_several_of_each_class(as_graph: bool, tmp_path: Path) -> None:
    """The names are chosen to mislead: Keras numbers the layers of one class in the file, whatever they are called."""
    layers = [
        L.Masking(-1.0),
        L.Normalization(),
        L.Dense(6, activation="relu", name="dense_1"),
        L.GRU(4, return_sequences=True, name="gru_1"),
        L.LSTM(3, return_sequences=True),
        L.Dropout(0.1),
        L.TimeDistributed(L.Dense(5, activation="tanh", name="dense_9")),
        L.GRU(4, return_sequences=True, name="gru"),
        L.SimpleRNN(4, return_sequences=True),
        L.TimeDistributed(L.Dense(4)),
        L.GRU(4, name="gru_0"),
        L.Dense(4, activation="sigmoid", name="dense"),
        L.Dense(4, name="dense_0"),
        L.Activation("relu"),
        L.Dense(2),
    ]
    model = stacked(layers, as_graph)
    model.compile("adam", "mse")
    read = imported(model, tmp_path)
    assert [layer.name for layer in read.layers] == [
        "dense0", "gru0", "lstm0", "dense1", "gru1", "rnn0", "dense2", "gru2", "dense3", "dense4", "dense5",
    ]  # fmt: skip
    assert [layer.index for layer in read.layers if isinstance(layer, RecurrentLayer)] == [0, 1, 2, 3, 4]
    activations = [layer.activation for layer in read.layers if isinstance(layer, DenseLayer)]
    assert activations == ["relu", "tanh", "linear", "sigmoid", "relu", "linear"]
    mean, variance = layers[1].get_weights()[:2]
    assert np.array_equal(read.mean, mean) and np.allclose(read.deviation, np.sqrt(variance), rtol=1e-7)
    check(read, model)


def stacked(layers: list[Any], as_graph: bool) -> Any:
    inputs = keras.Input((None, 3))
    if not as_graph:
        return keras.Sequential([inputs, *layers])
    outputs = inputs
    for layer in layers:
        outputs = layer(outputs)
    return keras.Model(inputs, outputs)


@pytest.mark.parametrize("as_graph", [False, True], ids=["sequential", "functional"])
def test_embedding(as_graph: bool, tmp_path: Path) -> None:
    inputs = keras.Input((None,), dtype="int32")
    layers = [L.Embedding(9, 3, mask_zero=True), L.GRU(4, return_sequences=True), L.GRU(4), L.Dense(2)]
    model = keras.Model(inputs, layers[3](layers[2](layers[1](layers[0](inputs)))))
    if not as_graph:
        model = keras.Sequential([keras.Input((None,), dtype="int32"), *layers])
    read = imported(model, tmp_path)
    assert (read.vocabulary, read.inputs) == (9, 1)
    check(read, model)


def test_model_without_an_input_layer(tmp_path: Path) -> None:
    model = keras.Sequential([L.GRU(4), L.Dense(2)])
    model.build((None, None, 3))
    check(imported(model, tmp_path), model)


@pytest.mark.parametrize(
    "normalization",
    [
        lambda: L.Normalization(mean=[1.0, 2.0, 3.0], variance=[4.0, 9.0, 0.0]),
        lambda: L.Normalization(mean=2.0, variance=4.0),
        lambda: L.Normalization(axis=None, mean=2.0, variance=4.0),
    ],
)
def test_normalization_by_arguments(normalization: Callable[[], Any], tmp_path: Path) -> None:
    read = imported(keras.Sequential([keras.Input((None, 3)), normalization(), L.GRU(4)]), tmp_path)
    assert read.mean[1] == 2 and read.mean.shape == read.deviation.shape == (3,)
    assert read.deviation[0] == 2 and (read.deviation > 0).all()


def shared() -> Any:
    inputs, layer = keras.Input((None, 3)), L.GRU(3, return_sequences=True)
    return keras.Model(inputs, layer(layer(inputs)))


def branched() -> Any:
    inputs = keras.Input((None, 3))
    return keras.Model(inputs, L.Add()([L.GRU(3)(inputs), L.GRU(3)(inputs)]))


def with_initial_state() -> Any:
    inputs = keras.Input((None, 3))
    last = L.GRU(3)(inputs)
    return keras.Model(inputs, L.GRU(3)(inputs, initial_state=last))


def two_inputs() -> Any:
    inputs, state = keras.Input((None, 3)), keras.Input((3,))
    return keras.Model([inputs, state], L.GRU(3)(inputs, initial_state=state))


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: stacked([L.UpSampling1D(2), L.GRU(3)], False), r"\(UpSampling1D\) is not supported"),
        (lambda: stacked([L.GRU(3), L.Lambda(abs, output_shape=(3,))], False), r"\(Lambda\) is not supported"),
        (lambda: stacked([keras.Sequential([keras.Input((None, 3)), L.GRU(3)])], False), "Sequential"),
        (lambda: stacked([L.RNN(L.GRUCell(3))], False), r"\(RNN\) is not supported"),
        (lambda: stacked([L.SpatialDropout1D(0.1), L.GRU(3)], False), r"\(SpatialDropout1D\) is not supported"),
        (lambda: stacked([L.GRU(3, go_backwards=True)], False), "go_backwards=True"),
        (lambda: stacked([L.GRU(3, activation="relu")], False), "activation='relu'"),
        (lambda: stacked([L.Dense(3)], False), "has no recurrent layer, one of .*GRU.* is needed"),
        (lambda: stacked([L.GRU(3), L.Dense(2, activation="gelu")], False), "activation gelu"),
        (shared, "a shared layer at its end"),
        (branched, "is shared, has several inputs"),
        (with_initial_state, "is shared, has several inputs"),
        (two_inputs, "several inputs or outputs"),
    ],
)
def test_refused(make: Callable[[], Any], sentence: str, tmp_path: Path) -> None:
    make().save(tmp_path / "own.keras")
    with pytest.raises(ModelError, match=f"own.keras.*{sentence}"):
        import_keras(tmp_path / "own.keras", "own")
