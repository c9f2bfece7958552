"""The verdict on what a board counted, and the table that shows it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rnn_edge import report_boards
from rnn_edge.calibrate import Channel, Ranges, calibrate, load_ranges
from rnn_edge.drift import Calibration, Drift, compare
from rnn_edge.errors import UserError
from rnn_edge.ir.counters import Counters, Counting
from rnn_edge.ir.interpret import Interpreter
from rnn_edge.ir.program import Program
from rnn_edge.ir.quantize_input import from_float, to_float
from tests.networks import STACKS, Network, float_model, program, samples

LSTM = Network(("lstm",), (4,), inputs=3, dense=())
MADE = program(LSTM)
CHANNELS = (Channel("ax", -2.0, 2.5), Channel("ay", -1.0, 1.0), Channel("a name too long", 0.0, 1.0))


def counted(steps: int = 1000, /, **changed: tuple[int, ...]) -> Counters:
    """Counters of data like those of calibration, but for what is changed."""
    usual: dict[str, tuple[int, ...]] = {
        "saturated": (0,) * 7, "saturated_inputs": (2, 0, 0), "outside": (0, 0, 0),
        "low": (-128, -60, 0), "high": (127, 60, 50),
    }  # fmt: skip
    return Counters(steps=steps, **(usual | changed))


CALIBRATION = Calibration(Ranges(-2.0, 2.5, {}, CHANNELS), counted())


def found(**changed: tuple[int, ...]) -> list[str]:
    return [finding.what for finding in compare(MADE, counted(**changed), CALIBRATION).findings]


def test_what_calibration_saw_is_no_drift() -> None:
    drift = compare(MADE, counted(), CALIBRATION)
    assert not drift.findings
    assert drift.verdict == (
        "The data is still in the range that net was made for: of 1,000 steps no share of what is outside or saturated "
        "is over 1 % above that of calibration."
    )


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"outside": (0, 10, 0)}, []),
        ({"outside": (0, 31, 0)}, ["Input ay is outside what calibration saw in 3.1 % of 1,000 steps"]),
        ({"saturated_inputs": (12, 0, 0)}, []),
        (
            {"saturated_inputs": (13, 0, 0)},
            ["Input ax is saturated in 1.3 % of 1,000 steps, 0.2 % in calibration"],
        ),
        (
            {"saturated_inputs": (40, 0, 0), "outside": (30, 0, 0)},
            ["Input ax is saturated in 4.0 % of 1,000 steps, 0.2 % in calibration"],
        ),
        (
            {"saturated_inputs": (40, 0, 0), "outside": (60, 0, 20)},
            [
                "Input ax is outside what calibration saw in 6.0 % of 1,000 steps",
                "Input a name too long is outside what calibration saw in 2.0 % of 1,000 steps",
            ],
        ),
        ({"saturated": (40, 0, 0, 0, 0, 0, 0)}, []),
        (
            {"saturated": (0, 41, 0, 0, 0, 0, 400)},
            [
                "The state c0 is saturated in 10.0 % of 1,000 steps, 0.0 % in calibration",
                "The gate lstm0_f is saturated in 1.0 % of 1,000 steps, 0.0 % in calibration",
            ],
        ),
        ({"low": (-128, 7, 0), "high": (127, 7, 50)}, ["Input ay is {} in all of 1,000 steps"]),
    ],
)
def test_findings(changed: dict[str, tuple[int, ...]], said: list[str]) -> None:
    seven = f"{to_float(MADE, np.array([0, 7, 0]))[1]:.4g}"
    assert found(**changed) == [sentence.format(seven) for sentence in said]


def test_a_constant_input_needs_steps_to_be_found() -> None:
    flat = {"low": (-128, 7, 0), "high": (127, 7, 50), "saturated_inputs": (0, 0, 0)}
    assert not compare(MADE, counted(99, **flat), CALIBRATION).findings
    assert compare(MADE, counted(100, **flat), CALIBRATION).findings
    constant = replace(CALIBRATION, counters=counted(**flat))
    assert not compare(MADE, counted(**flat), constant).findings


def test_the_verdict_names_the_largest_share() -> None:
    drift = compare(MADE, counted(outside=(0, 50, 20), saturated=(0, 0, 0, 0, 0, 0, 2000)), CALIBRATION)
    assert drift.verdict == (
        "The state c0 is saturated in 50.0 % of 1,000 steps, 0.0 % in calibration, and 2 more are further out: the "
        "data is not what net was made for; check the sensor and its unit, or train and calibrate with such data."
    )
    one_more = compare(MADE, counted(outside=(0, 50, 20)), CALIBRATION)
    assert "of 1,000 steps, and 1 more is further out: the data" in one_more.verdict


def test_no_step_is_nothing_to_judge() -> None:
    drift = compare(MADE, Counting(MADE).counters(), CALIBRATION)
    assert drift.verdict == "No step was counted, so there is nothing to judge." and not drift.findings


def shown(drift: Drift, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr("rnn_edge.report_boards.console.width", 80)
    report_boards.show_drift(drift)
    lines = capsys.readouterr().out.splitlines()
    assert all(len(line) <= 80 for line in lines)
    return lines


def test_the_table(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    drift = compare(MADE, counted(outside=(0, 1000, 0), high=(127, 99, 127)), CALIBRATION)
    lines = [line.split() for line in shown(drift, capsys, monkeypatch)]
    low, high = (to_float(MADE, np.array(ends)) for ends in ((-128, -60, 0), (127, 99, 127)))
    ends = [f"{low[1]:.4g}", f"{high[1]:.4g}", "-1", "1"]
    assert ["ay", *ends, "100.00", "%", "0.00", "%", "0.00", "%"] in lines
    (name, seen_low, seen_high, *_), = (line for line in lines if line[:1] == ["a"])  # fmt: skip
    assert (name, seen_low, seen_high) == ("a", "name", "to~")
    assert ["ax", f"<={low[0]:.4g}", f">={high[0]:.4g}", "-2", "2.5"] in [line[:5] for line in lines]
    assert ["c0", "state", "0.00", "%", "0.00", "%"] in lines and ["lstm0_i", "gate", "0.00", "%", "0.00", "%"] in lines


def test_tokens_and_no_step_have_a_table(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    made = program(STACKS[3])
    tokens = Calibration(Ranges(0, 0, {}), Counting(made).counters())
    lines = shown(compare(made, tokens.counters, tokens), capsys, monkeypatch)
    assert not any(line.startswith("input") for line in lines) and any(
        line.split()[:2] == ["h0", "state"] for line in lines
    )
    lines = shown(compare(MADE, Counting(MADE).counters(), CALIBRATION), capsys, monkeypatch)
    assert any(line.split()[:5] == ["ay", "-", "-", "-1", "1"] for line in lines)


# the files of calibration


def test_calibration_finds_the_range_of_every_channel(tmp_path: Path) -> None:
    model = float_model(LSTM)
    x = np.random.default_rng(0).normal(size=(8, 10, 3)) * [1.0, 5.0, 0.1] + [0.0, 3.0, -2.0]
    lengths = np.arange(3, 11)
    x[np.arange(10) >= lengths[:, None]] = 1000.0  # behind the ends
    real = x[np.arange(10) < lengths[:, None]]
    ranges = calibrate(model, x, lengths, names=("ax", "ay", "az"))
    assert ranges.channels == tuple(
        Channel(name, low, high)
        for name, low, high in zip(["ax", "ay", "az"], real.min(0).tolist(), real.max(0).tolist(), strict=True)
    )
    assert [channel.name for channel in calibrate(model, x, lengths).channels] == ["1", "2", "3"]
    (tmp_path / "ranges.json").write_text(ranges.to_json())
    assert load_ranges(tmp_path / "ranges.json") == ranges


@pytest.mark.parametrize(
    "content", [b'{"low": -1.0, "high": 1.0, "peaks": {}}', b"", b"[]", b'{"channels": [{}]}', b"\xff"]
)
def test_other_ranges_are_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "ranges.json"
    with pytest.raises(
        UserError, match=r"cannot be read \(No such file or directory\); run `rnn-edge export` again\.$"
    ):
        load_ranges(path)
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"without those of the channels; run `rnn-edge export` again\.$"):
        load_ranges(path)


def test_the_middle_of_every_integer_is_that_integer() -> None:
    made: Program = replace(
        MADE,
        constants={**MADE.constants, "input_mean": np.array([5.0, -3, 0]), "input_deviation": np.array([2, 0.1, 9])},
    )
    q = np.arange(-128, 128)[:, None].repeat(3, axis=1)
    assert np.array_equal(from_float(made, to_float(made, q)), q)


def test_data_of_another_scale_is_found() -> None:
    """From end to end with the interpreter: calibration, then other data, as they are and times 1.5."""
    model = float_model(LSTM)
    x, lengths = samples(model)

    def count(data: NDArray[np.generic], lengths: NDArray[np.int64], limits: Counters | None = None) -> Counters:
        counting = Counting(MADE, limits)
        Interpreter(MADE).run(from_float(MADE, data), lengths, observe=counting.observe)
        return counting.counters()

    calibration = Calibration(calibrate(model, x, lengths), count(x, lengths))
    others, their_lengths = samples(model, seed=2)
    drifted = 1.5 * others.astype(np.float64)
    for data, of, drifts in ((x, lengths, False), (others, their_lengths, False), (drifted, their_lengths, True)):
        assert bool(compare(MADE, count(data, of, calibration.counters), calibration).findings) == drifts
