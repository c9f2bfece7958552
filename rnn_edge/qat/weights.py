"""The weights of a Keras model as those of its FloatModel, and back to the variables that they came from."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..cells import Linear
from ..errors import UserError
from ..float_model import ConvLayer, DenseLayer, EmbeddingLayer, FloatModel, RecurrentLayer
from ..ir.arithmetic import IntArray
from ..keras_import import import_keras
from ..rows import Rows

_MOST = 1 << 24  # integers that a float32 can hold


@dataclass(frozen=True)
class Weights:
    """`places` says for every array of the network which element of the flat variables each element is, 0 for a zero.

    The flat variables begin with a zero. `model` is the network as it was when this was made; the constants of its
    cells stay as they are.
    """

    model: FloatModel
    variables: Sequence[Any]
    places: Mapping[str, IntArray]

    def flat(self) -> NDArray[np.float64]:
        """The variables now, one after the other behind a zero."""
        return np.concatenate([[0.0], *(np.asarray(one, np.float64).ravel() for one in self.variables)])

    def network(self) -> FloatModel:
        """The network with the variables as they are now."""
        flat = self.flat()
        return with_arrays(self.model, lambda name, array: flat[self.places[name]])

    def by_variable(self, gradients: Mapping[str, NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        """Gradients by arrays of the network as those by the variables. An element that is read twice sums both."""
        sizes = [int(np.prod(one.shape)) for one in self.variables]
        flat = np.zeros(1 + sum(sizes))
        for name, places in self.places.items():
            flat += np.bincount(places.ravel(), gradients[name].ravel(), len(flat))
        parts = np.split(flat[1:].astype(np.float32), np.cumsum(sizes)[:-1])
        return [part.reshape(one.shape) for part, one in zip(parts, self.variables, strict=True)]


def weights_of(keras_model: Any) -> Weights:
    """The weights of a Keras model that `import_keras` takes. Its variables have less than 2^24 elements.

    Batch normalization is folded before. UserError where an element of the network is not one of a variable, or a step
    reads several rows.
    """
    variables = list(keras_model.trainable_variables)
    values = [np.array(one) for one in variables]
    sizes = [array.size for array in values]
    assert sum(sizes) < _MOST
    numbers = np.split(np.arange(1, 1 + sum(sizes)), np.cumsum(sizes)[:-1])
    model = _imported(keras_model)
    places: dict[str, IntArray] = {}

    if model.rows != Rows():
        raise UserError("A step of this network reads several rows; quantized training reads one: leave out --qat.")

    def keep(name: str, array: Any) -> Any:
        places[name] = np.rint(array).astype(np.int64)
        if not np.array_equal(places[name], array):
            raise UserError(f"{name} is a variable times the factor of an average: drop --qat.")
        return array

    try:
        for one, number, array in zip(variables, numbers, values, strict=True):
            one.assign(number.reshape(array.shape))
        with_arrays(_imported(keras_model), keep)
    finally:
        for one, array in zip(variables, values, strict=True):
            one.assign(array)
    return Weights(model, variables, places)


def with_arrays(model: FloatModel, change: Callable[[str, Any], Any]) -> FloatModel:
    """`model` with other arrays: `change(name, array)`, the names being those of the program's constants."""
    return replace(model, layers=tuple(_changed(layer, change) for layer in model.layers))


def _changed(layer: Any, change: Callable[[str, Any], Any]) -> Any:
    match layer:
        case EmbeddingLayer():
            return replace(layer, table=change(f"{layer.name}_row_table", layer.table))
        case RecurrentLayer():
            products = {name: _linear(f"{layer.name}_{name}", one, change) for name, one in layer.products.items()}
            return replace(layer, products=products)
        case DenseLayer() | ConvLayer():
            return replace(layer, linear=_linear(f"{layer.name}_sum", layer.linear, change))
        case _:
            return layer


def _linear(name: str, linear: Linear, change: Callable[[str, Any], Any]) -> Linear:
    return Linear(change(f"{name}_weight", linear.weight), change(f"{name}_bias", linear.bias))


def _imported(keras_model: Any) -> FloatModel:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        keras_model.save(path)
        return import_keras(path, "qat")
