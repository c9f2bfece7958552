"""Training: padding never counts, the same seed gives the same model, and what is saved is what was measured."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnn_edge import spec, train
from rnn_edge.cells import all_cells
from rnn_edge.datasets import Dataset, Split, with_calibration
from rnn_edge.errors import MissingError, UserError
from rnn_edge.keras_import import import_keras

pytest.importorskip("tensorflow")


def model_spec(
    *, every_step: bool = False, embedding: bool = False, units: int = 2, cell: str = "gru"
) -> spec.ModelSpec:
    layers: list[dict[str, Any]] = [
        {"layer": cell, "units": 3},
        {"layer": cell, "units": 4},
        {"layer": "dense", "units": units, "activation": "softmax"},
    ]
    if embedding:
        layers.insert(0, {"layer": "embedding", "vocabulary": 9, "width": 3})
    return spec.ModelSpec.model_validate(
        {
            "task": "test",
            "data": {"set": "own"},
            "network": {"layers": layers, "normalization": not embedding, "every_step": every_step, "dropout": 0.1},
            "train": {"epochs": 2, "batch": 8, "learning_rate": 0.01},
        }
    )


def dataset(tokens: bool = False) -> Dataset:
    """Forty sequences of 3 to 7 steps, far from zero, so that padding with zeros would not go unnoticed."""
    random = np.random.default_rng(0)
    lengths, y = random.integers(3, 8, 40), np.arange(40) % 2
    real = np.arange(7) < lengths[:, None]
    numbers = random.normal(size=(40, 7, 2)) * (1 + y[:, None, None]) + 100
    x = np.where(real[..., None], numbers, 0).astype(np.float32)
    if tokens:
        x = np.where(real, random.integers(1, 9, (40, 7)), 0).astype(np.int32)
    whole = Split(x, lengths, y)
    return with_calibration("own", ("a", "b"), whole.take(np.arange(30)), whole.take(np.arange(30, 40)))


def trained(model: spec.ModelSpec, data: Dataset, seed: int = 0) -> train.TrainedModel:
    return train.train(model, data, seed, lambda *_: None)


@pytest.mark.parametrize("every_step", [False, True], ids=["last", "every"])
@pytest.mark.parametrize("tokens", [False, True], ids=["numbers", "tokens"])
@pytest.mark.parametrize("cell", all_cells())
def test_padding_does_not_count(cell: str, tokens: bool, every_step: bool) -> None:
    data = dataset(tokens)
    model = train.build(model_spec(every_step=every_step, embedding=tokens, cell=cell), data, data.train)
    together = np.asarray(model(train.padded(data.test)))
    for i, length in enumerate(data.test.lengths[:4]):
        alone = np.asarray(model(data.test.x[i : i + 1, :length]))[0]
        np.testing.assert_allclose(together[i, :length] if every_step else together[i], alone, atol=2e-6)


def test_normalization_is_taken_from_real_steps() -> None:
    data = dataset()
    model = train.build(model_spec(), data, data.train)
    (normalization,) = [layer for layer in model.layers if type(layer).__name__ == "Normalization"]
    real = np.concatenate([x[:length] for x, length in zip(data.train.x, data.train.lengths, strict=True)])
    np.testing.assert_allclose(np.ravel(normalization.mean), real.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(np.ravel(normalization.variance), real.var(axis=0), rtol=1e-3)


def test_two_epochs(tmp_path: Path) -> None:
    seen: list[tuple[int, int, Mapping[str, float]]] = []
    data = dataset()
    result = train.train(model_spec(), data, 0, lambda *values: seen.append(values))
    assert [epoch[:2] for epoch in seen] == [(1, 2), (2, 2)] and "val_loss" in seen[0][2]
    assert len(result.history["loss"]) == 2 and 0 <= result.accuracy <= 1
    path = train.save(result, tmp_path / "new")
    assert path == tmp_path / "new" / "float.keras" and [path] == list((tmp_path / "new").iterdir())
    assert import_keras(path, "own").mean == pytest.approx(100, abs=1)


def test_saved_model_is_the_measured_one(tmp_path: Path) -> None:
    keras = pytest.importorskip("keras")
    data = dataset()
    result = trained(model_spec(), data)
    again = keras.models.load_model(train.save(result, tmp_path))
    x = train.padded(data.test)
    np.testing.assert_array_equal(result.model.predict(x, verbose=0), again.predict(x, verbose=0))
    assert train.accuracy(again, data.test) == result.accuracy


def test_same_seed_same_model() -> None:
    one, same, other = (trained(model_spec(), dataset(), seed).model.get_weights() for seed in (0, 0, 1))
    assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_tokens_that_change_in_every_epoch() -> None:
    described = model_spec(every_step=True, embedding=True)
    options = described.train.model_copy(update={"crop": 0.5, "unknown": 0.2, "alike": True})
    changing = described.model_copy(update={"train": options})
    results = [trained(model, dataset(tokens=True)) for model in (changing, changing, described)]
    first, same, other = ([weight.tolist() for weight in result.model.get_weights()] for result in results)
    assert first == same != other
    assert np.isfinite(results[0].history["val_loss"]).all()


def test_output_at_every_step_and_tokens() -> None:
    result = trained(model_spec(every_step=True, embedding=True), dataset(tokens=True))
    assert result.model.output_shape == (None, None, 2)


@pytest.mark.parametrize(
    ("model", "data", "sentence"),
    [
        (model_spec(), dataset(tokens=True), "own holds tokens: start the network with an embedding"),
        (model_spec(embedding=True), dataset(), "own holds numbers: drop the embedding"),
        (model_spec(units=3), dataset(), "last layer has 3 units and own has 2 classes"),
    ],
)
def test_refused(model: spec.ModelSpec, data: Dataset, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        trained(model, data)


def test_tokens_refused() -> None:
    data = dataset(tokens=True)
    data.train.x[0, 0] = 9
    with pytest.raises(UserError, match="has token 9 and the vocabulary is 9"):
        trained(model_spec(embedding=True), data)
    data.train.x[0, 0] = 0
    with pytest.raises(UserError, match="uses token 0 as a real one"):
        trained(model_spec(embedding=True), data)


def test_too_few_sequences() -> None:
    data = dataset()
    few = Dataset(data.name, data.classes, data.train.take(np.arange(1)), data.calibration, data.test)
    with pytest.raises(UserError, match="1 training sequences are too few"):
        trained(model_spec(), few)


def test_without_tensorflow(monkeypatch: pytest.MonkeyPatch) -> None:
    normal = builtins.__import__

    def refuse(name: str, *rest: Any) -> Any:
        if name == "keras":
            raise ImportError("No module named 'keras'")
        return normal(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingError, match=r"No module named 'keras'.*pip install 'rnn-edge\[train\]'"):
        trained(model_spec(), dataset())
