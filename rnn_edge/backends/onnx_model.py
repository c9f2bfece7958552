"""ONNX models of a program: one step (states in, states out), and a sequence of any length by Scan.

Standard operators and integers only. Inputs are called `x` and as the states, outputs `y` and as the next states, all
without a batch dimension: `x` of a step is `[inputs]` or an int32 scalar for a token, `x` of a sequence `[T, inputs]`
or int32 `[T]`; states and the output are `[size]`, an output of every step is `[T, outputs]`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, helper

from .. import __version__
from ..ir.program import Program
from .onnx_ops import TYPES, Graph

OPSET = 18
IR_VERSION = 9

STEPS = "T"


def write_step(program: Program, all_values: bool = False) -> bytes:
    """The model of one step; with `all_values` every value is an output too, under its own name."""
    graph = Graph(program)
    inputs = [_declare(program, "x", program.input), *_bind_inputs(graph, "x", "")]
    graph.emit(program.ops)
    values = output_values(program, all_values)
    outputs = [_publish(graph, name, value) for name, value in values.items()]
    return _model(program, graph.nodes, list(graph.constants.values()), inputs, outputs)


def write_sequence(program: Program) -> bytes:
    """The model of a sequence."""
    head, following = Graph(program), _next_states(program)
    states = [state.name for state in program.states]
    every_step = ["y"] if program.every_step else []
    outputs = [*following, *every_step]
    scan = helper.make_node("Scan", [*states, "x"], outputs, body=_scan_body(program), num_scan_inputs=1)
    if not every_step:
        for name, value_name in following.items():
            head.bind(value_name, name, program.values[value_name].dtype)
        head.emit(program.ops[program.body_ops :])
        head.publish(program.output, "y")
    inputs = [_declare(program, "x", program.input, STEPS), *(_declare(program, name, name) for name in states)]
    y = _declare(program, "y", program.output, *([STEPS] if every_step else []))
    finals = [_declare(program, name, value_name) for name, value_name in following.items()]
    return _model(program, [scan, *head.nodes], list(head.constants.values()), inputs, [y, *finals])


def output_values(program: Program, all_values: bool = False) -> dict[str, str]:
    """Name of every output of a step -> the value it holds, in the order of the model."""
    values = {"y": program.output} | _next_states(program)
    return values | {op.output: op.output for op in program.ops if all_values and op.output not in values}


def _next_states(program: Program) -> dict[str, str]:
    """Names of the outputs for the next states, and the values they hold."""
    return {f"{state.name}_next": state.next for state in program.states}


def _scan_body(program: Program) -> GraphProto:
    """One step inside Scan; its names end with `_t`."""
    body = Graph(program, "__")
    inputs = [*_bind_inputs(body, "x_t", "_t"), _declare(program, "x_t", program.input)]
    body.emit(program.ops[: program.body_ops])
    outputs = [_publish(body, f"{name}_t", value_name) for name, value_name in _next_states(program).items()]
    if program.every_step:
        outputs.append(_publish(body, "y_t", program.output))
    return helper.make_graph(body.nodes, "step", inputs, outputs, list(body.constants.values()))


def _declare(program: Program, name: str, value_name: str, *leading: str) -> ValueInfoProto:
    value = program.values[value_name]
    shape = [*leading] if value.dtype == "int32" else [*leading, value.size]
    return helper.make_tensor_value_info(name, TYPES[value.dtype], shape)


def _bind_inputs(graph: Graph, x: str, suffix: str) -> list[ValueInfoProto]:
    """Bind the input and the states to tensors of their types; the declared states."""
    program = graph.program
    graph.bind(program.input, x, program.values[program.input].dtype)
    for state in program.states:
        graph.bind(state.name, f"{state.name}{suffix}", program.values[state.name].dtype)
    return [_declare(program, f"{state.name}{suffix}", state.name) for state in program.states]


def _publish(graph: Graph, name: str, value_name: str) -> ValueInfoProto:
    """A value in its own type as an output called `name`."""
    graph.publish(value_name, name)
    return _declare(graph.program, name, value_name)


def _model(
    program: Program,
    nodes: Sequence[NodeProto],
    constants: Sequence[TensorProto],
    inputs: Sequence[ValueInfoProto],
    outputs: Sequence[ValueInfoProto],
) -> bytes:
    graph = helper.make_graph(nodes, program.name, inputs, outputs, constants)
    model: ModelProto = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="rnn-edge",
        producer_version=__version__,
    )
    helper.set_model_props(model, _properties(program))
    return bytes(model.SerializeToString(deterministic=True))


def _properties(program: Program) -> Mapping[str, str]:
    """Where the model comes from, and what its integers stand for."""
    x, y = program.values[program.input], program.values[program.output]
    return {
        "program": program.hash,
        "semantics": str(program.semantics),
        "x_scale": repr(x.scale),
        "x_zero_point": str(x.zero_point),
        "y_scale": repr(y.scale),
        "y_zero_point": str(y.zero_point),
    }
