"""Batch normalization as part of the layer before it, for a network that goes on learning without it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..train.keras_start import start_keras


def folded(model: Any) -> Any:
    """A Keras Sequential in which every Conv1D or Dense has taken in the BatchNormalization behind it.

    It answers as `model` does when it is not trained; what is not normalized shares its layers with `model`, which
    is returned itself where there is nothing to fold. The deployed network has no other form (S. Ioffe and C. Szegedy,
    "Batch Normalization", ICML 2015, fix the statistics after training).
    """
    keras = start_keras()
    layers: list[Any] = []
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layers[-1] = _with_normalization(layers[-1], layer)
        else:
            layers.append(layer)
    if len(layers) == len(model.layers):
        return model
    return keras.Sequential([keras.Input(model.input_shape[1:]), *layers])


def _with_normalization(layer: Any, normalization: Any) -> Any:
    """The layer with a bias, and in its weights the gain and the offset of every channel."""
    kernel, *bias = (np.asarray(one, np.float64) for one in layer.weights)
    mean, variance = (np.asarray(one) for one in (normalization.moving_mean, normalization.moving_variance))
    gain = _or(normalization.gamma, 1.0) / np.sqrt(variance + normalization.epsilon)
    offset = _or(normalization.beta, 0.0) + ((bias[0] if bias else 0.0) - mean) * gain
    made = type(layer).from_config(layer.get_config() | {"use_bias": True})
    made.build(layer.input.shape)
    made.set_weights([kernel * gain, offset])
    return made


def _or(variable: Any, value: float) -> NDArray[np.float64] | float:
    return value if variable is None else np.asarray(variable, np.float64)
