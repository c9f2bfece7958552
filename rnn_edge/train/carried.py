"""The same network as one that begins with given states and tells its last ones: for sequences in pieces."""

from __future__ import annotations

from typing import Any

from .keras_start import start_keras


def carried(model: Any) -> Any:
    """A Keras model that shares the layers and weights of `model`, `[x, states] -> [y of every step, next states]`.

    A masked step leaves the state as it is, so a sequence that has ended waits for the others.
    """
    keras = start_keras()
    value = x = keras.Input(model.input_shape[1:], dtype=model.inputs[0].dtype)
    first: list[Any] = []
    following: list[Any] = []
    for layer in model.layers:
        if isinstance(layer, keras.layers.RNN):
            begin = [keras.Input((size,)) for size in _sizes(layer)]
            recurrent = keras.layers.RNN(layer.cell, return_sequences=True, return_state=True)
            value, *end = recurrent(value, initial_state=begin)
            first, following = first + begin, following + end
        else:
            value = layer(value)
    return keras.Model([x, *first], [value, *following])


def zero_states(model: Any, count: int) -> list[Any]:
    """Where `count` sequences begin."""
    keras = start_keras()
    return [keras.ops.zeros((count, size)) for sizes in state_sizes(model) for size in sizes]


def state_sizes(model: Any) -> list[list[int]]:
    """The sizes of the states of every recurrent layer."""
    keras = start_keras()
    return [_sizes(layer) for layer in model.layers if isinstance(layer, keras.layers.RNN)]


def _sizes(layer: Any) -> list[int]:
    sizes = layer.cell.state_size
    return [sizes] if isinstance(sizes, int) else list(sizes)
