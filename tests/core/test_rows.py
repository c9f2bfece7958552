"""What of a sequence one step reads."""

from __future__ import annotations

import numpy as np
import pytest

from rnn_edge.backends import c
from rnn_edge.errors import UserError
from rnn_edge.ir.interpret import Interpreter
from rnn_edge.ir.program import check_streams
from rnn_edge.rows import Rows
from tests.networks import STACKS, program

CONV, BOTH, LARGEST = STACKS[8], STACKS[12], STACKS[10]
X = np.arange(2 * 7 * 3, dtype=np.float32).reshape(2, 7, 3)
LENGTHS = np.array([7, 5])


def test_several_rows_a_step_are_those_of_the_sequence_in_order() -> None:
    x, steps = Rows(rate=2).of(X, LENGTHS)
    assert x.shape == (2, 3, 6) and steps.tolist() == [3, 2]
    np.testing.assert_array_equal(x[1, 1], [*X[1, 2], *X[1, 3]])
    back, lengths = Rows(rate=2).back(x, steps)
    np.testing.assert_array_equal(back, X[:, :6])
    assert lengths.tolist() == [6, 4]


def test_both_ends_of_each_sequence_meet() -> None:
    rows = Rows(mirrored=True)
    x, steps = rows.of(X, LENGTHS)
    assert x.shape == (2, 7, 6) and steps is LENGTHS and rows.channels(6) == 3
    for t in range(5):
        np.testing.assert_array_equal(x[1, t], [*X[1, t], *X[1, 4 - t]])
    np.testing.assert_array_equal(rows.back(x, steps)[0], X)


def test_every_input_of_a_step_has_a_name() -> None:
    for rows, width in ((Rows(), 2), (Rows(rate=3), 6), (Rows(mirrored=True), 4)):
        names = rows.names(("ax", "ay"))
        assert len(set(names)) == width and rows.channels(width) == 2
        assert rows.names(()) == ()


def test_a_sequence_without_a_step_is_refused() -> None:
    with pytest.raises(UserError, match="A sequence has 5 rows and a step of this network reads 6: give longer ones"):
        Rows(rate=6).of(X, LENGTHS)


def test_what_reads_both_ends_cannot_follow_a_stream() -> None:
    with pytest.raises(UserError, match="net reads every sequence from both ends, and a stream has no end"):
        check_streams(program(BOTH))
    assert check_streams(program(CONV)).rate == 2


def test_the_largest_starts_below_everything() -> None:
    made = program(LARGEST)
    states = {state.name: state.start for state in made.states}
    assert states["max0"] == -32768 and set(states.values()) == {0, -32768}
    _, after = Interpreter(made).step(np.zeros((1, made.values["x"].size), np.int64), Interpreter(made).start_states())
    index = [state.name for state in made.states].index("max0")
    hidden = [state.name for state in made.states].index("h1")
    np.testing.assert_array_equal(after[index], after[hidden])


def test_rows_of_a_step_share_their_weights_in_c() -> None:
    text = c.write(program(CONV))
    assert text["net.c"].count("&net_conv0_sum_linear") == 2
    assert text["net_tables.h"].count("rnn_linear net_conv0_sum_linear") <= 4  # one for each kind of core
    assert "2 rows of the sequence, the earlier ones first" in text["net.h"]
    assert "state->max0[i] = INT16_MIN;" in c.write(program(LARGEST))["net.c"]
