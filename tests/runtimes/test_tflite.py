"""The TensorFlow Lite files themselves: names, types, builtins, alignment, size."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tflite as schema

from rnn_edge import __version__
from rnn_edge.backends import tflite
from rnn_edge.backends.pieces import pieces
from rnn_edge.ir.check import SCHEMES
from rnn_edge.ir.program import Op, Program
from tests.networks import GRU, NETWORKS, Network, golden_program, program

STEP_BUILTINS = {
    ("CAST", 1),
    ("RESHAPE", 1),
    ("CONV_2D", 4),
    ("SPLIT", 4),
    ("SLICE", 4),  # int16
    ("ADD", 3),
    ("SUB", 3),
    ("MUL", 4),
    ("LOGISTIC", 3),
    ("TANH", 3),
    ("QUANTIZE", 2),
    ("RELU", 2),
    ("GATHER", 2),
    ("MAXIMUM", 4),
    ("CONCATENATION", 3),
}
SEQUENCE_BUILTINS = STEP_BUILTINS | {
    ("WHILE", 1),
    ("LESS", 1),
    ("SHAPE", 1),
    ("ADD", 1),
    ("SLICE", 1),  # int32
    ("CONCATENATION", 1),
    ("DYNAMIC_UPDATE_SLICE", 1),
}
INTEGERS = {"INT8", "INT16", "INT32", "INT64", "BOOL"}
PROGRAMS = [(network, scheme) for network in NETWORKS for scheme in SCHEMES]

every_program = pytest.mark.parametrize(
    ("network", "scheme"), PROGRAMS, ids=lambda value: value if isinstance(value, str) else value.id
)


def parsed(content: bytes) -> Any:
    assert content[4:8] == b"TFL3"
    return schema.Model.GetRootAs(content, 0)


def tensors(model: Any) -> Iterator[Any]:
    for index in range(model.SubgraphsLength()):
        subgraph = model.Subgraphs(index)
        yield from (subgraph.Tensors(i) for i in range(subgraph.TensorsLength()))


def builtins(model: Any) -> set[tuple[str, int]]:
    names = {number: name for name, number in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
    codes = (model.OperatorCodes(index) for index in range(model.OperatorCodesLength()))
    return {(names[code.BuiltinCode()], code.Version()) for code in codes}


def signature(model: Any) -> tuple[dict[str, str], dict[str, str]]:
    """Names of inputs and outputs -> names of their tensors, checked against the main subgraph."""
    (definition,) = (model.SignatureDefs(index) for index in range(model.SignatureDefsLength()))
    assert definition.SignatureKey() == b"serving_default"
    main = model.Subgraphs(definition.SubgraphIndex())
    inputs = [definition.Inputs(index) for index in range(definition.InputsLength())]
    outputs = [definition.Outputs(index) for index in range(definition.OutputsLength())]
    assert [entry.TensorIndex() for entry in inputs] == main.InputsAsNumpy().tolist()
    assert [entry.TensorIndex() for entry in outputs] == main.OutputsAsNumpy().tolist()

    def named(entries: list[Any]) -> dict[str, str]:
        return {entry.Name().decode(): main.Tensors(entry.TensorIndex()).Name().decode() for entry in entries}

    return named(inputs), named(outputs)


def buffer_offsets(model: Any) -> list[int]:
    """Where in the file the content of every buffer begins."""
    offsets = []
    for index in range(model.BuffersLength()):
        buffer = model.Buffers(index)
        if buffer.DataLength():
            table = buffer._tab
            offsets.append(int(table.Vector(table.Offset(4))))
    return offsets


@every_program
def test_structure(network: Network, scheme: str) -> None:
    made = program(network, scheme)
    states = [state.name for state in made.states]
    for content, allowed in (
        (tflite.write_step(made), STEP_BUILTINS),
        (tflite.write_sequence(made), SEQUENCE_BUILTINS),
    ):
        model = parsed(content)
        types = {number: name for name, number in vars(schema.TensorType).items() if not name.startswith("_")}
        assert {types[tensor.Type()] for tensor in tensors(model)} <= INTEGERS
        assert builtins(model) <= allowed
        inputs, outputs = signature(model)
        assert inputs == {name: name for name in ("x", *states)}
        assert outputs == {name: name for name in ("y", *(f"{state}_next" for state in states))}
        offsets = buffer_offsets(model)
        assert offsets and all(offset % 16 == 0 for offset in offsets)


@every_program
def test_same_program_same_bytes_and_any_length_one_size(network: Network, scheme: str) -> None:
    first, second = program(network, scheme), program(network, scheme)
    assert tflite.write_step(first) == tflite.write_step(second)
    assert tflite.write_sequence(first) == tflite.write_sequence(second)
    assert len(tflite.write_sequence(first, 10)) == len(tflite.write_sequence(first, 10_000))


def test_a_gru_of_32_units_is_small() -> None:
    made = golden_program()
    assert len(tflite.write_step(made)) < 13_000
    assert len(tflite.write_sequence(made)) < 14_000


def test_constants_are_written_once() -> None:
    model = parsed(tflite.write_sequence(program(GRU)))
    contents = [model.Buffers(index).DataAsNumpy() for index in range(1, model.BuffersLength())]
    assert len({content.tobytes() for content in contents}) == len(contents)


def test_shapes_and_formats_of_what_a_caller_sees() -> None:
    made = program(Network(("gru",), (5,), inputs=3, dense=((2, "linear"),), every_step=True))
    main = parsed(tflite.write_sequence(made, 8)).Subgraphs(0)
    by_name = {main.Tensors(index).Name().decode(): main.Tensors(index) for index in range(main.TensorsLength())}
    assert by_name["x"].ShapeAsNumpy().tolist() == [1, 8, 3]
    assert by_name["x"].ShapeSignatureAsNumpy().tolist() == [1, -1, 3]
    assert by_name["y"].ShapeSignatureAsNumpy().tolist() == [1, -1, 2]
    assert by_name["h0"].ShapeAsNumpy().tolist() == by_name["h0_next"].ShapeAsNumpy().tolist() == [1, 5]
    for name, value in (("x", made.values["x"]), ("y", made.values[made.output]), ("h0", made.values["h0"])):
        quantization = by_name[name].Quantization()
        assert quantization.ScaleAsNumpy().tolist() == [value.scale]
        assert quantization.ZeroPointAsNumpy().tolist() == [value.zero_point]


def test_provenance() -> None:
    made = golden_program()
    model = parsed(tflite.write_step(made))
    (entry,) = (model.Metadata(index) for index in range(model.MetadataLength()))
    assert entry.Name() == b"rnn_edge"
    content = json.loads(model.Buffers(entry.Buffer()).DataAsNumpy().tobytes())
    assert content == {"version": __version__, "program": made.hash, "semantics": made.semantics}


def test_all_values_are_outputs() -> None:
    made = program(GRU)
    _, outputs = signature(parsed(tflite.write_step(made, all_values=True)))
    assert list(outputs) == tflite.output_names(made, all_values=True)
    assert {op.output for op in made.ops} <= set(outputs)


def cut(made: Program, *pieces_of_six: tuple[int, int]) -> tuple[Program, list[Op]]:
    """Slices (begin, size) of a value of six elements."""
    source = replace(next(iter(made.values.values())), name="source", dtype="int16", size=6)
    values = {"source": source}
    values |= {f"p{i}": replace(source, name=f"p{i}", size=size) for i, (_, size) in enumerate(pieces_of_six)}
    ops = [Op("slice", f"p{i}", ("source",), (), begin) for i, (begin, _) in enumerate(pieces_of_six)]
    return replace(made, values=values), ops


@pytest.mark.parametrize(
    ("slices", "order"),
    [
        ([(0, 2), (2, 2), (4, 2)], ["p0", "p1", "p2"]),
        ([(5, 1), (0, 5)], ["p1", "p0"]),
        ([(0, 2), (2, 2)], ["p0"]),  # not to the end
        ([(0, 3), (2, 4)], ["p0"]),  # overlapping
        ([(0, 3), (3, 3), (0, 3)], ["p0"]),  # one twice
    ],
)
def test_pieces(slices: list[tuple[int, int]], order: list[str]) -> None:
    made, ops = cut(program(GRU), *slices)
    assert [op.output for op in pieces(made, ops, ops[0])] == order


def test_scales_are_those_of_the_program() -> None:
    """The weights of a matvec carry a scale for each row, the bias that times the input's."""
    made = program(GRU)
    op = next(op for op in made.ops if op.kind == "matvec")
    weight, bias, row_scale = (made.constants[name] for name in op.constants)
    by_name = {tensor.Name().decode(): tensor for tensor in tensors(parsed(tflite.write_step(made)))}
    assert np.array_equal(by_name[op.constants[0]].Quantization().ScaleAsNumpy(), row_scale)
    scale = np.float32(made.values[op.inputs[0]].scale)
    assert np.allclose(by_name[op.constants[1]].Quantization().ScaleAsNumpy(), row_scale * scale, rtol=1e-6)
    assert by_name[op.constants[0]].ShapeAsNumpy().tolist() == [weight.shape[0], 1, 1, weight.shape[1]]
    assert by_name[op.constants[1]].ShapeAsNumpy().tolist() == [len(bias)]
