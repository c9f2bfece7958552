"""The untrained Keras model of a specification, and whether it fits the data."""

from __future__ import annotations

from typing import Any

from ..cells import all_cells
from ..datasets import Dataset, Split
from ..errors import UserError
from ..spec import ConvSpec, DenseSpec, EmbeddingSpec, GlobalPoolSpec, LayerSpec, ModelSpec, PoolSpec, RecurrentSpec
from .batches import PADDING, real_steps
from .keras_start import start_keras


def build(spec: ModelSpec, dataset: Dataset, training: Split) -> Any:
    """The untrained Keras model, with its normalization taken from the real steps of `training`."""
    keras = start_keras()
    layers = keras.layers
    tokens = training.x.ndim == 2
    steps = training.x.shape[1] if spec.network.one_length else None
    stack = [layers.Input((steps,) if tokens else (steps, training.x.shape[2]))]
    if not tokens and steps is None:
        stack.append(layers.Masking(PADDING))
    if spec.network.normalization:
        normalization = layers.Normalization()
        normalization.adapt(training.x[real_steps(training)])
        stack.append(normalization)
    over_time = [i for i, layer in enumerate(spec.network.layers) if not isinstance(layer, DenseSpec)]
    for i, layer in enumerate(spec.network.layers):
        stack += keras_layers(keras, layer, i < over_time[-1] or spec.network.every_step, _varies(dataset))
        if isinstance(layer, RecurrentSpec) and spec.network.dropout > 0:
            stack.append(layers.Dropout(spec.network.dropout))
    return keras.Sequential(stack)


def check(spec: ModelSpec, dataset: Dataset) -> None:
    """UserError where the layers cannot take the data, or cannot answer what is asked of them."""
    first, last = spec.network.layers[0], spec.network.layers[-1]
    assert isinstance(last, DenseSpec)
    x = dataset.train.x
    if isinstance(first, EmbeddingSpec) != (x.ndim == 2):
        held = "tokens: start the network with an embedding" if x.ndim == 2 else "numbers: drop the embedding layer"
        raise UserError(f"The data set {dataset.name} holds {held}.")
    if spec.network.one_length:
        _check_length(spec.network.rate, dataset)
    values = dataset.train.task == "value"
    if last.units != dataset.outputs:
        raise UserError(
            f"The last layer has {last.units} units and {dataset.name} has {dataset.outputs} "
            f"{'values to forecast' if values else 'classes'}: set its units to {dataset.outputs}."
        )
    if values != (spec.train.loss in ("mse", "mae")) or (values and last.activation != "linear"):
        raise UserError(
            f"{dataset.name} holds {'values' if values else 'classes'}: set train.loss to "
            + (
                '"mse" or "mae" and the last activation to "linear".'
                if values
                else '"sparse_categorical_crossentropy".'
            )
        )
    if dataset.train.task != "class" and not spec.network.every_step:
        raise UserError(f"{dataset.name} asks something at every step: set network.every_step to true.")
    if dataset.train.task != "class" and (spec.train.shift or spec.train.crop):
        raise UserError(
            f"{dataset.name} says what is asked at which step, so no step may move: remove train.shift and train.crop."
        )
    if x.ndim == 3 and x.shape[2] % 3 and spec.train.rotation:
        raise UserError(
            f"{dataset.name} has {x.shape[2]} channels, and only triples x, y, z can be rotated: remove train.rotation."
        )
    if values and spec.train.class_weights != "none":
        raise UserError(f"{dataset.name} holds values and no classes: remove train.class_weights.")
    if isinstance(first, EmbeddingSpec):
        _check_tokens(first, dataset)


def _check_length(rate: int, dataset: Dataset) -> None:
    if _varies(dataset):
        raise UserError(
            f"{dataset.name} has sequences of different lengths, and layers over time would count the padding in: cut "
            "windows of one length (data.window_s), or leave those layers out."
        )
    if dataset.train.x.shape[1] % rate:
        raise UserError(
            f"{dataset.name} has sequences of {dataset.train.x.shape[1]} steps, which strides and pooling of {rate} do "
            "not divide: choose another length or other layers."
        )


def _check_tokens(first: EmbeddingSpec, dataset: Dataset) -> None:
    for split in (dataset.train, dataset.test):
        if split.x.max() >= first.vocabulary:
            raise UserError(
                f"{dataset.name} has token {split.x.max()} and the vocabulary is {first.vocabulary}: enlarge it."
            )
        if _varies(dataset) and not split.x[real_steps(split)].all():
            raise UserError(
                f"{dataset.name} has sequences of different lengths, where token 0 marks the padding, and uses token 0 "
                "as a real one: number its tokens from 1."
            )


def keras_layers(keras: Any, layer: LayerSpec, sequences: bool, varies: bool) -> list[Any]:
    """The Keras layers of `layer`: with an output at every step if `sequences`, token 0 is padding if `varies`."""
    layers = keras.layers
    match layer:
        case EmbeddingSpec():
            return [layers.Embedding(layer.vocabulary, layer.width, mask_zero=varies)]
        case DenseSpec():
            return [layers.Dense(layer.units, activation=layer.activation)]
        case ConvSpec():
            return _convolution(layers, layer)
        case PoolSpec() | GlobalPoolSpec():
            sizes = [layer.size] if isinstance(layer, PoolSpec) else []
            return [getattr(layers, _POOLING[layer.layer])(*sizes)]
    recurrent = _recurrent(keras, layer, sequences)
    return [layers.Bidirectional(recurrent) if layer.bidirectional else recurrent]


_POOLING = {
    "max_pool": "MaxPooling1D",
    "average_pool": "AveragePooling1D",
    "global_max_pool": "GlobalMaxPooling1D",
    "global_average_pool": "GlobalAveragePooling1D",
}


def _convolution(layers: Any, layer: ConvSpec) -> list[Any]:
    options = {"strides": layer.stride, "padding": "causal"}
    if not layer.batch_normalization:
        return [layers.Conv1D(layer.filters, layer.kernel, activation=layer.activation, **options)]
    plain = layers.Conv1D(layer.filters, layer.kernel, use_bias=False, **options)
    return [plain, layers.BatchNormalization(), layers.Activation(layer.activation)]


def _recurrent(keras: Any, layer: RecurrentSpec, sequences: bool) -> Any:
    mapping = all_cells()[layer.layer].keras
    if mapping is None:
        from ..keras_cell import CellLayer

        return CellLayer(layer.layer, layer.units, return_sequences=sequences)
    return getattr(keras.layers, mapping.class_name)(layer.units, return_sequences=sequences, **mapping.settings)


def _varies(dataset: Dataset) -> bool:
    return any(bool((split.lengths < split.x.shape[1]).any()) for split in (dataset.train, dataset.test))
