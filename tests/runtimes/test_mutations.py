"""One unit wrong in any kernel or writer: verify fails, and where it can look inside says which operation it was."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rnn_edge import paths
from rnn_edge.backends import c, onnx_model, tflite
from rnn_edge.ir.program import Program, save
from rnn_edge.ir.quantize_input import from_float
from rnn_edge.paths import Artifacts
from rnn_edge.runtimes import Missing, all_runtimes, c_host
from rnn_edge.script import interpret, script
from rnn_edge.vectors import write_commands
from rnn_edge.verdict import FAILED, Row
from rnn_edge.verify import verify
from tests.networks import Network, float_model, program, samples

# Every kind of operation, and both kinds of operand.
NETWORK = Network(("lstm", "gru"), (6, 5), inputs=3, dense=((6, "relu"), (4, "softmax")))
TOKENS = Network(("gru",), (6,), embedding=4)


def exported(folder: Path, right: Program, network: Network, written: Program | None = None) -> Artifacts:
    """Files of `written` beside the program and vectors of `right`."""
    files = Artifacts(folder, right.name)
    model = float_model(network)
    x, lengths = samples(model, 12)
    commands = script(right, from_float(right, x), lengths, None)[:-2]
    save(right, files.program_json, files.program_npz)
    files.vectors.write_text(write_commands(right, commands, interpret(right, commands)))
    written = written or right
    contents = {files.c_folder / name: text.encode() for name, text in c.write(written).items()}
    contents |= {files.tflite_step: tflite.write_step(written), files.tflite_sequence: tflite.write_sequence(written)}
    contents |= {
        files.onnx_step: onnx_model.write_step(written),
        files.onnx_sequence: onnx_model.write_sequence(written),
    }
    for path, content in contents.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return files


def row_of(files: Artifacts, runtime: str) -> Row:
    found = all_runtimes()[runtime].find()
    if isinstance(found, Missing):
        pytest.skip(f"{runtime} is missing: {found.how}")
    return verify(files, [runtime]).rows[1]


# kernel file, its text, the same one unit off, the kind of operation that the diagnosis must name
PRODUCTS, SHORT, LANES, TABLES = "rnn_portable.h", "rnn_portable4.h", "rnn_portable_lanes.h", "rnn_kernels.c"
KERNEL_FAULTS = {
    "matvec rounding": (PRODUCTS, "((uint32_t)product >> 31)", "((uint32_t)product >> 31) + 1", ""),
    "matvec bias": (PRODUCTS, "(rnn_sum)w->bias[i + k] - excess", "(rnn_sum)w->bias[i + k] + 4096 - excess", ""),
    "matvec add": (PRODUCTS, "add ? rnn_add(y[row], v) : v", "add ? rnn_add(y[row], v + 1) : v", "add"),
    "add": (LANES, "rnn_sat16((int32_t)a + b)", "rnn_sat16((int32_t)a + b + 1)", "add"),
    "sub": (LANES, "rnn_sat16((int32_t)a - b)", "rnn_sat16((int32_t)a - b - 1)", "sub"),
    "saturation": (LANES, "(v >> 31) ^ INT16_MAX", "(v >> 31) ^ (INT16_MAX - 1)", ""),
    "mul rounding": (LANES, "v + away + (INT32_C(1) << (shift - 1)) + 1", "v + away + (INT32_C(1) << (shift - 1))", ""),
    "mul half away": (LANES, "v < 0 ? -2 : 0", "v < 0 ? -1 : 0", ""),
    "rescale": (LANES, "rnn_shift_round(a, shift);", "rnn_shift_round(a, shift) + 1;", "rescale"),
    "relu": (LANES, "x > 0 ? x : 0", "x > 0 ? x : 1", "relu"),
    "sigmoid rounding": (LANES, "0xFFFF : 0)) + 1) >> 1", "0xFFFF : 0))) >> 1", "sigmoid"),
    "sigmoid of negatives": (LANES, "(x < 0 ? 0xFFFF : 0)", "(x < 0 ? 0xFFFE : 0)", "sigmoid"),
    "tanh rounding": (LANES, "(1 << (bits - 1))) >> bits", "(1 << (bits - 1)) - 1) >> bits", "tanh"),
    "tanh of negatives": (LANES, "(curve ^ (x < 0 ? -1 : 0))", "(curve ^ (x < 0 ? -256 : 0))", "tanh"),
    "table": (TABLES, "32768, 33451,", "32768, 33452,", ""),
}
KERNEL_FAULTS_4 = {
    "matvec4 rounding": (PRODUCTS, "((product >> before) + 1) >> 1", "(product >> before) >> 1", ""),
    "matvec4 bias": (SHORT, "*bias++ << w->bias_shift)", "*bias++ << w->bias_shift) + 4096", ""),
    "matvec4 two rows": (SHORT, "(int32_t)(both - low) >> 16", "(int32_t)both >> 16", ""),
    "matvec4 scale": (SHORT, "16u + (scale >> 4)", "15u + (scale >> 4)", ""),
}
"""With weights of 4 bits."""


@pytest.fixture(scope="module")
def right_program() -> Program:
    return program(NETWORK, gain=3.0)


@pytest.fixture(scope="module")
def wide_program() -> Program:
    """Without narrowing to 8 bits, which rounds a fault of one unit in a relu away."""
    return program(NETWORK, "int16x8", gain=3.0)


@pytest.mark.parametrize("fault", [*KERNEL_FAULTS, *KERNEL_FAULTS_4])
def test_a_fault_in_a_kernel(
    fault: str, right_program: Program, wide_program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, right, wrong, kind = (KERNEL_FAULTS | KERNEL_FAULTS_4)[fault]
    firmware = tmp_path / "firmware"
    shutil.copytree(paths.FIRMWARE, firmware)
    kernels = firmware / "kernels" / file
    text = kernels.read_text()
    assert text.count(right) >= 1
    kernels.write_text(text.replace(right, wrong))
    for module in (c, c_host):
        monkeypatch.setattr(module, "FIRMWARE", firmware)
    right_one = wide_program if fault == "relu" else right_program
    if fault in KERNEL_FAULTS_4:
        right_one = program(NETWORK, gain=3.0, weight_bits=4)
    row = row_of(exported(tmp_path / "net", right_one, NETWORK), "c-gcc-O2")
    assert row.status == FAILED
    assert row.differing > 0
    assert f"operation {kind}" in row.note
    assert "should be" in row.note


def test_without_a_fault(right_program: Program, tmp_path: Path) -> None:
    files = exported(tmp_path / "net", right_program, NETWORK)
    for runtime in ("c-gcc-O2", "litert-ref", "onnxruntime"):
        assert row_of(files, runtime).differing == 0


def constant(name: str, index: tuple[int, ...], change: int) -> Callable[[Program], Program]:
    def edit(right: Program) -> Program:
        array = right.constants[name].copy()
        array[index] += change if array[index] < 100 else -change
        return replace(right, constants={**right.constants, name: array})

    return edit


def scale(name: str) -> Callable[[Program], Program]:
    def edit(right: Program) -> Program:
        array = right.constants[name].copy()
        array[1] = np.float32(array[1] * 1.01)
        return replace(right, constants={**right.constants, name: array})

    return edit


def operation(output: str, **changed: object) -> Callable[[Program], Program]:
    def edit(right: Program) -> Program:
        return replace(right, ops=tuple(replace(op, **changed) if op.output == output else op for op in right.ops))  # type: ignore[arg-type]

    return edit


WRITER_FAULTS: dict[str, Callable[[Program], Program]] = {
    "weight": constant("lstm0_gx_weight", (0, 0), 1),
    "weight of the head": constant("dense1_sum_weight", (1, 2), 1),
    "bias": constant("gru1_gh_bias", (3,), 4096),
    "row scale": scale("lstm0_gh_scale"),
    "slice": operation("gru1_gx_n", begin=9),
    "operands in turn": operation("gru1_t5", kind="add"),
    "sub for add": operation("gru1_t1", kind="sub"),
    "tanh for sigmoid": operation("lstm0_i", kind="tanh"),
}


WRITTEN = ["c-gcc-O2", "litert-ref", "onnxruntime"]


@pytest.mark.parametrize(
    ("fault", "runtime"), [(fault, WRITTEN[(i + j) % 3]) for i, fault in enumerate(WRITER_FAULTS) for j in (0, 1)]
)
def test_a_fault_in_a_writer(fault: str, runtime: str, right_program: Program, tmp_path: Path) -> None:
    """A file that says something else than the program; each fault in two formats of three."""
    wrong = WRITER_FAULTS[fault](right_program)
    row = row_of(exported(tmp_path / "net", right_program, NETWORK, wrong), runtime)
    assert row.status == FAILED
    assert row.differing > 0
    assert "should be" in row.note


@pytest.mark.parametrize("runtime", ["c-gcc-O2", "litert-ref", "onnxruntime"])
def test_a_fault_in_an_embedding(runtime: str, tmp_path: Path) -> None:
    right = program(TOKENS)
    wrong = constant("embedding0_row_table", (49, 1), 1)(right)
    row = row_of(exported(tmp_path / "net", right, TOKENS, wrong), runtime)
    assert row.status == FAILED
