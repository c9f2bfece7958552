"""The equations of a cell as a Keras layer, so that every cell can be trained; importing this imports Keras."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
from keras import ops

from .cells import Cell, Linear, Product, all_cells
from .errors import UserError
from .float_model import RecurrentLayer
from .readings import INPUT, UNIT, Reading, Signal

_KERAS_OPS: dict[str, Callable[..., Any]] = {
    "matvec": lambda x, linear, weights: ops.matmul(x, linear.weight) + linear.bias,
    "add": ops.add,
    "sub": ops.subtract,
    "mul": ops.multiply,
    "sigmoid": ops.sigmoid,
    "tanh": ops.tanh,
    "slice": lambda x, begin, size: x[:, begin : begin + size],
    "constant": lambda state, value: value[None],
}


class KerasReading(Reading):
    """Computes the step on tensors `[batch, n]`; a weight is `[columns, rows]`, as Keras keeps it."""

    def emit(self, kind: str, name: str, form: str, inputs: Sequence[Signal], **constants: Any) -> Signal:
        payload = _KERAS_OPS[kind](*(signal.payload for signal in inputs), **constants)
        return Signal(self, name, form, payload)

    def rename(self, signal: Signal, name: str) -> Signal:
        return Signal(self, name, signal.form, signal.payload)


class CellStep(keras.layers.Layer):  # type: ignore[misc]
    """One step of `cell`, with the weights: the inner layer of a CellLayer."""

    def __init__(self, cell: str, units: int, **options: Any) -> None:
        super().__init__(**options)
        if cell not in all_cells():
            raise UserError(f"There is no cell {cell!r}: use one of {', '.join(all_cells())}.")
        self.cell, self.units = cell, units
        self.state_size = [units] * len(all_cells()[cell].states)

    def build(self, shape: Sequence[int]) -> None:
        """Weights start as those of the recurrent layers of Keras: Glorot for the input, orthogonal for the state."""
        cell = all_cells()[self.cell]
        self.variables_by_name = {
            name: self.add_weight(shape=wanted, initializer=_start(cell, name), name=name)
            for name, wanted in cell.variables(shape[-1], self.units).items()
        }

    def call(self, x: Any, states: Sequence[Any]) -> tuple[Any, list[Any]]:
        reading = KerasReading()
        cell, held = all_cells()[self.cell], self.variables_by_name
        products = {
            name: Linear(ops.convert_to_tensor(held[f"{name}_kernel"]), held.get(f"{name}_bias", 0.0))
            for name in cell.products
        }
        constants = {
            name: ops.broadcast_to(ops.sigmoid(held[name]) if constant.fraction else held[name], (self.units,))
            for name, constant in cell.constants.items()
        }
        layer = RecurrentLayer(self.cell, 0, cell, self.units, products, constants)
        given = [
            Signal(reading, name, UNIT if bound == 1.0 else name, state)
            for (name, bound), state in zip(cell.states.items(), states, strict=True)
        ]
        (output,), following = reading.layer(layer, [Signal(reading, "x", INPUT, x)], given)
        return output.payload, [signal.payload for signal in following]


@keras.saving.register_keras_serializable(package="rnn_edge")
class CellLayer(keras.layers.RNN):  # type: ignore[misc]
    """The recurrent layer of `units` units whose step is `cell`, a name of `all_cells`.

    Takes `[batch, steps, channels]` and masks like keras.layers.GRU; `options` are those of keras.layers.RNN.
    """

    def __init__(self, cell: str, units: int, **options: Any) -> None:
        super().__init__(CellStep(cell, units), **options)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "cell": self.cell.cell, "units": self.cell.units}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> CellLayer:
        return cls(**config)


def load(path: Path) -> Any:
    """The model in a `.keras` file, which may have layers of this module; not compiled, no code of the file is run."""
    return keras.models.load_model(path, safe_mode=True, compile=False)


def _start(cell: Cell, name: str) -> Any:
    """The initializer of a variable."""
    if name in cell.constants:
        return keras.initializers.Constant(cell.constants[name].start)
    product = cell.products[name.rsplit("_", 1)[0]]
    if name.endswith("_bias"):
        return _biases(product, cell.bias_starts)
    return "glorot_uniform" if product.operand == "x" else _orthogonal(product)


def _biases(product: Product, starts: Mapping[str, float]) -> Callable[..., Any]:
    def initializer(shape: Sequence[int], dtype: Any = None) -> Any:
        each = [starts.get(gate, 0.0) for gate in product.gates]
        return ops.repeat(ops.array(each, dtype), shape[0] // len(each))

    return initializer


def _orthogonal(product: Product) -> Callable[..., Any]:
    """An orthogonal matrix for every gate."""

    def initializer(shape: Sequence[int], dtype: Any = None) -> Any:
        square = (shape[0], shape[0])
        return ops.concatenate([keras.initializers.Orthogonal()(square, dtype) for _ in product.gates], axis=1)

    return initializer
