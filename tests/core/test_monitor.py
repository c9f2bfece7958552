"""The lines that monitor takes and what it shows, against a board in Python."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest

from rnn_edge.errors import UserError
from rnn_edge.ir.interpret import InterpreterSession
from rnn_edge.ir.program import Program
from rnn_edge.ir.quantize_input import from_float
from rnn_edge.link import Link
from rnn_edge.monitor import Seen, describe, monitor
from rnn_edge.outputs import dequantize
from tests.fake_device import CYCLES, FakeDevice
from tests.networks import STACKS, Network, program

NUMBERS, EVERY, TOKENS, SIGMOID = STACKS[0], STACKS[1], STACKS[3], STACKS[4]


class Counting(FakeDevice):
    """A board that counts cycles."""

    def _obey(self, command: int, payload: bytes) -> tuple[int, bytes]:
        if command == CYCLES:
            return 0, (1234).to_bytes(4, "little") + bytes(4)
        return super()._obey(command, payload)


def seen(made: Program, lines: Iterable[str], device: type[FakeDevice] = FakeDevice) -> list[Seen]:
    with Link(device(made)) as link:
        return list(monitor(link, made, lines))


def expected(made: Program, sequences: Iterable[Iterable[list[float]]]) -> list[list[float]]:
    outputs = []
    for sequence in sequences:
        states = [np.zeros(made.values[state.name].size, dtype=np.int64) for state in made.states]
        for x in sequence:
            y, states = InterpreterSession(made).step(from_float(made, np.array(x)), states)
            outputs.append(dequantize(made, y).tolist())
    return outputs


@pytest.mark.parametrize("network", [NUMBERS, EVERY, TOKENS], ids=lambda network: network.id)
def test_steps_are_those_of_the_interpreter(network: Network) -> None:
    made = program(network)
    size = made.values[made.input].size
    values = [[7.0], [0.0], [49.0]] if made.tokens else [[1.5] * size, [-0.25] * size, [1e9] * size]
    a, b, c = (" , ".join(map(str, x)) for x in values)
    lines = ["# a comment", "", f"{a}\n", "  # another\n", f"{b} # behind a step", " \n", "\n", c.replace(",", ";"), b]
    found = seen(made, lines)
    assert [one.step for one in found] == [1, 2, 1, 2]
    assert [one.outputs.tolist() for one in found] == expected(made, [values[:2], [values[2], values[1]]])


def test_cycles_are_shown_where_they_are_counted() -> None:
    made = program(NUMBERS)
    line = "0 " * made.values[made.input].size
    assert [one.cycles for one in seen(made, [line])] == [None]
    assert [one.cycles for one in seen(made, [line], Counting)] == [1234]


@pytest.mark.parametrize(
    ("network", "line", "said"),
    [
        (NUMBERS, "1 2", r"^Line 2 has 2 values; a step of net has 3\.$"),
        (NUMBERS, "1 2 3 4", r"^Line 2 has 4 values; a step of net has 3\.$"),
        (NUMBERS, "1 two 3", r"^Line 2 is no step: 'two' is no number; give 3 numbers a line\.$"),
        (TOKENS, "-1", r"^Line 2 is no step: net takes whole tokens from 0 to 49; the input has others\.$"),
        (TOKENS, "50", r"^Line 2 is no step: net takes whole tokens from 0 to 49"),
        (TOKENS, "1.5", r"^Line 2 is no step: net takes whole tokens from 0 to 49"),
        (TOKENS, "nan", r"^Line 2 is no step: net takes whole tokens from 0 to 49"),
        (TOKENS, "1e30", r"^Line 2 is no step: net takes whole tokens from 0 to 49"),
    ],
)
def test_a_line_that_is_no_step(network: Network, line: str, said: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserError, match=said):
            seen(program(network), ["", line])


def test_outputs_in_words() -> None:
    def words(network: Network, outputs: list[float], classes: tuple[str, ...] = ()) -> str:
        return describe(replace(program(network), classes=classes), Seen(1, np.array(outputs), None))

    softmax = [0.0, np.log(2.0), 0.0, 0.0, 0.0]
    assert words(NUMBERS, softmax, ("a", "b", "c", "d", "e")) == "b 33.3 %"
    assert words(NUMBERS, softmax, ("a",)) == words(NUMBERS, softmax) == "class 1 33.3 %"
    assert words(EVERY, [0.25, -1.0, 123456.0]) == "0.25 -1 1.235e+05"
    assert words(SIGMOID, [0.75], ("off", "on")) == "on 75.0 %"
    assert words(SIGMOID, [0.25], ("off", "on")) == "off 75.0 %"
