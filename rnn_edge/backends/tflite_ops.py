"""The table from operations of a program to TensorFlow Lite builtins, and the graph they are put into."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
import tflite

from ..ir.program import Op, Program
from .pieces import pieces
from .tflite_file import Options, Quantization, Subgraph

VALID_CONVOLUTION: Options = (
    "Conv2DOptions",
    {"Padding": tflite.Padding.VALID, "StrideW": 1, "StrideH": 1, "DilationWFactor": 1, "DilationHFactor": 1},
)


class Graph:
    """A subgraph that computes values of a program, each as a tensor `[1, 1, 1, size]` (a token is `[1]`).

    Four dimensions are what the matvec, a 1x1 convolution, takes: nothing needs to be reshaped between operations.
    Tensors are called as the values they hold; `public` names are left to tensors that a caller sees.
    """

    def __init__(self, program: Program, name: str, public: Collection[str] = ()) -> None:
        self.program = program
        self.subgraph = Subgraph(name)
        self.ops: Sequence[Op] = ()
        self._public = public
        self._tensors: dict[str, int] = {}
        self._widened: dict[str, int] = {}

    def emit(self, ops: Sequence[Op]) -> None:
        """Append the builtins of `ops`, whose inputs are bound."""
        self.ops = ops
        for op in ops:
            if op.output not in self._tensors:
                BUILTINS[op.kind](self, op)

    def bind(self, name: str, tensor: int) -> None:
        """`tensor` holds the value `name`."""
        self._tensors[name] = tensor

    def tensor_of(self, name: str) -> int:
        """Tensor that holds a computed or bound value."""
        return self._tensors[name]

    def quantization(self, name: str) -> Quantization | None:
        """Scale and zero point of a value; a token has none."""
        value = self.program.values[name]
        return None if value.dtype == "int32" else Quantization((value.scale,), value.zero_point)

    def new(self, name: str, shape: Sequence[int] | None = None, signature: Sequence[int] | None = None) -> int:
        """A tensor in the format of value `name`, `[1, 1, 1, size]` unless told."""
        value = self.program.values[name]
        title = f"{name}_vector" if name in self._public else name
        shape = (1, 1, 1, value.size) if shape is None else shape
        return self.subgraph.tensor(title, value.dtype, shape, self.quantization(name), signature)

    def compute(
        self,
        builtin: str,
        version: int,
        inputs: Sequence[int],
        name: str,
        options: Options | None = None,
    ) -> int:
        """Value `name` as the one output of a builtin."""
        output = self.new(name)
        self.subgraph.operator(builtin, version, inputs, [output], options)
        self.bind(name, output)
        return output

    def apply(
        self,
        builtin: str,
        version: int,
        inputs: Sequence[int],
        output: int,
        options: Options | None = None,
    ) -> int:
        """`output` as the one output of a builtin."""
        self.subgraph.operator(builtin, version, inputs, [output], options)
        return output

    def integers(self, *values: int) -> int:
        """A constant int32 vector."""
        return self.subgraph.constant("integers", np.array(values, dtype=np.int32))

    def reshape(self, tensor: int, output: int) -> int:
        """`tensor` in the shape of `output`, where a length that a caller may change is -1."""
        formed = self.subgraph.tensors[output]
        shape = list(formed.signature or formed.shape)
        return self.apply(
            "RESHAPE", 1, [tensor, self.integers(*shape)], output, ("ReshapeOptions", {"NewShape": shape})
        )

    def widened(self, name: str) -> int:
        """The int16 tensor with the integers of an int8 or int16 value, at its scale around zero."""
        value = self.program.values[name]
        if value.dtype == "int16":
            return self._tensors[name]
        if name not in self._widened:
            # CAST and not QUANTIZE, which some runtimes refuse from int8 to int16; the zero point is in the bias.
            wide = self.subgraph.tensor(f"{name}_int16", "int16", (1, 1, 1, value.size), Quantization((value.scale,)))
            self._widened[name] = self.apply("CAST", 1, [self._tensors[name]], wide, ("CastOptions", {}))
        return self._widened[name]


def _matvec(graph: Graph, op: Op) -> None:
    """CONV_2D and not FULLY_CONNECTED, whose int16 form per channel rounds differently from version to version."""
    weight, bias, row_scale = (graph.program.constants[name] for name in op.constants)
    scales = tuple(float(scale) for scale in row_scale)
    bias_scales = tuple(float(np.float32(scale * graph.program.values[op.inputs[0]].scale)) for scale in scales)
    rows, columns = weight.shape
    filters = graph.subgraph.constant(
        op.constants[0], weight.reshape(rows, 1, 1, columns), Quantization(scales, axis=0)
    )
    biases = graph.subgraph.constant(op.constants[1], bias, Quantization(bias_scales, axis=0))
    inputs = [graph.widened(op.inputs[0]), filters, biases]
    graph.compute("CONV_2D", 4, inputs, op.output, VALID_CONVOLUTION)


def _builtin(builtin: str, version: int, table: str = "", **fields: Any) -> Callable[[Graph, Op], None]:
    """A builtin that takes the inputs of the operation as they are."""
    options = (table, fields) if table else None

    def write(graph: Graph, op: Op) -> None:
        graph.compute(builtin, version, [graph.tensor_of(name) for name in op.inputs], op.output, options)

    return write


def _slice(graph: Graph, op: Op) -> None:
    cuts = pieces(graph.program, graph.ops, op)
    sizes = [graph.program.values[cut.output].size for cut in cuts]
    source = graph.tensor_of(op.inputs[0])
    if len(cuts) == 1 or len(set(sizes)) > 1:
        size = graph.program.values[op.output].size
        begin = [source, graph.integers(0, 0, 0, op.begin), graph.integers(1, 1, 1, size)]
        graph.compute("SLICE", 4, begin, op.output, ("SliceOptions", {}))
        return
    outputs = [graph.new(cut.output) for cut in cuts]
    axis = graph.subgraph.constant("axis", np.array(3, dtype=np.int32))
    graph.subgraph.operator("SPLIT", 4, [axis, source], outputs, ("SplitOptions", {"NumSplits": len(cuts)}))
    for cut, output in zip(cuts, outputs, strict=True):
        graph.bind(cut.output, output)


def _widen(graph: Graph, op: Op) -> None:
    graph.bind(op.output, graph.widened(op.inputs[0]))


def rows_of_table(graph: Graph, op: Op, tokens: int, output: int) -> int:
    """`output` with the rows of the embedding of `op` at an int32 tensor of any shape."""
    quantization = graph.quantization(op.output)
    table = graph.subgraph.constant(op.constants[0], graph.program.constants[op.constants[0]], quantization)
    return graph.apply("GATHER", 2, [table, tokens], output, ("GatherOptions", {"Axis": 0}))


def _gather(graph: Graph, op: Op) -> None:
    value = graph.program.values[op.output]
    flat = graph.subgraph.tensor(f"{op.output}_row", "int8", (1, value.size), graph.quantization(op.output))
    rows_of_table(graph, op, graph.tensor_of(op.inputs[0]), flat)
    graph.bind(op.output, graph.reshape(flat, graph.new(op.output)))


BUILTINS: dict[str, Callable[[Graph, Op], None]] = {
    "matvec": _matvec,
    "add": _builtin("ADD", 3, "AddOptions", PotScaleInt16=True),
    "sub": _builtin("SUB", 3, "SubOptions", PotScaleInt16=True),
    "mul": _builtin("MUL", 4, "MulOptions"),
    "rescale": _builtin("QUANTIZE", 2, "QuantizeOptions"),
    "shift": _builtin("QUANTIZE", 2, "QuantizeOptions"),
    "sigmoid": _builtin("LOGISTIC", 3),
    "tanh": _builtin("TANH", 3),
    "relu": _builtin("RELU", 2),
    "maximum": _builtin("MAXIMUM", 4, "MaximumMinimumOptions"),
    "slice": _slice,
    "concat": _builtin("CONCATENATION", 3, "ConcatenationOptions", Axis=3),
    "widen": _widen,
    "gather": _gather,
}
