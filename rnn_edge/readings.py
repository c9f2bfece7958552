"""Reading the equations of a network: a base that follows formats, and the float reading used for calibration.

A cell's `equations(s, x, *states)` are written once. `s` is a Reading: each of its operations works out the name and
the format of the result and hands both to `emit`, which is all that a subclass adds: computing floats (here),
writing integer operations (`quantize`). Formats are named classes ("gru0.gate", "unit"); their scales are chosen after
calibration, one for each class.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from .cells import FloatArray, Linear
from .float_model import (
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
from .time_layers import conv, global_pool, pool

UNIT = "unit"
"""Format class of everything bounded by one: gates, hidden states."""

INPUT = "input"

WIDE_INPUT = "input16"
"""Format class of the input in 16 bits, as convolutions keep it."""


class Signal:
    """A named value inside a reading; `+`, `-` and `*` are the operations of the equations."""

    def __init__(self, reading: Reading, name: str, form: str, payload: Any) -> None:
        self.reading, self.name, self.form, self.payload = reading, name, form, payload

    def __add__(self, other: Signal) -> Signal:
        return self.reading.combine("add", self, other, self.form)

    def __sub__(self, other: Signal) -> Signal:
        return self.reading.combine("sub", self, other, self.form)

    def __mul__(self, other: Signal) -> Signal:
        return self.reading.mul(self, other)


class Reading(ABC):
    """One pass over the equations of one step."""

    def __init__(self) -> None:
        self._prefix = ""
        self._renamed: Mapping[str, str] = {}
        self._products: Mapping[str, Linear] = {}
        self._gates: Mapping[str, tuple[str, ...]] = {}
        self._constants: Mapping[str, tuple[str, FloatArray]] = {}  # name -> format class, value
        self._units = 0
        self._temporaries = 0

    # what a subclass adds

    @abstractmethod
    def emit(self, kind: str, name: str, form: str, inputs: Sequence[Signal], **constants: Any) -> Signal:
        """The result of operation `kind` called `name`, in format class `form`."""

    @abstractmethod
    def rename(self, signal: Signal, name: str) -> Signal:
        """The same signal under the name the equations give it."""

    # what equations say

    def product(self, name: str, operand: Signal) -> SimpleNamespace:
        """Product `name` of the cell with `operand`: an object with one signal for each gate."""
        gates = self._gates[name]
        stacked = self.linear(self._named(name), operand, self._products[name], f"{self._prefix}.gate")
        if len(gates) == 1:
            return SimpleNamespace(**{gates[0]: stacked})
        size = self._units
        return SimpleNamespace(
            **{
                gate: self.emit("slice", f"{stacked.name}_{gate}", stacked.form, [stacked], begin=i * size, size=size)
                for i, gate in enumerate(gates)
            }
        )

    def constant(self, name: str, state: Signal) -> Signal:
        """Constant `name` of the cell, as long as `state`."""
        form, value = self._constants[name]
        return self.emit("constant", self._named(name), form, [state], value=value)

    def sigmoid(self, name: str, x: Signal) -> Signal:
        return self.emit("sigmoid", self._named(name), UNIT, [x])

    def tanh(self, name: str, x: Signal) -> Signal:
        return self.emit("tanh", self._named(name), UNIT, [x])

    def mul(self, a: Signal, b: Signal, like: Signal | None = None) -> Signal:
        """Product element by element, in the format of `like`; by default of the operand that is not a gate."""
        form = like.form if like is not None else b.form if a.form == UNIT else a.form
        return self.combine("mul", a, b, form)

    def name(self, name: str, signal: Signal) -> Signal:
        """Give the result of an expression its name in the equations."""
        return self.rename(signal, self._named(name))

    # what layers say

    def combine(self, kind: str, a: Signal, b: Signal, form: str) -> Signal:
        self._temporaries += 1
        return self.emit(kind, f"{self._prefix}_t{self._temporaries}", form, [a, b])

    def linear(self, name: str, operand: Signal, linear: Linear, form: str, shared: str = "") -> Signal:
        """A product; those of the same weights have one name `shared` for them."""
        return self.emit("matvec", name, form, [operand], linear=linear, weights=shared or name)

    def curve(self, kind: str, name: str, x: Signal) -> Signal:
        """Sigmoid or tanh."""
        return self.emit(kind, name, UNIT, [x])

    def layer(
        self, layer: Layer, rows: Sequence[Signal], states: Sequence[Signal]
    ) -> tuple[list[Signal], list[Signal]]:
        """The output and the next states of one layer; layers over time take several rows a step, and may give some."""
        self._prefix, self._renamed, self._temporaries = layer.name, {}, 0
        match layer:
            case ConvLayer():
                return conv(self, layer, rows, states)
            case PoolLayer():
                return pool(self, layer, rows), []
        (x,) = rows
        match layer:
            case EmbeddingLayer():
                form = f"{layer.name}.row"
                return [self.emit("gather", f"{layer.name}_row", form, [x], table=layer.table)], []
            case RecurrentLayer():
                y, following = self._recurrent(layer, x, states)
                return [y], following
            case BidirectionalLayer():
                return self._bidirectional(layer, x, states)
            case GlobalPoolLayer():
                y = global_pool(self, layer, x, states[0])
                return [y], [y]
            case DenseLayer():
                return [self._dense(layer, x)], []

    def _bidirectional(
        self, layer: BidirectionalLayer, x: Signal, states: Sequence[Signal]
    ) -> tuple[list[Signal], list[Signal]]:
        """Both directions step at once, each with its half of the input."""
        count = len(layer.ahead.cell.states)
        size = next(iter(layer.ahead.products.values())).weight.shape[1]
        outputs, following = [], []
        for side, own in ((layer.ahead, states[:count]), (layer.back, states[count:])):
            self._prefix, self._renamed, self._temporaries = side.name, {}, 0
            begin = size if side is layer.back else 0
            half = self.emit("slice", f"{side.name}_x", x.form, [x], begin=begin, size=size)
            y, new = self._recurrent(side, half, own)
            outputs.append(y)
            following += new
        return [self.emit("concat", f"{layer.name}_y", UNIT, outputs)], following

    def _recurrent(self, layer: RecurrentLayer, x: Signal, states: Sequence[Signal]) -> tuple[Signal, list[Signal]]:
        self._renamed = {f"{state}_next": f"{state}{layer.index}_next" for state in layer.cell.states}
        self._products, self._units = layer.products, layer.units
        self._gates = {name: product.gates for name, product in layer.cell.products.items()}
        self._constants = {
            name: (UNIT if constant.fraction else f"{layer.name}.gate", layer.constants[name])
            for name, constant in layer.cell.constants.items()
        }
        following = layer.cell.equations(self, x, *states)
        return following[0], list(following)

    def _dense(self, layer: DenseLayer, x: Signal) -> Signal:
        form = f"{layer.name}.gate" if layer.activation in ("sigmoid", "tanh") else f"{layer.name}.sum"
        total = self.linear(f"{layer.name}_sum", x, layer.linear, form)
        match layer.activation:
            case "sigmoid":
                return self.sigmoid("y", total)
            case "tanh":
                return self.tanh("y", total)
            case "relu":
                return self.emit("relu", self._named("y"), form, [total])
            case _:  # linear, and softmax, which is left to whoever reads the logits
                return total

    def _named(self, name: str) -> str:
        return self._renamed.get(name, f"{self._prefix}_{name}")


def state_names(model: FloatModel) -> list[tuple[str, str, int]]:
    """Name, format class and size of every state, in the order in which layers take them."""
    form, names = WIDE_INPUT, []
    for layer in model.layers:
        names += _states_of(layer, form)
        if isinstance(layer, ConvLayer):
            form = UNIT if layer.activation in ("sigmoid", "tanh") else f"{layer.name}.out"
    return names


def _states_of(layer: Layer, form: str) -> list[tuple[str, str, int]]:
    """Of one layer that reads values of the format class `form`."""
    match layer:
        case ConvLayer(kernel=kernel) if kernel > 1:
            return [(f"w{layer.index}", form, (kernel - 1) * layer.width)]
        case RecurrentLayer():
            return [
                (f"{state}{layer.index}", UNIT if bound == 1.0 else f"{layer.name}.{state}", layer.units)
                for state, bound in layer.cell.states.items()
            ]
        case BidirectionalLayer():
            return _states_of(layer.ahead, form) + _states_of(layer.back, form)
        case GlobalPoolLayer():
            return [(f"{layer.kind}0", UNIT if layer.kind == "max" else f"{layer.name}.total", layer.units)]
    return []


def state_starts(model: FloatModel) -> list[float]:
    """The value of every state after a reset: 0, and below all values for the largest one."""
    pooled = any(isinstance(layer, GlobalPoolLayer) and layer.kind == "max" for layer in model.layers)
    return [-1.0 if pooled and name == "max0" else 0.0 for name, _, _ in state_names(model)]


def read_body(reading: Reading, model: FloatModel, x: Signal, states: Sequence[Signal]) -> tuple[Signal, list[Signal]]:
    """One step of the layers that run at every step."""
    remaining, rows = list(states), _rows(reading, model, x)
    following: list[Signal] = []
    for layer in model.body:
        count = len(_states_of(layer, ""))
        rows, new = reading.layer(layer, rows, remaining[:count])
        remaining, following = remaining[count:], following + new
    return rows[0], following


def read_head(reading: Reading, model: FloatModel, x: Signal) -> Signal:
    """The layers that run only where the output is read."""
    for layer in model.head:
        (x,), _ = reading.layer(layer, [x], [])
    return x


def _rows(reading: Reading, model: FloatModel, x: Signal) -> list[Signal]:
    """The rows of the sequence that one step reads, in 16 bits where a convolution keeps them."""
    if model.windowed:
        x = reading.emit("widen", "x_wide", WIDE_INPUT, [x])
    rate = model.rows.rate
    if rate == 1:
        return [x]
    size = model.inputs // rate
    return [reading.emit("slice", f"x{i}", x.form, [x], begin=i * size, size=size) for i in range(rate)]


_FLOAT_OPS: dict[str, Callable[..., FloatArray]] = {
    "matvec": lambda x, linear, weights: x @ linear.weight.T + linear.bias,
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "sigmoid": lambda x: np.exp(-np.logaddexp(0.0, -x)),
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0.0),
    "maximum": np.maximum,
    "shift": lambda x: x,
    "widen": lambda x: x,
    "concat": lambda a, b: np.concatenate([a, b], axis=1),
    "slice": lambda x, begin, size: x[:, begin : begin + size],
    "gather": lambda token, table: table[token[:, 0].astype(np.int64)],
    "constant": lambda state, value: np.tile(value, (len(state), 1)),
}


class FloatReading(Reading):
    """Computes the step in float64 on `[batch, n]` arrays and keeps the largest magnitude of every value."""

    def __init__(self) -> None:
        super().__init__()
        self.peaks: dict[str, tuple[str, float]] = {}  # name -> (format class, largest magnitude)

    def emit(self, kind: str, name: str, form: str, inputs: Sequence[Signal], **constants: Any) -> Signal:
        return self._record(name, form, _FLOAT_OPS[kind](*(signal.payload for signal in inputs), **constants))

    def rename(self, signal: Signal, name: str) -> Signal:
        self.peaks.pop(signal.name, None)
        return self._record(name, signal.form, signal.payload)

    def given(self, name: str, form: str, payload: FloatArray) -> Signal:
        """An input or a state."""
        return Signal(self, name, form, payload)

    def _record(self, name: str, form: str, payload: FloatArray) -> Signal:
        peak = float(np.abs(payload).max(initial=0.0))
        self.peaks[name] = (form, max(peak, self.peaks.get(name, (form, 0.0))[1]))
        return Signal(self, name, form, payload)
