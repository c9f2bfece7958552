"""The interpreter reproduces the golden GRU bit for bit."""

import numpy as np

from rnn_edge.ir.interpret import Interpreter, steps_of
from rnn_edge.ir.ops import op_requantization
from tests.networks import GOLDEN, golden_program


def test_every_hidden_state() -> None:
    golden = np.load(GOLDEN, allow_pickle=False)
    interpreter = Interpreter(golden_program())
    traces = steps_of(interpreter, golden["x"].astype(np.int64), interpreter.start_states())
    assert np.array_equal(np.array([trace["h0_next"][0] for trace in traces]), golden["h"])


def test_whole_sequence_is_the_last_step() -> None:
    golden = np.load(GOLDEN, allow_pickle=False)
    y, states = Interpreter(golden_program()).run(golden["x"].astype(np.int64)[None])
    assert np.array_equal(y[0], golden["h"][-1])
    assert np.array_equal(states[0][0], golden["h"][-1])


def test_multipliers() -> None:
    golden = np.load(GOLDEN, allow_pickle=False)
    program = golden_program()
    for op in (op for op in program.ops if op.kind == "matvec"):
        rows = op_requantization(program, op)
        q, exponent = golden[f"{op.output[-1]}_multiplier"].T
        assert np.array_equal(rows.r, np.where(q >= 0x7FFF0000, 0x7FFF, (q + (1 << 15)) >> 16))
        assert np.array_equal(rows.t, 15 - exponent)
