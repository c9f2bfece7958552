"""From a `.keras` file to plain arrays, without Keras; the only place that knows the options of its layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from .cells import FloatArray, Linear
from .errors import ModelError
from .float_model import ConvLayer, DenseLayer, EmbeddingLayer, FloatModel
from .keras_archive import StoredLayer, read
from .keras_recurrent import CELL_LAYER, bidirectional, recurrent, recurrent_classes
from .keras_stack import Stack, activation_of, misfit
from .keras_time_layers import TIME_LAYERS

_EPSILON = 1e-7  # smallest deviation that Keras divides by


def import_keras(path: Path, name: str) -> FloatModel:
    """The network in the `.keras` file as float64 arrays; ModelError names the layer that is damaged or unsupported."""
    stack = Stack(path)
    for layer in read(path):
        _reader(layer, stack)(layer, stack)
    if not stack.recurrent:
        raise ModelError(f"{path} has no recurrent layer, one of {recurrent_classes()} is needed: add it.")
    _check_softmax(stack)
    if stack.factor != 1.0:
        raise ModelError(f"{path} ends with the average over time: put a Dense layer behind it.")
    mean = np.zeros(stack.inputs) if stack.mean is None else stack.mean
    deviation = np.ones(stack.inputs) if stack.deviation is None else stack.deviation
    side_by_side = 2 if stack.mirrored else stack.rate
    return FloatModel(
        name,
        stack.inputs * side_by_side,
        np.tile(mean, side_by_side),
        np.tile(deviation, side_by_side),
        tuple(stack.layers),
        every_step=stack.sequences,
        rows=stack.rows,
    )


def _reader(layer: StoredLayer, stack: Stack) -> Callable[[StoredLayer, Stack], None]:
    reader = _READERS.get(layer.class_name)
    if reader is None and layer.class_name in recurrent_classes():
        reader = recurrent
    home = "rnn_edge" if layer.class_name == CELL_LAYER else "keras"
    if reader is None or layer.module.split(".")[0] != home:
        supported = ", ".join((*_READERS, *recurrent_classes()))
        raise stack.refuse(layer, f"is not supported, read are {supported}", "replace it and train again")
    if stack.width is None and layer.class_name != "InputLayer":
        raise stack.refuse(layer, "comes without an input layer before it", "start the model with keras.Input")
    return reader


def _input(layer: StoredLayer, stack: Stack) -> None:
    shape = layer.config.get("batch_shape")
    if stack.width is not None or not isinstance(shape, list) or len(shape) not in (2, 3):
        raise stack.refuse(layer, f"has shape {shape}, accepted is one input [batch, steps, channels]", "reshape it")
    stack.inputs = stack.width = 1
    stack.steps = shape[1] if type(shape[1]) is int else None
    if len(shape) == 3:
        if type(shape[2]) is not int or not 1 <= shape[2] <= 65536:
            raise stack.refuse(
                layer, f"has {shape[2]} channels, 1 to 65536 are accepted", "give keras.Input the number"
            )
        stack.inputs = stack.width = shape[2]
    else:
        stack.width = 0  # tokens: only an embedding can read them


def _masking(layer: StoredLayer, stack: Stack) -> None:
    value = layer.config.get("mask_value")
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise stack.refuse(layer, f"has mask_value {value!r}, a finite number is accepted", "set another one")
    if stack.layers:
        raise stack.refuse(layer, "follows a layer with weights", "put it right after the input")
    stack.masked = True


def _dropout(layer: StoredLayer, stack: Stack) -> None:
    """Nothing to do: dropout acts in training only."""


def _normalization(layer: StoredLayer, stack: Stack) -> None:
    if stack.layers or stack.mean is not None or not stack.width:
        raise stack.refuse(layer, "is not the first layer on a numeric input", "move it there")
    if layer.config.get("axis") not in (-1, [-1], 2, [2], None, []) or layer.config.get("invert") not in (False, None):
        raise stack.refuse(layer, "has another axis than the last or is inverted", "use the default options")
    arrays = layer.arrays.get("vars", ())[:2]
    if not arrays:
        arrays = tuple(_numbers(layer.config.get(key), layer, stack) for key in ("mean", "variance"))
    if len(arrays) != 2 or any(array.size not in (1, stack.inputs) for array in arrays) or (arrays[1] < 0).any():
        raise stack.refuse(layer, f"does not have a mean and a variance for {stack.inputs} channels", "adapt it again")
    stack.mean, variance = (np.broadcast_to(array.ravel(), stack.inputs).copy() for array in arrays)
    stack.deviation = np.maximum(np.sqrt(variance), _EPSILON)


def _numbers(value: Any, layer: StoredLayer, stack: Stack) -> FloatArray:
    """Mean or variance where they were given as arguments: Keras keeps them in the configuration then."""
    try:
        array = np.asarray(value, np.float64)
    except (ValueError, TypeError, OverflowError):
        array = np.array(np.nan)
    if not np.isfinite(array).all():
        raise stack.refuse(layer, "has no finite mean and variance", "call its adapt with the training data")
    return array


def _embedding(layer: StoredLayer, stack: Stack) -> None:
    if stack.layers or stack.width != 0:
        raise stack.refuse(layer, "does not read the tokens of an input [batch, steps]", "make it the first layer")
    arrays = layer.arrays.get("vars", ())
    shape = (layer.config.get("input_dim"), layer.config.get("output_dim"))
    if len(arrays) != 1 or arrays[0].shape != shape or 0 in shape:
        raise stack.refuse(layer, f"has no table of the shape {shape} it names", "save the model again")
    stack.layers.append(EmbeddingLayer(stack.name("embedding"), arrays[0]))
    stack.width = arrays[0].shape[1]


def _dense(layer: StoredLayer, stack: Stack) -> None:
    _add_dense(layer, layer.config, "vars", stack)


def _time_distributed(layer: StoredLayer, stack: Stack) -> None:
    inner = layer.config.get("layer")
    config = inner.get("config") if isinstance(inner, dict) else None
    if not isinstance(inner, dict) or not isinstance(config, dict) or inner.get("class_name") != "Dense":
        raise stack.refuse(layer, "wraps something else than a Dense layer", "only TimeDistributed(Dense) is read")
    if str(inner.get("module")).split(".")[0] != "keras" or not stack.sequences:
        raise stack.refuse(layer, "wraps a Dense of your own or follows a last step", "use a plain Dense")
    _add_dense(layer, config, "layer/vars", stack)


def _add_dense(layer: StoredLayer, config: Any, place: str, stack: Stack) -> None:
    if not stack.width:
        raise stack.refuse(layer, "reads tokens", "put an Embedding before it")
    activation, units = activation_of(layer, config, stack), config.get("units")
    arrays = list(layer.arrays.get(place, ()))
    if config.get("use_bias") is False and arrays:
        arrays.append(np.zeros(arrays[0].shape[-1:]))
    shapes = [array.shape for array in arrays]
    if shapes != [(stack.width, units), (units,)] or units == 0:
        raise misfit(arrays, units, layer, stack)
    stack.layers.append(DenseLayer(stack.name("dense"), stack.scaled(Linear(arrays[0].T, arrays[1])), activation))
    stack.width, stack.factor = units, 1.0


def _activation_layer(layer: StoredLayer, stack: Stack) -> None:
    _activate(layer, stack, activation_of(layer, layer.config, stack))


def _relu(layer: StoredLayer, stack: Stack) -> None:
    plain = {"max_value": None, "negative_slope": 0.0, "threshold": 0.0}
    differing = [key for key, accepted in plain.items() if layer.config.get(key, accepted) != accepted]
    if differing:
        seen = f"has {differing[0]}={layer.config[differing[0]]!r}"
        raise stack.refuse(layer, seen, "use a plain ReLU")
    _activate(layer, stack, "relu")


def _activate(layer: StoredLayer, stack: Stack, activation: str) -> None:
    """The activation becomes that of the layer before."""
    before = stack.layers[-1] if stack.layers else None
    if activation == "linear":
        return
    if not isinstance(before, DenseLayer | ConvLayer) or before.activation != "linear":
        remedy = "put it into a Dense or Conv1D layer"
        raise stack.refuse(layer, "does not follow a Dense or Conv1D layer with linear activation", remedy)
    if activation == "softmax" and isinstance(before, ConvLayer):
        raise stack.refuse(layer, "is a softmax behind a convolution", "use relu, tanh or sigmoid")
    stack.layers[-1] = replace(before, activation=activation)


def _check_softmax(stack: Stack) -> None:
    for layer in stack.layers[:-1]:
        if isinstance(layer, DenseLayer) and layer.activation == "softmax":
            raise ModelError(
                f"{stack.path}: {layer.name} has softmax before the last layer, where it is not supported: use relu, "
                "tanh or sigmoid."
            )


_READERS: dict[str, Callable[[StoredLayer, Stack], None]] = {
    "InputLayer": _input,
    "Masking": _masking,
    "Normalization": _normalization,
    "Embedding": _embedding,
    "Dense": _dense,
    "TimeDistributed": _time_distributed,
    "Dropout": _dropout,
    "Activation": _activation_layer,
    "ReLU": _relu,
    **TIME_LAYERS,
    "Bidirectional": bidirectional,
}
