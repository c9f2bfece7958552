"""TensorFlow Lite files of a program: one step (states in, states out), and a sequence of any length.

Inputs are called `x` and as the states, outputs `y` and as the next states, both as tensors and in the signature
`serving_default`. States and the output are `[1, size]`. `x` of a step is `[1, inputs]`, or int32 `[1]` for a token;
`x` of a sequence is `[1, steps, inputs]` or int32 `[1, steps]`, and an output of every step `[1, steps, outputs]`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import tflite

from .. import __version__
from ..ir.program import Op, Program
from .tflite_file import Model, Quantization, Subgraph
from .tflite_ops import VALID_CONVOLUTION, Graph, rows_of_table
from .tflite_pack import pack

DEFAULT_STEPS = 100
"""Length stored in a sequence file. Runtimes that resize take any other; TensorFlow Lite Micro takes only this one."""


def write_step(program: Program, all_values: bool = False) -> bytes:
    """The file of one step; with `all_values` every value is an output too, under its own name."""
    graph = Graph(program, "step", _public(program))
    x = program.values[program.input]
    inputs = {"x": graph.subgraph.tensor("x", x.dtype, _step_shape(program), graph.quantization(program.input))}
    token = x.dtype == "int32"
    graph.bind(program.input, inputs["x"] if token else graph.reshape(inputs["x"], graph.new(program.input)))
    inputs |= _state_inputs(graph)
    graph.emit(program.ops)
    outputs = _published(graph, {"y": program.output} | _next_states(program))
    outputs |= {name: graph.tensor_of(name) for name in output_names(program, all_values) if name not in outputs}
    return _pack(program, [graph.subgraph], inputs, outputs)


def output_names(program: Program, all_values: bool = False) -> list[str]:
    """Names of the outputs of a file, in its order."""
    names = ["y", *_next_states(program)]
    return names + [op.output for op in program.ops if all_values and op.output not in names]


def write_sequence(program: Program, steps: int = DEFAULT_STEPS) -> bytes:
    """The file of a sequence, whose size does not depend on `steps`."""
    main = Graph(program, "sequence", _public(program))
    x_value = program.values[program.input]
    signature = (1, -1) if x_value.dtype == "int32" else (1, -1, x_value.size)
    x = main.subgraph.tensor("x", x_value.dtype, _at(signature, steps), main.quantization(program.input), signature)
    inputs = {"x": x} | _state_inputs(main)
    loop = _Loop(program, steps, tuple(op for op in program.ops if op.kind == "gather"))
    y = loop.write(main, x)
    if y is None:
        main.emit(program.ops[program.body_ops :])
        outputs = _published(main, {"y": program.output})
    else:
        outputs = {"y": y}
    outputs |= _published(main, _next_states(program))
    return _pack(program, [main.subgraph, loop.condition(), loop.body()], inputs, outputs)


def _next_states(program: Program) -> dict[str, str]:
    """Names of the outputs for the next states, and the values they hold."""
    return {f"{state.name}_next": state.next for state in program.states}


def _public(program: Program) -> set[str]:
    return {"x", "y", *(state.name for state in program.states), *_next_states(program)}


def _step_shape(program: Program) -> tuple[int, ...]:
    x = program.values[program.input]
    return (1,) if x.dtype == "int32" else (1, x.size)


def _at(signature: Sequence[int], steps: int) -> tuple[int, ...]:
    return tuple(steps if size == -1 else size for size in signature)


def _state_inputs(graph: Graph) -> dict[str, int]:
    """Inputs for the states, each bound to its value."""
    inputs = {}
    for state in graph.program.states:
        value = graph.program.values[state.name]
        inputs[state.name] = graph.subgraph.tensor(
            state.name, value.dtype, (1, value.size), graph.quantization(state.name)
        )
        graph.bind(state.name, graph.reshape(inputs[state.name], graph.new(state.name)))
    return inputs


def _published(graph: Graph, names: dict[str, str]) -> dict[str, int]:
    """Tensors `[1, size]` of values, called as the keys."""
    outputs = {}
    for name, value_name in names.items():
        value = graph.program.values[value_name]
        flat = graph.subgraph.tensor(name, value.dtype, (1, value.size), graph.quantization(value_name))
        outputs[name] = graph.reshape(graph.tensor_of(value_name), flat)
    return outputs


def _pack(program: Program, subgraphs: Sequence[Subgraph], inputs: dict[str, int], outputs: dict[str, int]) -> bytes:
    subgraphs[0].inputs, subgraphs[0].outputs = list(inputs.values()), list(outputs.values())
    provenance = {"version": __version__, "program": program.hash, "semantics": program.semantics}
    metadata = {"rnn_edge": json.dumps(provenance).encode()}
    return pack(Model(subgraphs, inputs, outputs, f"{program.name}, rnn-edge {__version__}", metadata))


@dataclass
class _Variables:
    """Tensors of the loop variables in one subgraph."""

    t: int  # int32 [1]
    states: list[int]
    streams: list[int]  # [1, steps, n], what each step reads a row of
    collected: list[int]  # int32 [1, steps, outputs], or nothing

    def all(self) -> list[int]:
        return [self.t, *self.states, *self.streams, *self.collected]


@dataclass(frozen=True)
class _Loop:
    """WHILE over the steps. Embeddings are looked up before it, because the GATHER of some runtimes moves int8 only."""

    program: Program
    steps: int
    gathers: tuple[Op, ...]

    @property
    def rows(self) -> list[str]:
        """The values that a step reads from the streams."""
        return [op.output for op in self.gathers] or [self.program.input]

    def tensor(
        self, graph: Graph, name: str, dtype: str, signature: Sequence[int], quantization: Quantization | None
    ) -> int:
        """A tensor whose size -1 is the number of steps."""
        return graph.subgraph.tensor(name, dtype, _at(signature, self.steps), quantization, signature)

    def stream(self, graph: Graph, name: str) -> int:
        """Tensor for the value `name` of every step."""
        value = self.program.values[name]
        return self.tensor(graph, f"{name}_steps", value.dtype, (1, -1, value.size), graph.quantization(name))

    def collected(self, graph: Graph, name: str) -> int:
        """Tensor for outputs of every step; int32, the one type that DYNAMIC_UPDATE_SLICE takes everywhere."""
        return self.tensor(graph, name, "int32", (1, -1, self.program.values[self.program.output].size), None)

    def variables(self, graph: Graph) -> _Variables:
        return _Variables(
            graph.subgraph.tensor("t", "int32", (1,)),
            [graph.new(state.name) for state in self.program.states],
            [self.stream(graph, name) for name in self.rows],
            [self.collected(graph, "collected")] if self.program.every_step else [],
        )

    def write(self, main: Graph, x: int) -> int | None:
        """Append the loop; binds the next states. The tensor with the outputs of every step, where they are wanted."""
        streams = [rows_of_table(main, op, x, self.stream(main, op.output)) for op in self.gathers] or [x]
        states = [main.tensor_of(state.name) for state in self.program.states]
        collected = [self.zeros(main, streams[0])] if self.program.every_step else []
        final = self.variables(main)
        options = ("WhileOptions", {"CondSubgraphIndex": 1, "BodySubgraphIndex": 2})
        main.subgraph.operator("WHILE", 1, [main.integers(0), *states, *streams, *collected], final.all(), options)
        for state, tensor in zip(self.program.states, final.states, strict=True):
            main.bind(state.next, tensor)
        if not self.program.every_step:
            return None
        value = self.program.values[self.program.output]
        y = self.tensor(main, "y", value.dtype, (1, -1, value.size), main.quantization(value.name))
        return main.apply("CAST", 1, final.collected, y, ("CastOptions", {}))

    def zeros(self, main: Graph, stream: int) -> int:
        """Zeros for the collected outputs: a constant would grow with the steps, FILL wants constant sizes in places.

        A 1x1 convolution of the stream by zeros has the right length, whatever that is.
        """
        rows = main.subgraph.tensors[stream]
        assert rows.signature is not None and rows.quantization is not None
        inputs, outputs = rows.shape[-1], self.program.values[self.program.output].size
        scale = Quantization(rows.quantization.scales)
        if rows.dtype == "int8":
            wide = self.tensor(main, "steps_int16", "int16", rows.signature, scale)
            stream = main.apply("CAST", 1, [stream], wide, ("CastOptions", {}))
        image = main.reshape(stream, self.tensor(main, "steps_image", "int16", (1, 1, -1, inputs), scale))
        none = Quantization((2.0**-8,) * outputs)
        filters = main.subgraph.constant("no_weight", np.zeros((outputs, 1, 1, inputs), dtype=np.int8), none)
        biases = main.subgraph.constant("no_bias", np.zeros(outputs, dtype=np.int64), none)
        zeros = self.tensor(main, "zeros_image", "int16", (1, 1, -1, outputs), scale)
        main.apply("CONV_2D", 4, [image, filters, biases], zeros, VALID_CONVOLUTION)
        flat = main.reshape(zeros, self.tensor(main, "zeros_int16", "int16", (1, -1, outputs), scale))
        return main.apply("CAST", 1, [flat], self.collected(main, "zeros"), ("CastOptions", {}))

    def condition(self) -> Subgraph:
        """t < steps, where the steps come from the shape of x: a constant would be wrong after a resize."""
        graph = Graph(self.program, "condition")
        variables = self.variables(graph)
        sizes = graph.subgraph.tensor("sizes", "int32", (3,))
        graph.apply("SHAPE", 1, variables.streams[:1], sizes, ("ShapeOptions", {"OutType": tflite.TensorType.INT32}))
        steps = graph.subgraph.tensor("steps", "int32", (1,))
        graph.apply("SLICE", 1, [sizes, graph.integers(1), graph.integers(1)], steps, ("SliceOptions", {}))
        goes_on = graph.subgraph.tensor("goes_on", "bool", (1,))
        graph.apply("LESS", 1, [variables.t, steps], goes_on, ("LessOptions", {}))
        graph.subgraph.inputs, graph.subgraph.outputs = variables.all(), [goes_on]
        return graph.subgraph

    def body(self) -> Subgraph:
        """One step."""
        graph = Graph(self.program, "body")
        variables = self.variables(graph)
        for state, tensor in zip(self.program.states, variables.states, strict=True):
            graph.bind(state.name, tensor)
        for name, stream in zip(self.rows, variables.streams, strict=True):
            row = graph.subgraph.tensor(
                f"{name}_row",
                self.program.values[name].dtype,
                (1, 1, self.program.values[name].size),
                graph.quantization(name),
            )
            _ROWS[self.program.values[name].dtype](graph, stream, variables.t, row)
            graph.bind(name, graph.reshape(row, graph.new(name)))
        graph.emit([op for op in self.program.ops[: self.program.body_ops] if op not in self.gathers])
        t = graph.subgraph.tensor("t_next", "int32", (1,))
        graph.apply("ADD", 1, [variables.t, graph.integers(1)], t, ("AddOptions", {}))
        states = [self.next_state(graph, variables, index) for index in range(len(variables.states))]
        collected = [self.collect(graph, variables)] if self.program.every_step else []
        graph.subgraph.inputs = variables.all()
        graph.subgraph.outputs = [t, *states, *variables.streams, *collected]
        return graph.subgraph

    def next_state(self, graph: Graph, variables: _Variables, index: int) -> int:
        """The next content of a state; where that is another state as it was, a copy.

        Runtimes move the results of the body to its variables one by one: an early move would overwrite a later one.
        """
        name = self.program.states[index].next
        tensor = graph.tensor_of(name)
        if tensor not in variables.states or tensor == variables.states[index]:
            return tensor
        size = self.program.values[name].size
        inputs = [tensor, graph.integers(0, 0, 0, 0), graph.integers(1, 1, 1, size)]
        return graph.apply("SLICE", 4, inputs, graph.new(name), ("SliceOptions", {}))

    def collect(self, graph: Graph, variables: _Variables) -> int:
        """The collected outputs with that of this step."""
        value = self.program.values[self.program.output]
        shape = (1, 1, value.size)
        y = graph.subgraph.tensor("y", value.dtype, shape, graph.quantization(value.name))
        wide = graph.subgraph.tensor("y_int32", "int32", shape)
        graph.apply("CAST", 1, [graph.reshape(graph.tensor_of(value.name), y)], wide, ("CastOptions", {}))
        inputs = [*variables.collected, wide, _begin(graph, variables.t)]
        return graph.apply("DYNAMIC_UPDATE_SLICE", 1, inputs, self.collected(graph, "collected_next"))


def _begin(graph: Graph, t: int) -> int:
    """(0, t, 0)."""
    begin = graph.subgraph.tensor("begin", "int32", (3,))
    zero = graph.integers(0)
    return graph.apply("CONCATENATION", 1, [zero, t, zero], begin, ("ConcatenationOptions", {"Axis": 0}))


def _gathered(graph: Graph, stream: int, t: int, row: int) -> None:
    graph.apply("GATHER", 2, [stream, t], row, ("GatherOptions", {"Axis": 1}))


def _sliced(graph: Graph, stream: int, t: int, row: int) -> None:
    sizes = graph.integers(*graph.subgraph.tensors[row].shape)
    graph.apply("SLICE", 4, [stream, _begin(graph, t), sizes], row, ("SliceOptions", {}))


_ROWS: dict[str, Callable[[Graph, int, int, int], None]] = {"int8": _gathered, "int16": _sliced}
"""Row t of a stream by its type: TensorFlow Lite Micro has no GATHER of int16."""
