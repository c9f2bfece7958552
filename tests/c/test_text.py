"""The generated text: the same every time, whatever the names, C++ and clang-format included."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rnn_edge.backends import c
from rnn_edge.backends.c_equations import FORMS
from rnn_edge.backends.c_loop import CALLS
from rnn_edge.backends.c_text import float_literal, identifier, string_literal, table
from rnn_edge.errors import UserError
from rnn_edge.ir.ops import KINDS
from rnn_edge.ir.program import State
from rnn_edge.paths import FIRMWARE
from tests.c.builds import FAST, assert_exact, export, script, usable
from tests.networks import GRU, STACKS, golden_program, program


def test_every_kind_has_a_call() -> None:
    assert set(FORMS) | {"slice"} == set(KINDS)
    assert set(CALLS) == {name for name, kind in KINDS.items() if kind.elementwise}


def test_same_program_same_bytes() -> None:
    first, second = (c.write(program(STACKS[0])) for _ in range(2))
    assert first == second


def test_provenance_and_no_float_in_the_step() -> None:
    made = golden_program()
    text = c.write(made)["golden.c"]
    assert made.hash in text[:500] and "scheme int8" in text[:500] and "semantics version 1" in text[:500]
    step = text[text.index("static void golden_body") : text.index("void golden_quantize_input")]
    assert "float" not in step and "malloc" not in text and ".0f" not in step


@pytest.mark.parametrize("layer", ["", "gru0_"])  # a layer's name is left out where that is clear
def test_values_named_like_words_of_c_still_compile(layer: str, tmp_path: Path) -> None:
    made = program(GRU)
    values = [name for name in made.values if name not in ("x", "h0")]
    words = ["int", "int_", "state", "y", "memcpy", "INT16_MAX", "net_step", "uint8_t", "scratch", "linux", "steps"]
    renamed = dict(zip(values, (layer + word for word in words), strict=False)) | {"h0": "register"}
    new = {old: renamed.get(old, old) for old in made.values}
    hostile = replace(
        made,
        values={new[name]: replace(value, name=new[name]) for name, value in made.values.items()},
        ops=tuple(replace(op, output=new[op.output], inputs=tuple(new[i] for i in op.inputs)) for op in made.ops),
        states=tuple(State(new[state.name], new[state.next]) for state in made.states),
        output=new[made.output],
    )
    assert len({identifier(word, "net") for word in words}) == len(words)
    for build in FAST:
        assert_exact(usable(build), hostile, tmp_path, script(hostile))


@pytest.mark.parametrize("name", ["string", "time", "Math", "rnn", "rnn_kernels"])
def test_model_names_that_would_hide_other_files_are_refused(name: str) -> None:
    with pytest.raises(UserError, match="rename it"):
        c.write(replace(golden_program(), name=name))


def test_literals() -> None:
    assert string_literal('a"b\\c?d\n9é') == r'"a\042b\134c\077d\0129\303\251"'
    assert [float_literal(value) for value in (1.0, 0.5, 2.0**-15, 1e20)] == [
        "1.0f",
        "0.5f",
        "3.0517578e-05f",
        "1e+20f",
    ]
    for value in np.random.default_rng(0).normal(size=1000).astype(np.float32):
        assert np.float32(float_literal(float(value))[:-1]) == value
    with pytest.raises(UserError, match="5000 bytes"):
        string_literal("x" * 5000)


def test_sizes_of_tables_do_not_overflow_an_int_of_16_bits() -> None:
    assert table("int8_t", "matrix", np.zeros((384, 128), dtype=np.int8)).size == "384L * 128"
    assert table("int8_t", "vector", np.zeros(40000, dtype=np.int8)).size == "40000"  # long as it stands


def test_header_in_cpp_and_text_stable_under_clang_format(tmp_path: Path) -> None:
    made = replace(program(STACKS[0]), name="stack")
    artifacts = export(made, tmp_path)
    compiler = shutil.which("g++")
    formatter = shutil.which("clang-format", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if compiler is None or formatter is None:
        pytest.skip("g++ or clang-format is missing: apt install g++; pip install clang-format")
    (tmp_path / "user.cpp").write_text(
        '#include "stack.h"\n#include "rnn_kernels.h"\nint main() { return STACK_INPUTS - 3; }\n'
    )
    flags = ["-Wall", "-Wextra", "-pedantic", "-Werror", f"-I{artifacts.c_folder}"]
    subprocess.run([compiler, *flags, tmp_path / "user.cpp", "-o", tmp_path / "user"], check=True)
    subprocess.run([tmp_path / "user"], check=True)
    style = f"--style=file:{Path(__file__).parents[2] / '.clang-format'}"
    for name in ("stack.c", "stack.h", "stack_tables.h"):
        text = (artifacts.c_folder / name).read_text()
        done = subprocess.run([formatter, style, artifacts.c_folder / name], capture_output=True, text=True, check=True)
        assert done.stdout == text, name


def test_kernels_need_nothing_but_stdint() -> None:
    text = "".join((FIRMWARE / "kernels" / name).read_text() for name in c.KERNELS)
    included = set(re.findall(r"#include\s+[<\"](.*?)[>\"]", text))
    assert included - set(c.KERNELS) == {"stdint.h", "arm_acle.h", "arm_mve.h"}
