"""Readers of the layers over time of a `.keras` file: convolutions, batch normalization, pooling."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from .cells import Linear
from .float_model import ConvLayer, DenseLayer, GlobalPoolLayer, PoolLayer, RecurrentLayer
from .keras_archive import StoredLayer
from .keras_stack import Stack, activation_of, misfit


def _conv(layer: StoredLayer, stack: Stack) -> None:
    config = layer.config
    if not stack.width or any(not isinstance(before, ConvLayer | PoolLayer) for before in stack.layers):
        raise stack.refuse(layer, "does not come first on a numeric input", "put convolutions and pooling first")
    if stack.masked:
        raise stack.refuse(layer, "follows a Masking, which it drops", "train on sequences of one length without it")
    accepted = {"padding": "causal", "data_format": "channels_last", "groups": 1, "dilation_rate": 1}
    for option, value in accepted.items():
        if _scalar(config.get(option, value)) != value:
            raise stack.refuse(layer, f"has {option}={config[option]!r}", f"only {option}={value!r} can be streamed")
    activation, stride = activation_of(layer, config, stack), _scalar(config.get("strides"))
    filters = config.get("filters")
    if type(filters) is not int or not 1 <= filters <= 65536:
        raise stack.refuse(layer, f"has {filters!r} filters, 1 to 65536 are accepted", "save the model again")
    if activation == "softmax":
        raise stack.refuse(layer, "has activation softmax", "use relu, tanh or sigmoid")
    kernel = _scalar(config.get("kernel_size"))
    arrays = list(layer.arrays.get("vars", ()))
    if config.get("use_bias") is False and arrays:
        arrays.append(np.zeros(arrays[0].shape[-1:]))
    if [array.shape for array in arrays] != [(kernel, stack.width, filters), (filters,)] or 0 in arrays[0].shape:
        raise misfit(arrays, filters, layer, stack)
    linear = Linear(arrays[0].reshape(-1, filters).T, arrays[1])
    index = sum(isinstance(before, ConvLayer) for before in stack.layers)
    made = ConvLayer(stack.name("conv"), index, stack.scaled(linear), stack.width, stride, activation)
    stack.layers.append(made)
    stack.width, stack.factor = filters, 1.0
    _slow_down(layer, stack, stride)


def _slow_down(layer: StoredLayer, stack: Stack, factor: Any) -> None:
    """One row is put out for `factor` rows taken."""
    if type(factor) is not int or not 1 <= factor <= 64:
        raise stack.refuse(layer, f"takes {factor!r} rows for one, 1 to 64 are accepted", "save the model again")
    if stack.steps is not None and stack.steps % factor:
        seen = f"takes {factor} rows for one and gets {stack.steps}"
        raise stack.refuse(layer, seen, "give the input a multiple, or None for any length")
    stack.rate *= factor
    stack.steps = None if stack.steps is None else stack.steps // factor


def _batch_normalization(layer: StoredLayer, stack: Stack) -> None:
    """Folded into the layer before."""
    before = stack.layers[-1] if stack.layers else None
    if not isinstance(before, ConvLayer | DenseLayer) or before.activation != "linear":
        remedy = "put it between such a layer and its activation; for the input there is Normalization"
        raise stack.refuse(layer, "does not follow a Conv1D or Dense layer with linear activation", remedy)
    width, arrays = len(before.linear.bias), list(layer.arrays.get("vars", ()))
    scales, centers = (layer.config.get(key, True) is not False for key in ("scale", "center"))
    if len(arrays) != 2 + scales + centers or any(array.shape != (width,) for array in arrays):
        raise stack.refuse(layer, f"does not have its variables for {width} values", "save the model again")
    gamma = arrays.pop(0) if scales else np.ones(width)
    beta = arrays.pop(0) if centers else np.zeros(width)
    mean, variance = arrays
    epsilon = layer.config.get("epsilon")
    if type(epsilon) is not float or not epsilon > 0 or (variance < 0).any():
        raise stack.refuse(layer, "has no positive epsilon or a negative variance", "save the model again")
    gain = gamma / np.sqrt(variance + epsilon)
    folded = Linear(before.linear.weight * gain[:, None], (before.linear.bias - mean) * gain + beta)
    stack.layers[-1] = replace(before, linear=folded)


def _pool(kind: str) -> Callable[[StoredLayer, Stack], None]:
    def read(layer: StoredLayer, stack: Stack) -> None:
        before = stack.layers[-1] if stack.layers else None
        if not isinstance(before, ConvLayer | PoolLayer):
            remedy = "put a Conv1D before it; the data themselves can come at a lower rate"
            raise stack.refuse(layer, "does not follow a convolution", remedy)
        size, strides = _scalar(layer.config.get("pool_size")), _scalar(layer.config.get("strides"))
        if strides not in (size, None) or layer.config.get("padding") != "valid":
            seen = f"has pool_size={size!r}, strides={strides!r} and padding={layer.config.get('padding')!r}"
            raise stack.refuse(layer, seen, "use strides as large as the pool, and padding 'valid'")
        curved = [one for one in stack.layers if isinstance(one, ConvLayer)][-1].activation in ("sigmoid", "tanh")
        if kind == "sum" and curved:
            raise stack.refuse(layer, "averages what sigmoid or tanh gave", "use relu there, or MaxPooling1D")
        _slow_down(layer, stack, size)
        stack.layers.append(PoolLayer(stack.name("pool"), size, kind))
        stack.factor /= size if kind == "sum" else 1

    return read


def _global_pool(kind: str) -> Callable[[StoredLayer, Stack], None]:
    def read(layer: StoredLayer, stack: Stack) -> None:
        before = stack.layers[-1] if stack.layers else None
        if not isinstance(before, RecurrentLayer) or not stack.sequences or before.cell.states["h"] != 1.0:
            remedy = "put it behind a recurrent layer with return_sequences=True"
            raise stack.refuse(layer, "does not read every step of a recurrent layer", remedy)
        if layer.config.get("keepdims") is True:
            raise stack.refuse(layer, "has keepdims=True", "leave it out")
        if kind == "sum" and (stack.steps is None or stack.masked):
            remedy = "give keras.Input the number of steps and leave Masking out, or use GlobalMaxPooling1D"
            raise stack.refuse(layer, "averages over a number of steps that is not known", remedy)
        stack.layers.append(GlobalPoolLayer(stack.name("pool"), before.units, kind))
        stack.factor = 1.0 if kind == "max" or stack.steps is None else 1.0 / stack.steps
        stack.sequences = False

    return read


def _layer_normalization(layer: StoredLayer, stack: Stack) -> None:
    seen = "divides by a deviation that changes from step to step, which no arithmetic of all runtimes has"
    raise stack.refuse(layer, seen, "use BatchNormalization before the recurrent layer, or none")


def _scalar(value: Any) -> Any:
    """Keras keeps some numbers as lists of one."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


TIME_LAYERS: dict[str, Callable[[StoredLayer, Stack], Any]] = {
    "Conv1D": _conv,
    "BatchNormalization": _batch_normalization,
    "MaxPooling1D": _pool("max"),
    "AveragePooling1D": _pool("sum"),
    "GlobalMaxPooling1D": _global_pool("max"),
    "GlobalAveragePooling1D": _global_pool("sum"),
    "LayerNormalization": _layer_normalization,
}
