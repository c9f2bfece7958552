"""Long streams: what is counted, against a plain count; and that growth is told from rest."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rnn_edge.calibrate import run_float
from rnn_edge.ir.arithmetic import IntArray
from rnn_edge.ir.interpret import Interpreter
from rnn_edge.ir.program import Program
from rnn_edge.stress import report
from rnn_edge.stress.run import PARTS, Stress, stress
from rnn_edge.stress.streams import Sequences, Stream, all_streams
from tests.networks import Network, float_model, program, samples

NUMERIC = Network(("lstm", "gru"), (6, 3), inputs=3, dense=(), every_step=True)
TOKENS = Network(("gru",), (8,), embedding=3, dense=(), every_step=True)
STEPS = 1300  # more than one chunk, no multiple of it


def streams(network: Network, seed: int = 0) -> list[Stream]:
    x, lengths = samples(float_model(network))
    return all_streams(program(network), Sequences(x, lengths), seed)


def integer_states(made: Program, q: IntArray) -> IntArray:
    """All states side by side at every step `[steps, units]` of one sequence."""
    rows: list[IntArray] = []

    def keep(values: dict[str, IntArray]) -> None:
        rows.append(np.concatenate([values[state.next][0] for state in made.states]))

    Interpreter(made).run(q, observe=keep)
    return np.stack(rows)


@pytest.mark.parametrize("network", [NUMERIC, TOKENS], ids=["numeric", "tokens"])
def test_what_is_measured_is_what_a_plain_loop_measures(network: Network) -> None:
    made, model = program(network, gain=3.0), float_model(network, gain=3.0)
    results = stress(made, model, streams(network), STEPS)
    assert len(results) == (3 if network is TOKENS else 6)
    for one, stream in zip(results, streams(network), strict=True):
        q, x = stream.take(STEPS)
        integer = integer_states(made, q[None])
        # The first state of the last layer is the output of this network; of the others the float run keeps none.
        units = made.values[made.output].size
        exact = run_float(model, x[None], np.array([STEPS]))[0] / made.values[made.states[-1].name].scale
        deviation = integer[:, -units:] - exact
        assert one.largest >= np.abs(deviation).max() - 1e-6
        if len(made.states) == 1:
            parts = np.array_split(np.square(deviation), PARTS)
            assert np.allclose(one.rms, [np.sqrt(part.mean()) for part in parts])
            assert one.largest == pytest.approx(np.abs(deviation).max())
            assert one.largest_at == np.abs(deviation).max(axis=1).argmax()
        at_ends = np.mean((integer == 32767) | (integer == -32768))
        assert one.saturated_states == pytest.approx(at_ends)


def test_streams_are_inside_the_input_format_and_repeat_with_their_seed() -> None:
    for network in (NUMERIC, TOKENS):
        made = program(network)
        limits = np.iinfo(np.int32) if made.tokens is not None else np.iinfo(made.values[made.input].dtype)
        high = made.tokens - 1 if made.tokens is not None else limits.max
        low = 0 if made.tokens is not None else limits.min
        for one, again, other in zip(streams(network), streams(network), streams(network, 1), strict=True):
            q, x = one.take(700)
            assert q.shape == x.shape == (700, made.values[made.input].size)
            assert low <= q.min() and q.max() <= high
            first, second = again.take(300)[0], again.take(400)[0]
            assert np.array_equal(q, np.concatenate([first, second]))
            assert one.name in ("high", "low", "rest", "held") or not np.array_equal(q, other.take(700)[0])


def test_the_data_stream_has_every_sequence_before_any_comes_again() -> None:
    model = float_model(NUMERIC)
    x, lengths = samples(model, count=5, steps=9)
    (data, *_) = all_streams(program(NUMERIC), Sequences(x, lengths), 0)
    _, taken = data.take(int(lengths.sum()))
    real = np.concatenate([one[:length] for one, length in zip(x, lengths, strict=True)])
    assert sorted(map(tuple, taken.tolist())) == sorted(map(tuple, real.astype(np.float64).tolist()))


def result(rms: list[float]) -> Stress:
    return Stress("data", "", 1000, tuple(rms), 100.0, 1.0, 0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("rms", "grows"),
    [
        ([3.0] * 10, False),
        ([float(part) for part in range(1, 11)], True),
        ([0.1 * part for part in range(1, 11)], False),  # below the last bit
        ([10 * (1 - 0.5**part) for part in range(10)], False),  # it comes to rest
        ([1.3**part for part in range(10)], True),
        ([5.0, 3.0, 4.0, 5.0, 2.0, 4.0, 3.0, 5.0, 4.0, 5.0], False),  # it is low in the middle by chance
    ],
)
def test_growth(rms: list[float], grows: bool) -> None:
    assert result(rms).grows is grows


def test_a_network_with_other_weights_deviates() -> None:
    made, model = program(NUMERIC), float_model(NUMERIC)
    right = stress(made, model, streams(NUMERIC), 200)[0]
    wrong = stress(made, replace(model, mean=model.mean + 1.0), streams(NUMERIC), 200)[0]
    assert wrong.snr_db < 20 < right.snr_db


def test_the_report_says_each_stream_once_in_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    calm, growing = result([3.0] * 10), replace(result([float(part) for part in range(10)]), stream="low")
    report.show([calm, growing])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert [sum(line.startswith(f"{name} ") for line in lines) for name in ("data", "low")] == [1, 1]
    assert lines[-1] == "The deviation grows over 1,000 steps without a reset on low."
    report.show([calm])
    assert "none grew to 1.5 times its first half" in capsys.readouterr().out
