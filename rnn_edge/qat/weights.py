"""The weights of a Keras model as those of its FloatModel, and back to the variables that they came from."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..cells import Linear
from ..errors import UserError
from ..float_model import (
    BidirectionalLayer,
    ConvLayer,
    DenseLayer,
    EmbeddingLayer,
    FloatModel,
    GlobalPoolLayer,
    Layer,
    PoolLayer,
    RecurrentLayer,
)
from ..ir.arithmetic import IntArray
from ..keras_import import import_keras

_MOST = 1 << 24  # integers that a float32 can hold


class Origin(NamedTuple):
    """Each element of an array is element `place` of the flat variables times `factor`, that of an average or 1."""

    place: IntArray
    factor: NDArray[np.float64]


@dataclass(frozen=True)
class Weights:
    """Where every array of the network comes from. The flat variables begin with a zero, where a zero comes from.

    `model` is the network as it was when this was made; the constants of its cells stay as they are.
    """

    model: FloatModel
    variables: Sequence[Any]
    origins: Mapping[str, Origin]

    def assign(self, arrays: Mapping[str, NDArray[np.float64]]) -> None:
        """Give the variables the values that make these arrays; what none of them reads stays."""
        flat = np.concatenate([[0.0], *(np.asarray(one, np.float64).ravel() for one in self.variables)])
        for name, array in arrays.items():
            place, factor = self.origins[name]
            read = place > 0
            flat[place[read]] = array[read] / factor[read]
        _assign(self.variables, flat[1:])


def weights_of(keras_model: Any) -> Weights:
    """The weights of a Keras model that `import_keras` takes. Its variables have less than 2^24 elements.

    It is imported with other variables, and what becomes of these shows where they go: with ones, which shows factors,
    with their numbers, and with any, for which what was found has to hold. Batch normalization is folded before.
    UserError where an element of the network is not one of a variable times a factor.
    """
    variables = list(keras_model.trainable_variables)
    values = [np.array(one) for one in variables]
    count = sum(array.size for array in values)
    assert count < _MOST
    model = _imported(keras_model)
    numbers, drawn = np.arange(1.0, count + 1), np.random.default_rng(0).normal(size=count).astype(np.float32)
    try:
        ones, numbered, found = (_arrays_with(keras_model, flat) for flat in (np.ones(count), numbers, drawn))
    finally:
        for one, array in zip(variables, values, strict=True):
            one.assign(array)
    origins = {name: _origin(ones[name], numbered[name]) for name in ones}
    for name, origin in origins.items():
        if not np.allclose(_drawn(np.append(0.0, drawn), origin), found[name], rtol=1e-6, atol=0.0):
            raise UserError(
                f"{name} is no variable times a factor, all that quantized training can change: drop --qat."
            )
    return Weights(model, variables, origins)


def _origin(ones: NDArray[Any], numbered: NDArray[Any]) -> Origin:
    factor = np.asarray(ones, np.float64)
    place = np.divide(numbered, factor, out=np.zeros_like(factor), where=factor != 0)
    return Origin(np.clip(np.rint(place), 0, _MOST).astype(np.int64), factor)


def _drawn(flat: NDArray[Any], origin: Origin) -> NDArray[np.float64]:
    return np.asarray(np.take(flat, origin.place, mode="clip") * origin.factor)


def _assign(variables: Sequence[Any], flat: NDArray[Any]) -> None:
    """`flat` holds the values of all, one after the other."""
    ends = np.cumsum([int(np.prod(one.shape)) for one in variables])
    for one, values in zip(variables, np.split(flat, ends[:-1]), strict=True):
        one.assign(values.reshape(one.shape))


def _arrays_with(keras_model: Any, flat: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """The arrays of the network of a Keras model whose variables are `flat`, one after the other."""
    _assign(keras_model.trainable_variables, flat)
    arrays: dict[str, NDArray[Any]] = {}
    with_arrays(_imported(keras_model), lambda name, array: arrays.setdefault(name, np.asarray(array)))
    return arrays


def with_arrays(model: FloatModel, change: Callable[[str, Any], Any]) -> FloatModel:
    """`model` with other arrays: `change(name, array)`, the names being those of the program's constants."""
    return replace(model, layers=tuple(_changed(layer, change) for layer in model.layers))


def _changed(layer: Layer, change: Callable[[str, Any], Any]) -> Layer:
    match layer:
        case EmbeddingLayer():
            return replace(layer, table=change(f"{layer.name}_row_table", layer.table))
        case RecurrentLayer():
            return _recurrent(layer, change)
        case BidirectionalLayer():
            return replace(layer, ahead=_recurrent(layer.ahead, change), back=_recurrent(layer.back, change))
        case DenseLayer() | ConvLayer():
            return replace(layer, linear=_linear(f"{layer.name}_sum", layer.linear, change))
        case PoolLayer() | GlobalPoolLayer():
            return layer


def _recurrent(layer: RecurrentLayer, change: Callable[[str, Any], Any]) -> RecurrentLayer:
    products = {name: _linear(f"{layer.name}_{name}", one, change) for name, one in layer.products.items()}
    return replace(layer, products=products)


def _linear(name: str, linear: Linear, change: Callable[[str, Any], Any]) -> Linear:
    return Linear(change(f"{name}_weight", linear.weight), change(f"{name}_bias", linear.bias))


def _imported(keras_model: Any) -> FloatModel:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        keras_model.save(path)
        return import_keras(path, "qat")
