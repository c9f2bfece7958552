"""From a `.keras` file to plain arrays, without Keras; the only place that knows the options of its layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .cells import Cell, FloatArray, Linear, all_cells
from .errors import ModelError
from .float_model import ACTIVATIONS, DenseLayer, EmbeddingLayer, FloatModel, Layer, RecurrentLayer
from .keras_archive import StoredLayer, read

_EPSILON = 1e-7  # smallest deviation that Keras divides by

# Options of every recurrent layer that a step on a device cannot have, with the one value that is accepted. A device
# always keeps its state, so that `stateful` makes no difference.
_RECURRENT_OPTIONS = {"go_backwards": False, "return_state": False}

_CELL_LAYER = "CellLayer"  # of keras_cell, which cannot be imported here


@dataclass
class _Stack:
    """What has been read so far; `width` is the number of values that the next layer gets at a step."""

    path: Path
    inputs: int = 0
    width: int | None = None
    mean: FloatArray | None = None
    deviation: FloatArray | None = None
    layers: list[Layer] = field(default_factory=list)
    names: dict[str, int] = field(default_factory=dict)
    sequences: bool = True  # a value at every step; False after a layer that returns the last one only

    def name(self, kind: str) -> str:
        self.names[kind] = self.names.get(kind, -1) + 1
        return f"{kind}{self.names[kind]}"

    def refuse(self, layer: StoredLayer, seen: str, remedy: str) -> ModelError:
        return ModelError(f"{self.path}: layer {layer.name!r} ({layer.class_name}) {seen}: {remedy}.")


def import_keras(path: Path, name: str) -> FloatModel:
    """The network in the `.keras` file as float64 arrays; ModelError names the layer that is damaged or unsupported."""
    stack = _Stack(path)
    for layer in read(path):
        _reader(layer, stack)(layer, stack)
    recurrent = [layer for layer in stack.layers if isinstance(layer, RecurrentLayer)]
    if not recurrent:
        raise ModelError(f"{path} has no recurrent layer, one of {_recurrent_classes()} is needed: add it.")
    _check_softmax(stack)
    mean = np.zeros(stack.inputs) if stack.mean is None else stack.mean
    deviation = np.ones(stack.inputs) if stack.deviation is None else stack.deviation
    return FloatModel(name, stack.inputs, mean, deviation, tuple(stack.layers), every_step=stack.sequences)


def _reader(layer: StoredLayer, stack: _Stack) -> Callable[[StoredLayer, _Stack], None]:
    reader = _READERS.get(layer.class_name)
    if reader is None and layer.class_name in _recurrent_classes():
        reader = _recurrent
    home = "rnn_edge" if layer.class_name == _CELL_LAYER else "keras"
    if reader is None or layer.module.split(".")[0] != home:
        supported = ", ".join((*_READERS, *_recurrent_classes()))
        raise stack.refuse(layer, f"is not supported, read are {supported}", "replace it and train again")
    if stack.width is None and layer.class_name != "InputLayer":
        raise stack.refuse(layer, "comes without an input layer before it", "start the model with keras.Input")
    return reader


def _recurrent_classes() -> tuple[str, ...]:
    builtin = dict.fromkeys(cell.keras.class_name for cell in all_cells().values() if cell.keras is not None)
    return (*builtin, _CELL_LAYER)


def _input(layer: StoredLayer, stack: _Stack) -> None:
    shape = layer.config.get("batch_shape")
    if stack.width is not None or not isinstance(shape, list) or len(shape) not in (2, 3):
        raise stack.refuse(layer, f"has shape {shape}, accepted is one input [batch, steps, channels]", "reshape it")
    stack.inputs = stack.width = 1
    if len(shape) == 3:
        if type(shape[2]) is not int or not 1 <= shape[2] <= 65536:
            raise stack.refuse(
                layer, f"has {shape[2]} channels, 1 to 65536 are accepted", "give keras.Input the number"
            )
        stack.inputs = stack.width = shape[2]
    else:
        stack.width = 0  # tokens: only an embedding can read them


def _masking(layer: StoredLayer, stack: _Stack) -> None:
    value = layer.config.get("mask_value")
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise stack.refuse(layer, f"has mask_value {value!r}, a finite number is accepted", "set another one")
    if stack.layers:
        raise stack.refuse(layer, "follows a layer with weights", "put it right after the input")


def _dropout(layer: StoredLayer, stack: _Stack) -> None:
    """Nothing to do: dropout acts in training only."""


def _normalization(layer: StoredLayer, stack: _Stack) -> None:
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


def _numbers(value: Any, layer: StoredLayer, stack: _Stack) -> FloatArray:
    """Mean or variance where they were given as arguments: Keras keeps them in the configuration then."""
    try:
        array = np.asarray(value, np.float64)
    except (ValueError, TypeError, OverflowError):
        array = np.array(np.nan)
    if not np.isfinite(array).all():
        raise stack.refuse(layer, "has no finite mean and variance", "call its adapt with the training data")
    return array


def _embedding(layer: StoredLayer, stack: _Stack) -> None:
    if stack.layers or stack.width != 0:
        raise stack.refuse(layer, "does not read the tokens of an input [batch, steps]", "make it the first layer")
    arrays = layer.arrays.get("vars", ())
    shape = (layer.config.get("input_dim"), layer.config.get("output_dim"))
    if len(arrays) != 1 or arrays[0].shape != shape or 0 in shape:
        raise stack.refuse(layer, f"has no table of the shape {shape} it names", "save the model again")
    stack.layers.append(EmbeddingLayer(stack.name("embedding"), arrays[0]))
    stack.width = arrays[0].shape[1]


def _recurrent(layer: StoredLayer, stack: _Stack) -> None:
    if not stack.sequences:
        raise stack.refuse(layer, "follows one that returns its last step only", "set return_sequences=True there")
    for option, accepted in _RECURRENT_OPTIONS.items():
        if layer.config.get(option, accepted) is not accepted:
            raise stack.refuse(
                layer, f"has {option}={layer.config[option]!r}", f"only {option}={accepted} is supported"
            )
    units = _units(layer, stack)
    index = sum(isinstance(before, RecurrentLayer) for before in stack.layers)
    if layer.class_name == _CELL_LAYER:
        cell = _named_cell(layer, stack)
        arrays = _variables(cell, units, layer, stack)
        kind, products = cell.name, _stored_products(cell, arrays)
        constants = {
            name: np.broadcast_to(constant.value(arrays[name]), units).copy()
            for name, constant in cell.constants.items()
        }
    else:
        cell = _cell(layer, stack)
        kind = "rnn" if layer.class_name == "SimpleRNN" else layer.class_name.lower()
        products, constants = _products(cell, units, layer, stack), {}
    stack.layers.append(RecurrentLayer(stack.name(kind), index, cell, units, products, constants))
    stack.width, stack.sequences = units, layer.config.get("return_sequences") is True


def _named_cell(layer: StoredLayer, stack: _Stack) -> Cell:
    name = layer.config.get("cell")
    cell = all_cells().get(name) if isinstance(name, str) else None
    if cell is None:
        known = ", ".join(all_cells())
        raise stack.refuse(layer, f"has cell {name!r}, known are {known}", "add its file to rnn_edge/cells")
    return cell


def _variables(cell: Cell, units: int, layer: StoredLayer, stack: _Stack) -> dict[str, FloatArray]:
    """What a CellLayer has trained, by the names of `Cell.variables`."""
    assert stack.width is not None
    arrays = layer.arrays.get("cell/vars", ())
    shapes = cell.variables(stack.width, units)
    if [array.shape for array in arrays] != list(shapes.values()):
        raise _misfit(arrays, units, layer, stack)
    return dict(zip(shapes, arrays, strict=True))


def _stored_products(cell: Cell, arrays: Mapping[str, FloatArray]) -> dict[str, Linear]:
    weights = {name: arrays[f"{name}_kernel"].T for name in cell.products}
    return {name: Linear(weight, arrays.get(f"{name}_bias", np.zeros(len(weight)))) for name, weight in weights.items()}


def _cell(layer: StoredLayer, stack: _Stack) -> Cell:
    """The cell whose settings are those of the layer."""
    differing = ""
    for cell in all_cells().values():
        if cell.keras is None or cell.keras.class_name != layer.class_name:
            continue
        wrong = [key for key, accepted in cell.keras.settings.items() if layer.config.get(key) != accepted]
        if not wrong:
            return cell
        differing = differing or f"has {wrong[0]}={layer.config.get(wrong[0])!r}"
        accepted = ", ".join(f"{key}={value!r}" for key, value in cell.keras.settings.items())
    raise stack.refuse(layer, differing, f"train it again with {accepted}")


def _products(cell: Cell, units: int, layer: StoredLayer, stack: _Stack) -> dict[str, Linear]:
    arrays = list(layer.arrays.get("cell/vars", ()))
    if layer.config.get("use_bias") is False and len(arrays) > 1:
        rows = arrays[1].shape[-1]
        # Only the GRU with reset_after has two biases, one for each product.
        arrays.append(np.zeros((2, rows) if layer.config.get("reset_after") else rows))
    assert cell.keras is not None and stack.width is not None
    try:
        products = cell.keras.weights(arrays)
    except (ValueError, IndexError, TypeError):
        products = {}
    stored = sum(array.size for array in arrays)
    used = sum(linear.weight.size + linear.bias.size for linear in products.values())
    if stored > used or not all(_fits(products.get(name), cell, name, units, stack.width) for name in cell.products):
        raise _misfit(arrays, units, layer, stack)
    return products


def _misfit(arrays: Sequence[FloatArray], units: int, layer: StoredLayer, stack: _Stack) -> ModelError:
    found = [list(array.shape) for array in arrays]
    seen = f"has variables {found}, which do not fit {units} units on {stack.width} values"
    return stack.refuse(layer, seen, "save it again")


def _fits(linear: Linear | None, cell: Cell, name: str, units: int, width: int) -> bool:
    product = cell.products[name]
    rows, columns = len(product.gates) * units, product.columns(width, units)
    return linear is not None and linear.weight.shape == (rows, columns) and linear.bias.shape == (rows,)


def _units(layer: StoredLayer, stack: _Stack) -> int:
    units = layer.config.get("units")
    if type(units) is not int or not 1 <= units <= 65536:
        raise stack.refuse(layer, f"has {units!r} units, 1 to 65536 are accepted", "save the model again")
    return units


def _dense(layer: StoredLayer, stack: _Stack) -> None:
    _add_dense(layer, layer.config, "vars", stack)


def _time_distributed(layer: StoredLayer, stack: _Stack) -> None:
    inner = layer.config.get("layer")
    config = inner.get("config") if isinstance(inner, dict) else None
    if not isinstance(inner, dict) or not isinstance(config, dict) or inner.get("class_name") != "Dense":
        raise stack.refuse(layer, "wraps something else than a Dense layer", "only TimeDistributed(Dense) is read")
    if str(inner.get("module")).split(".")[0] != "keras" or not stack.sequences:
        raise stack.refuse(layer, "wraps a Dense of your own or follows a last step", "use a plain Dense")
    _add_dense(layer, config, "layer/vars", stack)


def _add_dense(layer: StoredLayer, config: Any, place: str, stack: _Stack) -> None:
    if not stack.width:
        raise stack.refuse(layer, "reads tokens", "put an Embedding before it")
    activation, units = _activation(layer, config, stack), config.get("units")
    arrays = list(layer.arrays.get(place, ()))
    if config.get("use_bias") is False and arrays:
        arrays.append(np.zeros(arrays[0].shape[-1:]))
    shapes = [array.shape for array in arrays]
    if shapes != [(stack.width, units), (units,)] or units == 0:
        raise _misfit(arrays, units, layer, stack)
    stack.layers.append(DenseLayer(stack.name("dense"), Linear(arrays[0].T, arrays[1]), activation))
    stack.width = units


def _activation(layer: StoredLayer, config: Any, stack: _Stack) -> str:
    activation = config.get("activation")
    if activation not in ACTIVATIONS:
        seen = activation if isinstance(activation, str) else "one of your own"
        raise stack.refuse(
            layer, f"has activation {seen}, read are {', '.join(ACTIVATIONS)}", "train it with one of them"
        )
    return str(activation)


def _activation_layer(layer: StoredLayer, stack: _Stack) -> None:
    activation = _activation(layer, layer.config, stack)
    before = stack.layers[-1] if stack.layers else None
    if activation == "linear":
        return
    if not isinstance(before, DenseLayer) or before.activation != "linear":
        raise stack.refuse(layer, "does not follow a Dense layer with linear activation", "put it into a Dense layer")
    stack.layers[-1] = DenseLayer(before.name, before.linear, activation)


def _check_softmax(stack: _Stack) -> None:
    for layer in stack.layers[:-1]:
        if isinstance(layer, DenseLayer) and layer.activation == "softmax":
            raise ModelError(
                f"{stack.path}: {layer.name} has softmax before the last layer, where it is not supported: use relu, "
                "tanh or sigmoid."
            )


_READERS: dict[str, Callable[[StoredLayer, _Stack], None]] = {
    "InputLayer": _input,
    "Masking": _masking,
    "Normalization": _normalization,
    "Embedding": _embedding,
    "Dense": _dense,
    "TimeDistributed": _time_distributed,
    "Dropout": _dropout,
    "Activation": _activation_layer,
}
