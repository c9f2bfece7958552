"""The gradient of a program at the integers it computed, as if no operation had rounded.

Straight through every rounding: Bengio et al., "Estimating or Propagating Gradients Through Stochastic Neurons", 2013.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..ir.program import Op, Program, Value
from .record import Record, parts_of

Reals = NDArray[np.float32]


def gradient(program: Program, record: Record, lengths: NDArray[np.int64], slope: Reals) -> dict[str, Reals]:
    """Constant of the program -> for each sequence the gradient by the real numbers it stands for, `[batch, ...]`.

    For weights and biases of products, and rows of embeddings. What is derived is the sum of the outputs as real
    numbers times `slope`: `[batch, n]` after the last step of each sequence or, where there is one at every step,
    `[batch, steps, n]`, zeros past the ends. Where a value stands at an end of its format, or an operand passes it, the
    gradient is zero.
    """
    parts = parts_of(program)
    found: dict[str, Reals] = {}
    body = _Pass(program, record.body, (*parts.ahead, *parts.stepwise))
    products = (op.output for op in parts.stepwise if op.kind == "matvec")
    kept = body.zeros({program.input, *(op.output for op in parts.ahead), *products})
    local = body.zeros(record.body.keys() - kept.keys(), steps=False)
    ends: list[Any] = [np.float32(0)] * len(program.states)
    if not program.every_step:
        head = _Pass(program, record.head, parts.head)
        by_value = head.zeros(record.head.keys())
        by_value[program.output] += slope
        head.back(parts.head, by_value, ...)
        found |= head.by_constant(parts.head, by_value)
        ends = [by_value[state.next] for state in program.states]
    for t in reversed(range(len(record.body[program.input]))):
        for array in local.values():
            array.fill(0)
        by_value = local | {name: array[t] for name, array in kept.items()}
        if program.every_step:
            by_value[program.output] += slope[:, t]
        goes_on = (lengths > t)[:, None]
        for state, end in zip(program.states, ends, strict=True):
            by_value[state.next] += end * goes_on
        body.back(parts.stepwise, by_value, t)
        # Behind its last step the state of a sequence stays, and so does the gradient by it.
        ends = [by_value[s.name] + end * ~goes_on for s, end in zip(program.states, ends, strict=True)]
    body.back(parts.ahead, kept, ...)
    return found | body.by_constant((*parts.ahead, *parts.stepwise), kept)


def real_weight(program: Program, op: Op) -> Reals:
    """The weights `[rows, columns]` of a matvec as the real numbers that they stand for."""
    weight, _, scale = (program.constants[name] for name in op.constants)
    real: Reals = (weight * scale[:, None]).astype(np.float32)
    return real


class _Pass:
    """The way back over operations whose values are `[..., n]`."""

    def __init__(self, program: Program, values: Mapping[str, NDArray[Any]], ops: Sequence[Op]) -> None:
        self._program, self._values = program, values
        self._factors = {op.output: factor for op in ops if (factor := self._factor(op)) is not None}
        self._weights = {op.output: real_weight(program, op) for op in ops if op.kind == "matvec"}
        self._reals = {name: self._real(name) for op in ops if op.kind in ("mul", "matvec") for name in op.inputs}

    def zeros(self, names: Iterable[str], steps: bool = True) -> dict[str, Reals]:
        """A gradient of zeros by each value, of all steps or of one."""
        shapes = {name: self._values[name].shape for name in names}
        return {name: np.zeros(shape if steps else shape[1:], np.float32) for name, shape in shapes.items()}

    def back(self, ops: Sequence[Op], by_value: Mapping[str, Reals], at: Any) -> None:
        """Add what comes from the outputs of `ops` to `by_value` of their inputs: at step `at`, or at all (`...`)."""
        for op in reversed(ops):
            by_output = by_value[op.output]
            if op.output in self._factors:
                by_output *= self._factors[op.output][at]
            by_inputs = [by_value[name] for name in op.inputs]
            match op.kind:
                case "matvec" if op.inputs[0] != self._program.input:
                    by_inputs[0] += by_output @ self._weights[op.output]
                case "mul":
                    a, b = (self._reals[name][at] for name in op.inputs)
                    by_inputs[0] += by_output * b
                    by_inputs[1] += by_output * a
                case "slice":
                    by_inputs[0][..., op.begin : op.begin + by_output.shape[-1]] += by_output
                case "add":
                    by_inputs[0] += by_output
                    by_inputs[1] += by_output
                case "sub":
                    by_inputs[0] += by_output
                    by_inputs[1] -= by_output
                case "rescale" | "shift" | "widen" | "sigmoid" | "tanh" | "relu":
                    by_inputs[0] += by_output
                case "concat":
                    size = by_inputs[0].shape[-1]
                    by_inputs[0] += by_output[..., :size]
                    by_inputs[1] += by_output[..., size:]
                case "maximum":
                    a, b = (self._values[name][at] for name in op.inputs)
                    by_inputs[0] += by_output * (a >= b)
                    by_inputs[1] += by_output * (a < b)

    def by_constant(self, ops: Sequence[Op], by_value: Mapping[str, Reals]) -> dict[str, Reals]:
        """The gradients by what `ops` hold, over all steps of each sequence."""
        found: dict[str, Reals] = {}

        def add(name: str, array: Reals) -> None:
            found[name] = found[name] + array if name in found else array  # rows of one step share their weights

        for op in ops:
            if op.kind not in ("matvec", "gather"):
                continue
            rows = by_value[op.output].reshape(-1, *by_value[op.output].shape[-2:])  # [steps, batch, n]
            if op.kind == "matvec":
                x = self._reals[op.inputs[0]].reshape(*rows.shape[:2], -1)
                add(op.constants[0], rows.transpose(1, 2, 0) @ x.transpose(1, 0, 2))
                add(op.constants[1], rows.sum(axis=0))
            else:
                table = np.zeros((rows.shape[1], *self._program.constants[op.constants[0]].shape), np.float32)
                np.add.at(table, (np.arange(rows.shape[1]), self._values[op.inputs[0]][..., 0]), rows)
                add(op.constants[0], table)
        return found

    def _factor(self, op: Op) -> Reals | None:
        """What the gradient by an output is multiplied with: the slope of a curve, 0 outside a format, or nothing."""
        value, x = self._program.values[op.output], op.inputs[0]
        low, high = _limits(value)
        match op.kind:
            case "sigmoid":
                y = self._real(op.output)
                return y * (1 - y)
            case "tanh":
                y = self._real(op.output)
                return 1 - y * y
            case "relu":
                return (self._values[op.output] > 0).astype(np.float32)
            case "matvec" | "add" | "sub" | "mul":
                return _inside(self._values[op.output], low + 1, high - 1)
            case "rescale":
                ratio = round(value.scale / self._program.values[x].scale)
                return _inside(self._values[x], low * ratio, high * ratio)
        return None

    def _real(self, name: str) -> Reals:
        """Products of two float32 of 24 bits: as near as float32 comes to the real number."""
        value = self._program.values[name]
        real = self._values[name].astype(np.float32)
        real -= np.float32(value.zero_point)
        real *= np.float32(value.scale)
        return real


def _limits(value: Value) -> tuple[int, int]:
    ends = np.iinfo(np.dtype(value.dtype))
    return int(ends.min), int(ends.max)


def _inside(q: NDArray[Any], low: int, high: int) -> Reals | None:
    """1 where `q` is `low` to `high`, 0 elsewhere; None where all is."""
    if q.size and q.min() >= low and q.max() <= high:
        return None
    return ((q >= low) & (q <= high)).astype(np.float32)
