"""The table from operations of a program to ONNX nodes, and the graph they are put into.

Values are int32 vectors `[size]` inside the graph, which holds every intermediate result but one: the rescaled
accumulator of a matvec is int64. Div truncates toward zero, so a floor adds a multiple of the divisor first.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from ..ir.elements import mul_shift, rescale_shift
from ..ir.ops import op_requantization
from ..ir.program import Op, Program
from ..ir.tables import SIGMOID
from .pieces import pieces

_FLOOR_OFFSET = 1 << 62
"""Makes every rescaled accumulator positive, and is a multiple of every divisor 2^t, t <= 46."""

TYPES = {
    "int8": TensorProto.INT8,
    "int16": TensorProto.INT16,
    "int32": TensorProto.INT32,
    "int64": TensorProto.INT64,
}


class Graph:
    """Nodes and constants that compute values of a program.

    Their names begin with `prefix`, which is no letter, so that none is that of a value; those of nested graphs differ.
    """

    def __init__(self, program: Program, prefix: str = "_") -> None:
        self.program = program
        self._prefix = prefix
        self.ops: Sequence[Op] = ()
        self.nodes: list[NodeProto] = []
        self.constants: dict[Hashable, TensorProto] = {}
        self._tensors: dict[str, dict[str, str]] = {}  # value -> type -> tensor

    def emit(self, ops: Sequence[Op]) -> None:
        """Append the nodes of `ops`, whose inputs are bound."""
        self.ops = ops
        for op in ops:
            if op.output not in self._tensors:
                NODES[op.kind](self, op)

    def node(self, operator: str, *inputs: str, name: str | None = None, **attributes: Any) -> str:
        """The one output of a new node."""
        output = name or f"{self._prefix}{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def split(self, tensor: str, sizes: Sequence[int]) -> list[str]:
        """`tensor` in pieces."""
        outputs = [f"{self._prefix}{len(self.nodes)}_{index}" for index in range(len(sizes))]
        lengths = self.constant(np.array(sizes), "int64")
        self.nodes.append(helper.make_node("Split", [tensor, lengths], outputs, axis=0))
        return outputs

    def constant(self, value: int | NDArray[Any], dtype: str = "int32") -> str:
        """Name of a constant; one for equal contents."""
        array = np.asarray(value).astype(dtype)
        key = (dtype, array.shape, array.tobytes())
        if key not in self.constants:
            self.constants[key] = numpy_helper.from_array(array, f"{self._prefix}c{len(self.constants)}")
        return str(self.constants[key].name)

    def bind(self, name: str, tensor: str, dtype: str = "int32") -> None:
        """`tensor` holds the value `name` in type `dtype`."""
        self._tensors.setdefault(name, {})[dtype] = tensor

    def tensor_of(self, name: str, dtype: str = "int32") -> str:
        """Tensor that holds a computed or bound value in a type that its integers fit, cast at most once."""
        held = self._tensors[name]
        if dtype not in held:
            held[dtype] = self.node("Cast", next(iter(held.values())), to=TYPES[dtype])
        return held[dtype]

    def publish(self, value_name: str, name: str) -> None:
        """The value in its own type as a tensor called `name`."""
        dtype, held = self.program.values[value_name].dtype, self._tensors[value_name]
        if dtype in held:
            self.node("Identity", held[dtype], name=name)
        else:
            self.node("Cast", self.tensor_of(value_name), name=name, to=TYPES[dtype])

    def clip(self, tensor: str, bits: int, dtype: str = "int32") -> str:
        """Saturated to a signed integer of `bits` bits."""
        limit = 1 << (bits - 1)
        return self.node("Clip", tensor, self.constant(-limit, dtype), self.constant(limit - 1, dtype))

    def shift_round(self, tensor: str, shift: int) -> str:
        """`arithmetic.shift_round` with one division: for v >= 0 it is trunc((v + 2^(shift-1) + 1) / 2^shift), for
        v < 0 trunc((v - 2^(shift-1)) / 2^shift), for shift = 1 trunc((v + 1) / 2) and trunc(v / 2).
        """
        half = 1 << (shift - 1)
        above, below = (1, 0) if shift == 1 else (half + 1, -half)
        negative = self.node("Less", tensor, self.constant(0))
        rounding = self.node("Where", negative, self.constant(below), self.constant(above))
        return self.node("Div", self.node("Add", tensor, rounding), self.constant(1 << shift))


def _common_shift(r: NDArray[Any], t: NDArray[Any], bound: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Multipliers and shifts, the shift one for all rows where the products then still stay below 2^62."""
    largest = int(t.max())
    raised = [int(row) << (largest - int(shift)) for row, shift in zip(r, t, strict=True)]
    if all(factor * int(limit) + (1 << largest) < _FLOOR_OFFSET for factor, limit in zip(raised, bound, strict=True)):
        return np.array(raised, dtype=np.int64), np.array(largest, dtype=np.int64)
    return r, t


def _matvec(graph: Graph, op: Op) -> None:
    """The bias is multiplied by r beforehand and added together with the rounding and the offset of the floor."""
    program = graph.program
    weight, bias, _ = (program.constants[name] for name in op.constants)
    columns = graph.constant(weight.T, "int8")
    if program.values[op.inputs[0]].dtype == "int8":
        product = graph.node("MatMulInteger", graph.tensor_of(op.inputs[0], "int8"), columns)
    else:
        # MatMulInteger takes 8 bits only. int32 is enough: the program proves that the accumulator fits.
        wide = graph.node("Cast", columns, to=TensorProto.INT32)
        product = graph.node("MatMul", graph.tensor_of(op.inputs[0]), wide)
    rows = op_requantization(program, op)
    r, t = _common_shift(rows.r, rows.t, rows.bound)
    addend = bias * r + (np.int64(1) << (t - 1)) + _FLOOR_OFFSET
    scaled = graph.node("Mul", graph.node("Cast", product, to=TensorProto.INT64), graph.constant(r, "int64"))
    raised = graph.node("Add", scaled, graph.constant(addend, "int64"))
    shifted = graph.node("Div", raised, graph.constant(np.int64(1) << t, "int64"))
    y = graph.node("Sub", shifted, graph.constant(_FLOOR_OFFSET >> t, "int64"))
    graph.bind(op.output, graph.node("Cast", graph.clip(y, 16, "int64"), to=TensorProto.INT32))


def _sum(operator: str) -> Callable[[Graph, Op], None]:
    def write(graph: Graph, op: Op) -> None:
        a, b = (graph.tensor_of(name) for name in op.inputs)
        graph.bind(op.output, graph.clip(graph.node(operator, a, b), 16))

    return write


def _mul(graph: Graph, op: Op) -> None:
    a, b = (graph.tensor_of(name) for name in op.inputs)
    shift = mul_shift(graph.program, op)
    graph.bind(op.output, graph.clip(graph.shift_round(graph.node("Mul", a, b), shift), 16))


def _rescale(graph: Graph, op: Op) -> None:
    shift = rescale_shift(graph.program, op)
    graph.bind(op.output, graph.clip(graph.shift_round(graph.tensor_of(op.inputs[0]), shift), 8))


def _shift(graph: Graph, op: Op) -> None:
    graph.bind(op.output, graph.shift_round(graph.tensor_of(op.inputs[0]), rescale_shift(graph.program, op)))


def _curve_tables(top: int, bits: int, middle: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Base and slope of the interpolated curve on its signed intervals, in the order 0 .. 255, -255 .. -1.

    At position d in interval i the curve is base[i] + slope[i] * d, its rounding included. The table SIGMOID ends with
    `top`, one of its units is 2^`bits`, and `middle` is the curve at 0. The curve is odd around its middle, but rounds
    half down below it. Interval 0 rounds half up on both sides: no position there is a half (the tests try all).
    """
    table = np.array([*SIGMOID[:255], top], dtype=np.int64)
    slope = np.append(np.diff(np.array(SIGMOID, dtype=np.int64)), 0)
    above = ((table - np.arange(256) * slope - SIGMOID[0]) << bits) + middle
    below = 2 * middle - 1 - above
    return np.concatenate([above, below[:0:-1]]), np.concatenate([slope, slope[:0:-1]])


def _curve(top: int, bits: int, shift: int, middle: int, zero: int) -> Callable[[Graph, Op], None]:
    """A curve in units of 2^-`shift`, `zero` units too high so that Div is a floor; Gather takes -i from the end."""
    base, slope = _curve_tables(top, bits, middle + (zero << shift) + (1 << (shift - 1)))

    def write(graph: Graph, op: Op) -> None:
        factor = graph.constant(3 << (12 - graph.program.values[op.inputs[0]].fraction))
        position = graph.node("Mul", graph.tensor_of(op.inputs[0]), factor)
        interval = graph.node("Div", position, graph.constant(1 << bits))
        interval = graph.node("Clip", interval, graph.constant(-255), graph.constant(255))
        rise = graph.node("Mul", graph.node("Gather", graph.constant(slope), interval), position)
        curve = graph.node("Add", graph.node("Gather", graph.constant(base), interval), rise)
        y = graph.node("Div", curve, graph.constant(1 << shift))
        graph.bind(op.output, graph.node("Sub", y, graph.constant(zero)) if zero else y)

    return write


def _relu(graph: Graph, op: Op) -> None:
    graph.bind(op.output, graph.node("Max", graph.tensor_of(op.inputs[0]), graph.constant(0)))


def _slice(graph: Graph, op: Op) -> None:
    source = graph.tensor_of(op.inputs[0])
    cuts = pieces(graph.program, graph.ops, op)
    sizes = [graph.program.values[cut.output].size for cut in cuts]
    if len(cuts) == 1:
        begin, end = (graph.constant(np.array([at]), "int64") for at in (op.begin, op.begin + sizes[0]))
        graph.bind(op.output, graph.node("Slice", source, begin, end))
        return
    parts = graph.split(source, sizes)
    for cut, part in zip(cuts, parts, strict=True):
        graph.bind(cut.output, part)


def _maximum(graph: Graph, op: Op) -> None:
    graph.bind(op.output, graph.node("Max", *(graph.tensor_of(name) for name in op.inputs)))


def _concat(graph: Graph, op: Op) -> None:
    graph.bind(op.output, graph.node("Concat", *(graph.tensor_of(name) for name in op.inputs), axis=0))


def _widen(graph: Graph, op: Op) -> None:
    graph.bind(op.output, graph.tensor_of(op.inputs[0]))


def _gather(graph: Graph, op: Op) -> None:
    table = graph.constant(graph.program.constants[op.constants[0]], "int8")
    graph.bind(op.output, graph.node("Gather", table, graph.tensor_of(op.inputs[0]), axis=0), "int8")


NODES: dict[str, Callable[[Graph, Op], None]] = {
    "matvec": _matvec,
    "add": _sum("Add"),
    "sub": _sum("Sub"),
    "mul": _mul,
    "rescale": _rescale,
    "shift": _shift,
    "sigmoid": _curve(top=0x7FFF << 1, bits=9, shift=10, middle=1 << 24, zero=0),
    "tanh": _curve(top=0xFFFF, bits=8, shift=8, middle=0, zero=1 << 16),
    "relu": _relu,
    "maximum": _maximum,
    "slice": _slice,
    "concat": _concat,
    "widen": _widen,
    "gather": _gather,
}
