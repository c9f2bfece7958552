"""One pass over a batch: every value as the interpreter computes it, with gradients as if nothing were rounded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from ..float_model import DenseLayer, EmbeddingLayer, FloatModel, Layer, RecurrentLayer
from ..ir.arithmetic import IntArray
from ..ir.interpret import Interpreter
from ..ir.program import Program, Value
from ..readings import INPUT, Reading, Signal, read_body, read_head, state_names

Reals = NDArray[np.float32]


@dataclass(frozen=True)
class Exact:
    """What the interpreter computed for sequences `[batch, steps, inputs]`, as the real numbers it stands for.

    `body`: value -> `[steps, batch, n]`; `head`: value -> `[batch, n]`, after the last step of each sequence; `limits`:
    value -> the ends of its format `[2]`.
    """

    body: Mapping[str, Any]
    head: Mapping[str, Any]
    limits: Mapping[str, Any]


def interpret(program: Program, q: IntArray, lengths: NDArray[np.int64]) -> Exact:
    """Every value of every step; those past the end of a sequence go on from its last state and mean nothing."""
    interpreter = Interpreter(program)
    states = interpreter.start_states(len(q))
    traces = []
    for t in range(q.shape[1]):
        values = interpreter.trace(q[:, t], states)
        goes_on = (lengths > t)[:, None]
        pairs = zip(states, program.states, strict=True)
        states = [np.where(goes_on, values[state.next], old) for old, state in pairs]
        traces.append(values)
    body = {op.output for op in program.ops[: program.body_ops]} | {program.input}
    last = lengths - 1, np.arange(len(q))
    real = {name: _real(program.values[name], np.stack([trace[name] for trace in traces])) for name in traces[0]}
    return Exact(
        {name: array for name, array in real.items() if name in body},
        {op.output: real[op.output][last] for op in program.ops[program.body_ops :]},
        {name: _limits(value) for name, value in program.values.items()},
    )


def _limits(value: Value) -> Reals:
    ends = np.iinfo(np.dtype(value.dtype))
    return _real(value, np.array([ends.min, ends.max], dtype=np.int64))


def _real(value: Value, q: IntArray) -> Reals:
    return ((q - value.zero_point) * value.scale).astype(np.float32)


_FLOAT_OPS: dict[str, Callable[..., Any]] = {
    "matvec": lambda x, linear, weights: tf.matmul(x, linear.weight, transpose_b=True) + linear.bias,
    "add": tf.add,
    "sub": tf.subtract,
    "mul": tf.multiply,
    "sigmoid": tf.sigmoid,
    "tanh": tf.tanh,
    "relu": tf.nn.relu,
    "slice": lambda x, begin, size: x[:, begin : begin + size],
    "gather": lambda token, table: tf.gather(table, tf.cast(token[:, 0], tf.int32)),
    "constant": lambda state, value: tf.cast(value, tf.float32)[None],
}


class StraightReading(Reading):
    """Computes the step in float and takes the interpreter's result in its place, wherever it has one.

    Inside of a value's format the gradient is that of the float operation, outside it is zero.
    """

    def __init__(self, exact: Mapping[str, Any], limits: Mapping[str, Any]) -> None:
        super().__init__()
        self._exact, self._limits = exact, limits
        self.replaced: set[str] = set()

    def emit(self, kind: str, name: str, form: str, inputs: Sequence[Signal], **constants: Any) -> Signal:
        payloads = [signal.payload for signal in inputs]
        if kind == "matvec":
            payloads = [self._straight(f"{inputs[0].name}_s8", payloads[0])]
        return Signal(self, name, form, self._straight(name, _FLOAT_OPS[kind](*payloads, **constants)))

    def rename(self, signal: Signal, name: str) -> Signal:
        return Signal(self, name, signal.form, self._straight(name, signal.payload))

    def given(self, name: str, form: str, payload: Any) -> Signal:
        """An input or a state."""
        return Signal(self, name, form, payload)

    def _straight(self, name: str, computed: Any) -> Any:
        if name not in self._exact:
            return computed
        self.replaced.add(name)
        inside = tf.clip_by_value(computed, self._limits[name][0], self._limits[name][1])
        return inside + tf.stop_gradient(self._exact[name] - inside)


def outputs(model: FloatModel, exact: Exact, lengths: Any) -> Any:
    """The output `[batch, n]` after the last step of each sequence, or `[batch, steps, n]` where each has one.

    `model` holds tensors in the place of its arrays; `exact` tensors too, or arrays.
    """
    batch = tf.shape(lengths)[0]
    steps = next(iter(exact.body.values())).shape[0]
    goes_on = tf.range(steps)[:, None] < tf.cast(lengths, tf.int32)[None]
    start = [tf.zeros([batch, size]) for _, _, size in state_names(model)]
    read: list[Signal] = []

    def step(carried: list[Any], now: tuple[Any, Any]) -> list[Any]:
        values, going = now
        reading = StraightReading(values, exact.limits)
        given = [
            reading.given(name, form, state)
            for (name, form, _), state in zip(state_names(model), carried[1:], strict=True)
        ]
        y, following = read_body(reading, model, reading.given("x", INPUT, values["x"]), given)
        read.append(y)
        new = [y.payload, *(signal.payload for signal in following)]
        return [tf.where(going[:, None], one, old) for one, old in zip(new, carried, strict=True)]

    y, *_ = tf.scan(step, (dict(exact.body), goes_on), [tf.zeros([batch, _width(model.body[-1])]), *start])
    if model.every_step:
        return tf.transpose(y, [1, 0, 2])
    reading = StraightReading(exact.head, exact.limits)
    return read_head(reading, model, reading.given(read[0].name, read[0].form, y[-1])).payload


def _width(layer: Layer) -> int:
    """Number of values that a layer puts out."""
    match layer:
        case RecurrentLayer():
            return layer.units
        case DenseLayer():
            return int(layer.linear.bias.shape[0])
        case EmbeddingLayer():
            return int(layer.table.shape[1])
        case _:
            raise AssertionError(f"{layer.name} is not trained so")  # weights_of has refused it
