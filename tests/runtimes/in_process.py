"""LiteRT, onnxruntime and C beside the interpreter, on many small programs: python -m tests.runtimes.in_process.

A process of its own, because LiteRT and TensorFlow cannot be trusted in one.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from rnn_edge.backends import c
from rnn_edge.errors import UserError
from rnn_edge.files import write_atomically
from rnn_edge.ir.interpret import Interpreter, InterpreterSession
from rnn_edge.ir.program import Program
from rnn_edge.paths import Artifacts
from rnn_edge.runtimes import litert, onnxruntime
from rnn_edge.runtimes.c_host import CHost
from rnn_edge.vectors import Command
from tests.runtimes.cases import write_files
from tests.runtimes.odd_programs import Shape, all_inputs_program, odd_program

COMPILED = CHost("gcc", "O1", ("-O1",))
RUNTIMES = [litert.RUNTIMES[0], *onnxruntime.RUNTIMES]

SHAPES = st.builds(
    Shape,
    inputs=st.integers(1, 20),
    units=st.integers(1, 9),
    extra=st.integers(0, 9),
    wide=st.booleans(),
    x_scale=st.floats(2.0**-20, 1.0, width=32),
    gate=st.integers(0, 12),
    state=st.integers(0, 15),
    product=st.integers(0, 15),
    narrowing=st.integers(1, 15),
    weights=st.floats(2.0**-12, 2.0**6),
    every_step=st.booleans(),
    seed=st.integers(0, 1 << 30),
)


@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(SHAPES)
def programs_agree(shape: Shape) -> None:
    """Any scales, sizes and weights: steps and sequences from extreme states."""
    try:
        program = odd_program(shape)
    except UserError:
        assume(False)
    rng = np.random.default_rng(shape.seed)
    limit = 1 << (15 if shape.wide else 7)
    x = rng.integers(-limit, limit, (9, shape.inputs))
    x[:2] = np.array([[-limit], [limit - 1]])
    states = [rng.choice([-32768, -1, 0, 1, 32767], shape.units)]
    wanted_step = InterpreterSession(program).step(x[0], states)
    wanted_run = InterpreterSession(program).run(x, states)
    with tempfile.TemporaryDirectory() as folder:
        files = Artifacts(Path(folder), program.name)
        write_files(files, program)
        for runtime in RUNTIMES:
            session = runtime.open_session(program, files)
            for got, wanted in ((session.step(x[0], states), wanted_step), (session.run(x, states), wanted_run)):
                assert np.array_equal(got[0], wanted[0]), (runtime.name, "y")
                assert np.array_equal(got[1], wanted[1]), (runtime.name, "states")
        for name, text in c.write(program).items():
            write_atomically(files.c_folder / name, text.encode())
        start = Command("load", 0, None, tuple(states))
        script = [start, Command("step", 0, x[:1]), start, Command("run", 0, x)]
        answers = COMPILED.play(program, files, script).results
        for answer, (y, following) in zip(answers, (wanted_step, wanted_run), strict=True):
            assert np.array_equal(answer, np.concatenate([y.ravel(), *following])), COMPILED.name


def every_input_agrees(program: Program) -> None:
    """All 65,536 integers through the operations on one operand, and products with them."""
    x, state = np.zeros(1, dtype=np.int64), np.arange(-32768, 32768)
    expected = Interpreter(program).trace(x[None], [state[None]])
    for runtime in RUNTIMES:
        traced = runtime.open_trace(program, Path())(x, [state])
        for op in program.ops:
            assert np.array_equal(traced[op.output], expected[op.output][0]), (runtime.name, op)


if __name__ == "__main__":
    for fraction in range(13):
        every_input_agrees(all_inputs_program(fraction))
    programs_agree()
