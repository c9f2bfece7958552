"""The ONNX models themselves, and the tables of their curves."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from rnn_edge import __version__
from rnn_edge.backends import onnx_model
from rnn_edge.ir.check import SCHEMES
from rnn_edge.ir.interpret import Interpreter
from rnn_edge.runtimes import Missing, litert, onnxruntime
from tests.networks import NETWORKS, Network, golden_program, program
from tests.runtimes.odd_programs import all_inputs_program

OPERATORS = {
    "Cast",
    "Identity",
    "MatMulInteger",
    "MatMul",
    "Mul",
    "Add",
    "Sub",
    "Div",
    "Clip",
    "Less",
    "Where",
    "Gather",
    "Max",
    "Split",
    "Slice",
    "Concat",
    "Scan",
}
INTEGERS = {"INT8", "INT16", "INT32", "INT64", "BOOL"}

every_program = pytest.mark.parametrize(
    ("network", "scheme"),
    [(network, scheme) for network in NETWORKS for scheme in SCHEMES],
    ids=lambda value: value if isinstance(value, str) else value.id,
)


def graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from graphs(attribute.g)


def types(model: onnx.ModelProto) -> set[str]:
    found = set()
    for graph in graphs(model.graph):
        found |= {constant.data_type for constant in graph.initializer}
        values = [*graph.input, *graph.output, *graph.value_info]
        found |= {value.type.tensor_type.elem_type for value in values}
    return {onnx.TensorProto.DataType.Name(number) for number in found}


@every_program
def test_structure(network: Network, scheme: str) -> None:
    made = program(network, scheme)
    states = [state.name for state in made.states]
    for content in (onnx_model.write_step(made), onnx_model.write_sequence(made)):
        model = onnx.load_from_string(content)
        onnx.checker.check_model(model, full_check=True)
        inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
        assert types(inferred) <= INTEGERS
        assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 18)]
        assert model.ir_version == 9
        assert {node.op_type for graph in graphs(model.graph) for node in graph.node} <= OPERATORS
        assert [value.name for value in model.graph.input] == ["x", *states]
        assert [value.name for value in model.graph.output] == ["y", *(f"{state}_next" for state in states)]


@every_program
def test_same_program_same_bytes(network: Network, scheme: str) -> None:
    first, second = program(network, scheme), program(network, scheme)
    assert onnx_model.write_step(first) == onnx_model.write_step(second)
    assert onnx_model.write_sequence(first) == onnx_model.write_sequence(second)


def test_bytes_do_not_depend_on_hash_seeds() -> None:
    code = (
        "import hashlib; from rnn_edge.backends import onnx_model, tflite; from tests.networks import golden_program;"
        "p = golden_program(); writers = (onnx_model.write_step, onnx_model.write_sequence, tflite.write_step,"
        "tflite.write_sequence); print(hashlib.sha256(b''.join(w(p) for w in writers)).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=Path(__file__).parents[2],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            timeout=120,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def test_shapes() -> None:
    made = program(Network(("gru",), (5,), inputs=3, dense=((2, "linear"),), every_step=True))
    model = onnx.load_from_string(onnx_model.write_sequence(made))
    shapes = {
        value.name: [size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim]
        for value in [*model.graph.input, *model.graph.output]
    }
    assert shapes == {"x": ["T", 3], "h0": [5], "y": ["T", 2], "h0_next": [5]}


def test_sizes_and_provenance() -> None:
    made = golden_program()
    step, sequence = onnx_model.write_step(made), onnx_model.write_sequence(made)
    assert len(step) < 18_000 and len(sequence) < 18_000
    model = onnx.load_from_string(step)
    assert (model.producer_name, model.producer_version) == ("rnn-edge", __version__)
    properties = {entry.key: entry.value for entry in model.metadata_props}
    assert properties["program"] == made.hash
    assert float(properties["x_scale"]) == made.values["x"].scale


@pytest.mark.parametrize("fraction", range(13))
def test_every_input_of_operations_on_one_operand(fraction: int) -> None:
    made = all_inputs_program(fraction)
    states = np.arange(-32768, 32768)
    evaluator = ReferenceEvaluator(onnx.load_from_string(onnx_model.write_step(made, all_values=True)))
    answers = evaluator.run(None, {"x": np.zeros(1, dtype=np.int8), "h0": states.astype(np.int16)})
    computed = dict(zip(onnx_model.output_values(made, all_values=True), answers, strict=True))
    expected = Interpreter(made).trace(np.zeros((1, 1), dtype=np.int64), [states[None]])
    for op in made.ops:
        assert np.array_equal(computed[op.output], expected[op.output][0]), op


def test_litert_and_onnxruntime_agree_on_odd_programs() -> None:
    """Generated scales, sizes and weights, and every int16 through every fraction and shift."""
    for runtime in (*litert.RUNTIMES, *onnxruntime.RUNTIMES):
        found = runtime.find()
        if isinstance(found, Missing):
            pytest.skip(f"{runtime.name} is not installed; get it with: {found.how}")
    command = [sys.executable, "-m", "tests.runtimes.in_process"]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
