"""What the interpreter counts, beside plain Python on its traces; the files that carry it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rnn_edge.errors import UserError
from rnn_edge.ir.counters import LARGEST, Counters, Counting, gates, load_calibration, states, watched
from rnn_edge.ir.interpret import Interpreter, steps_of
from rnn_edge.ir.program import Program
from rnn_edge.quality import _saturated_gates
from tests.networks import STACKS, Network, program

LAST, TOKENS = STACKS[0], STACKS[3]
LSTM = Network(("lstm",), (4,), inputs=2, dense=())


def played(made: Program, limits: Counters | None = None) -> tuple[Counters, list[dict[str, list[int]]]]:
    """The counters of a sequence from states at the ends of int16, and its trace in plain integers."""
    rng = np.random.default_rng(0)
    x = rng.integers(-128, 128, (60, made.values[made.input].size))
    x[rng.random(x.shape) < 0.2] = -128
    x[rng.random(x.shape) < 0.1] = 127
    start = [rng.choice([-32768, 32767], (1, made.values[state.name].size)) for state in made.states]
    counting = Counting(made, limits)
    Interpreter(made).run(x[None], states=start, observe=counting.observe)
    trace = [{name: array[0].tolist() for name, array in v.items()} for v in steps_of(Interpreter(made), x, start)]
    return counting.counters(), trace


@pytest.mark.parametrize("network", [LAST, LSTM], ids=lambda network: network.id)
def test_counts_are_those_of_plain_python(network: Network) -> None:
    made = program(network)
    limits, _ = played(made)
    limits = replace(limits, low=(-100, *limits.low[1:]), high=(90, *limits.high[1:]))
    counters, trace = played(made, limits)
    columns = list(zip(*(values["x"] for values in trace), strict=True))
    assert counters.steps == 60
    assert counters.low == tuple(map(min, columns)) and counters.high == tuple(map(max, columns))
    assert counters.saturated_inputs == tuple(sum(v in (-128, 127) for v in column) for column in columns)
    assert counters.outside == (sum(v < -100 or v > 90 for v in columns[0]), *[0] * (len(columns) - 1))
    assert counters.outside[0] > counters.saturated_inputs[0] > 0
    for one, count in zip(watched(made), counters.saturated, strict=True):
        assert count == sum(v in (-32768, 32767) for values in trace for v in values[one.value]), one.name
    assert sum(counters.saturated) > 0


def test_watched_are_what_sigmoid_and_tanh_read_and_the_new_states() -> None:
    made = program(LSTM)
    of_layer = [f"lstm0_{gate}" for gate in "ifgom"]
    assert [gate.name for gate in gates(made)] == of_layer
    assert [(one.name, one.value, one.size) for one in states(made)] == [("h0", "h0_next", 4), ("c0", "c0_next", 4)]
    assert gates(made)[-1].value == "c0_next"


def test_tokens_have_no_range() -> None:
    made = program(TOKENS)
    counting = Counting(made)
    Interpreter(made).run(np.array([[[3], [49], [0]]]), observe=counting.observe)
    counters = counting.counters()
    assert (counters.steps, counters.low, counters.high, counters.saturated_inputs, counters.outside) == (3, *[()] * 4)
    assert len(counters.saturated) == len(watched(made)) == 4


def test_batches_count_the_steps_that_are_real() -> None:
    made = program(LAST)
    x = np.zeros((3, 5, 3), dtype=np.int64)
    x[0, 4:], x[1, 2:] = 127, -128  # behind the ends
    counting = Counting(made)
    Interpreter(made).run(x, np.array([4, 2, 1]), observe=counting.observe)
    counters = counting.counters()
    assert (counters.steps, counters.low, counters.high) == (7, (0, 0, 0), (0, 0, 0))
    counting.clear()
    assert counting.counters() == Counting(made).counters()


def test_a_counter_stays_at_its_largest_value() -> None:
    made = program(LSTM)
    counting = Counting(made)
    counting._steps, counting._saturated[0] = LARGEST, LARGEST + 5
    counting._saturated_inputs += LARGEST + 1
    Interpreter(made).run(np.zeros((1, 3, 2), dtype=np.int64), observe=counting.observe)
    counters = counting.counters()
    assert (counters.steps, counters.saturated[0], counters.saturated_inputs[0]) == (LARGEST, LARGEST, LARGEST)


def test_shares_are_of_all_units() -> None:
    made = program(LSTM)
    none = Counting(made).counters()
    assert none.shares(made) == (0.0,) * 7 and _saturated_gates(made, none) == 0
    some = replace(none, steps=10, saturated=(4, 0, 8, 0, 0, 20, 40))
    assert some.shares(made) == (0.1, 0, 0.2, 0, 0, 0.5, 1)
    assert _saturated_gates(made, some) == pytest.approx(12 / 200)


def test_a_file_gives_the_same_counters(tmp_path: Path) -> None:
    for network in (LAST, TOKENS):
        made = program(network)
        counting = Counting(made)
        Interpreter(made).run(np.ones((1, 3, made.values["x"].size), dtype=np.int64), observe=counting.observe)
        (tmp_path / "counters.json").write_text(counting.counters().to_json())
        assert load_calibration(tmp_path / "counters.json", made) == counting.counters()


DAMAGE = [("steps", -1), ("steps", 1.0), ("steps", True), ("steps", None), ("saturated", []), ("low", [1, 2, "3"])]
DAMAGE += [("high", [1, 2, 40000]), ("outside", 5), ("outside", [0, 0, LARGEST + 1]), ("more", [])]


@pytest.mark.parametrize(("key", "value"), DAMAGE, ids=str)
def test_other_files_are_refused(key: str, value: object, tmp_path: Path) -> None:
    made = program(LAST)
    path = tmp_path / "counters.json"
    path.write_text(json.dumps(json.loads(Counting(made).counters().to_json()) | {key: value}))
    with pytest.raises(UserError, match=r"counters.json holds no counters of net; run `rnn-edge export` again\.$"):
        load_calibration(path, made)


@pytest.mark.parametrize("content", [b"", b"[]", b"5", b"{}", b"\xff\xfe", b'{"steps": 1}'])
def test_files_that_are_none_are_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "counters.json"
    with pytest.raises(UserError, match="No such file"):
        load_calibration(path, program(LAST))
    path.write_bytes(content)
    with pytest.raises(UserError, match="holds no counters of net"):
        load_calibration(path, program(LAST))
