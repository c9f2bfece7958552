"""From a specification and its data to a trained Keras model; the only module that needs TensorFlow."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .cells import all_cells
from .datasets import Dataset, Split
from .datasets.split import hold_out
from .errors import MissingError, UserError
from .files import write_atomically
from .spec import DenseSpec, EmbeddingSpec, LayerSpec, ModelSpec

FILE_NAME = "float.keras"
PADDING = -1e9  # marks the steps after the end of a sequence; far outside of any sensor, exact as a 32-bit float

Progress = Callable[[int, int, Mapping[str, float]], None]


@dataclass(frozen=True)
class TrainedModel:
    """`model` is the Keras model, not compiled; `history`: a value an epoch; `accuracy` on the test split, 0..1."""

    model: Any
    history: Mapping[str, tuple[float, ...]]
    accuracy: float


def train(spec: ModelSpec, dataset: Dataset, seed: int, progress: Progress) -> TrainedModel:
    """Fit on the training split, stop by a part of it held out, measure once on the test split.

    `progress(epoch, epochs, logs)` is called after every epoch. The same seed gives the same model on one machine.
    """
    _check(spec, dataset)
    keras = _keras()
    keras.utils.set_random_seed(seed)
    validation, training = hold_out(dataset.train, spec.train.validation, seed)
    model = build(spec, dataset, training)
    history = _fit(keras, model, spec, (training, validation), progress)
    # The same layers without the optimizer: the file is a third of the size, and training is never resumed from it.
    bare = keras.Sequential([keras.Input(model.input_shape[1:]), *model.layers])
    return TrainedModel(bare, history, accuracy(bare, dataset.test))


def build(spec: ModelSpec, dataset: Dataset, training: Split) -> Any:
    """The untrained Keras model, with its normalization taken from the real steps of `training`."""
    keras = _keras()
    layers = keras.layers
    tokens = training.x.ndim == 2
    stack = [layers.Input((None,) if tokens else (None, training.x.shape[2]))]
    if not tokens:
        stack.append(layers.Masking(PADDING))
    if spec.network.normalization:
        normalization = layers.Normalization()
        normalization.adapt(_real_steps(training))
        stack.append(normalization)
    recurrent = [i for i, layer in enumerate(spec.network.layers) if _is_recurrent(layer)]
    for i, layer in enumerate(spec.network.layers):
        stack.append(_layer(keras, layer, i < recurrent[-1] or spec.network.every_step, _varies(dataset)))
        if _is_recurrent(layer) and spec.network.dropout > 0:
            stack.append(layers.Dropout(spec.network.dropout))
    return keras.Sequential(stack)


def accuracy(model: Any, split: Split) -> float:
    """Share of the sequences whose largest output after their last real step is their class."""
    scores = np.asarray(model.predict(padded(split), batch_size=256, verbose=0))
    if scores.ndim == 3:
        scores = scores[np.arange(len(split)), split.lengths - 1]
    return float(np.mean(np.argmax(scores, axis=-1) == split.y))


def save(trained: TrainedModel, folder: Path) -> Path:
    """Write `float.keras` into `folder`, all or nothing; returns its path."""
    with tempfile.TemporaryDirectory() as temporary:
        # Keras writes to the path itself, so it gets one that nobody else reads.
        written = Path(temporary) / FILE_NAME
        trained.model.save(written)
        write_atomically(folder / FILE_NAME, written.read_bytes())
    return folder / FILE_NAME


def padded(split: Split) -> NDArray[Any]:
    """The input that the trained model expects: steps after the end of a sequence are `PADDING` (tokens: 0)."""
    if split.x.ndim == 2:
        return split.x
    return np.where(_real(split)[..., None], split.x, np.float32(PADDING))


def _keras() -> Any:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    try:
        with _silent():
            import keras
            import tensorflow

            tensorflow.config.list_physical_devices()
    except ImportError as error:
        raise MissingError(f"Training needs TensorFlow ({error}): run `pip install 'rnn-edge[train]'`.") from error
    return keras


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Drop what TensorFlow writes while it looks for a GPU: it does so before its own log level counts."""
    kept = os.dup(2)
    with open(os.devnull, "wb") as nothing:
        os.dup2(nothing.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _check(spec: ModelSpec, dataset: Dataset) -> None:
    first, last = spec.network.layers[0], spec.network.layers[-1]
    assert isinstance(last, DenseSpec)
    x = dataset.train.x
    if isinstance(first, EmbeddingSpec) != (x.ndim == 2):
        held = "tokens: start the network with an embedding" if x.ndim == 2 else "numbers: drop the embedding layer"
        raise UserError(f"The data set {dataset.name} holds {held}.")
    if last.units != len(dataset.classes):
        raise UserError(
            f"The last layer has {last.units} units and {dataset.name} has {len(dataset.classes)} classes: "
            f"set its units to {len(dataset.classes)}."
        )
    if isinstance(first, EmbeddingSpec):
        _check_tokens(first, dataset)


def _check_tokens(first: EmbeddingSpec, dataset: Dataset) -> None:
    for split in (dataset.train, dataset.test):
        if split.x.max() >= first.vocabulary:
            raise UserError(
                f"{dataset.name} has token {split.x.max()} and the vocabulary is {first.vocabulary}: enlarge it."
            )
        if _varies(dataset) and not split.x[_real(split)].all():
            raise UserError(
                f"{dataset.name} has sequences of different lengths, where token 0 marks the padding, and uses token 0 "
                "as a real one: number its tokens from 1."
            )


def _layer(keras: Any, layer: LayerSpec, sequences: bool, varies: bool) -> Any:
    if isinstance(layer, EmbeddingSpec):
        return keras.layers.Embedding(layer.vocabulary, layer.width, mask_zero=varies)
    if isinstance(layer, DenseSpec):
        return keras.layers.Dense(layer.units, activation=layer.activation)
    mapping = all_cells()[layer.layer].keras
    if mapping is None:
        from .keras_cell import CellLayer

        return CellLayer(layer.layer, layer.units, return_sequences=sequences)
    return getattr(keras.layers, mapping.class_name)(layer.units, return_sequences=sequences, **mapping.settings)


def _is_recurrent(layer: LayerSpec) -> bool:
    return not isinstance(layer, DenseSpec | EmbeddingSpec)


def _fit(
    keras: Any, model: Any, spec: ModelSpec, parts: tuple[Split, Split], progress: Progress
) -> dict[str, tuple[float, ...]]:
    options = spec.train
    last = spec.network.layers[-1]
    assert isinstance(last, DenseSpec)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=last.activation != "softmax")
    optimizer = keras.optimizers.Adam(options.learning_rate, global_clipnorm=options.gradient_clip)
    model.compile(optimizer, loss=loss, weighted_metrics=["accuracy"])
    report = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: progress(epoch + 1, options.epochs, dict(logs or {}))
    )
    stop = keras.callbacks.EarlyStopping(patience=options.patience, restore_best_weights=True)
    (x, y, weight), held = (_batch(part, spec.network.every_step) for part in parts)
    history = model.fit(
        x,
        y,
        sample_weight=weight,
        validation_data=held,
        epochs=options.epochs,
        batch_size=options.batch,
        callbacks=[stop, report],
        verbose=0,
    ).history
    return {name: tuple(float(value) for value in values) for name, values in history.items()}


def _batch(split: Split, every_step: bool) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.float32]]:
    """Input, target and weight; with an output at every step each real one has the class of its sequence as target."""
    if every_step:
        real = _real(split)
        return padded(split), np.repeat(split.y[:, None], real.shape[1], axis=1), real.astype(np.float32)
    return padded(split), split.y, np.ones(len(split), np.float32)


def _varies(dataset: Dataset) -> bool:
    return any(bool((split.lengths < split.x.shape[1]).any()) for split in (dataset.train, dataset.test))


def _real(split: Split) -> NDArray[np.bool_]:
    return np.arange(split.x.shape[1]) < split.lengths[:, None]


def _real_steps(split: Split) -> NDArray[Any]:
    return split.x[_real(split)]
