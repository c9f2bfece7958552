"""Features and decisions: their definitions against plain integers, exact fractions and float."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from hashlib import sha256
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from rnn_edge.errors import UserError
from rnn_edge.features import Configuration, Decimation, Decision, LogMel, Statistics, from_dict
from rnn_edge.features.statistics import STATISTICS
from tests import signals
from tests.core import plain_log_mel

KINDS: list[Configuration] = [
    LogMel(),
    Statistics(channels=3, window=20, hop=5, statistics=("range", "mean")),
    Decimation(channels=6, factor=4),
    Decision(classes=4, threshold=20000, rest=10, ignored=(0,)),
]
SMALL = LogMel(rate_hz=4000, window=60, hop=20, fft=64, mels=5, low_hz=100, high_hz=2000)
ODD_STAGES = LogMel(rate_hz=4000, window=100, hop=30, fft=128, mels=8, low_hz=0, high_hz=1900, floor=0)
COUNTS = st.integers(-32768, 32767) | st.sampled_from([-32768, -1, 0, 1, 32767])


# log-mel


def test_tables_are_those_of_the_formulas() -> None:
    for features in (LogMel(), SMALL, replace(LogMel(), window=1000, fft=1024)):
        sine = np.sin(2 * np.pi * np.arange(features.fft // 4 + 1) / features.fft) * 2**14
        assert np.abs(features.quarter_sine - sine).max() < 0.5001
        hann = np.sin(np.pi * np.arange(features.window // 2 + 1) / features.window) ** 2 * 2**15
        assert np.abs(features.half_hann - hann).max() < 0.5001
        triangles = float_triangles(features)[: features.fft // 2] * 2**8
        assert np.abs(features._triangles - triangles).max() < 0.5001


def test_tables_are_the_same_on_every_platform() -> None:
    features = LogMel()
    tables = [features.quarter_sine, features.half_hann, features.bands.ends, features.bands.weights]
    assert sha256(b"".join(one.astype("<i8").tobytes() for one in tables)).hexdigest()[:16] == "ca70f6734f9bceec"
    assert features.hash[:16] == "0bbeaa269f56eb59"


@pytest.mark.parametrize("features", [SMALL, ODD_STAGES, LogMel()], ids=lambda f: str(f.fft))
def test_frames_are_those_of_plain_integers(features: LogMel) -> None:
    samples = features.window + features.hop
    played = {"speech": signals.speech(samples, 20000), **signals.extremes(samples)}
    for name, x in played.items():
        expected = [plain_log_mel.frame(x[start : start + features.window], features) for start in (0, features.hop)]
        assert features.frames(x).tolist() == expected, name


@settings(deadline=None, max_examples=60)
@given(st.lists(COUNTS, min_size=SMALL.window, max_size=SMALL.window), st.integers(0, 15))
def test_frames_of_any_samples_are_those_of_plain_integers(drawn: list[int], quieter: int) -> None:
    x = (np.array(drawn) >> quieter).astype(np.int16)
    assert SMALL.frames(x)[0].tolist() == plain_log_mel.frame(x, SMALL)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from([-32768, 32767]), min_size=ODD_STAGES.window, max_size=ODD_STAGES.window))
def test_full_scale_never_overflows(drawn: list[int]) -> None:
    x = np.array(drawn, dtype=np.int16)
    assert ODD_STAGES.frames(x)[0].tolist() == plain_log_mel.frame(x, ODD_STAGES)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_bands_are_the_triangles(data: st.DataObject) -> None:
    rate = data.draw(st.integers(1000, 96000))
    high = data.draw(st.integers(1, min(rate // 2, 48000)))
    low = data.draw(st.integers(0, high - 1))
    fft = 2 ** data.draw(st.integers(6, 10))
    try:
        features = LogMel(rate, 32, 1, fft, data.draw(st.integers(1, 128)), low, high)
    except UserError as refused:
        assert "lies between two bins" in str(refused)
        return
    bands, rebuilt = features.bands, np.zeros((fft // 2, features.mels + 2), dtype=np.int64)
    begins = [bands.first, *bands.ends]
    assert bands.first >= 1 and bands.ends[-1] <= fft // 2 and bands.ends[-1] - bands.first == len(bands.weights)
    for stretch in range(features.mels + 1):
        for k in range(begins[stretch], begins[stretch + 1]):
            rebuilt[k, stretch + 1] = bands.weights[k - bands.first]
            rebuilt[k, stretch] = 256 - bands.weights[k - bands.first]
    assert rebuilt[:, 1:-1].tolist() == features._triangles.tolist()


def test_a_frame_knows_nothing_of_the_others() -> None:
    x = signals.speech(9000, 10000)
    features = LogMel(hop=160, window=400)
    assert len(features.frames(x[:399])) == 0
    for index, frame in enumerate(features.frames(x)):
        start = index * features.hop
        assert frame.tolist() == features.frames(x[start : start + features.window])[0].tolist()


@pytest.mark.parametrize("floor", [0, 8, 16])
def test_silence_is_the_floor(floor: int) -> None:
    assert (LogMel(floor=floor).frames(np.zeros(512, dtype=np.int16)) == floor * 256).all()


def test_twice_as_loud_is_two_octaves_of_power() -> None:
    features = LogMel(floor=0)
    x = signals.speech(16000, 16000)
    louder = features.frames((x.astype(np.int64) * 2).astype(np.int16)).astype(np.int64)
    assert np.abs(np.median(louder - features.frames(x)) - 512) < 1


MEASURED = [
    # signal, mean and 99 % of |error| in dB, what they have to stay below
    ("speech, peak 30000", signals.speech(64000, 30000), 0.1, 2.0),
    ("speech, peak 3000", signals.speech(64000, 3000), 0.02, 0.1),
    ("speech, peak 300", signals.speech(64000, 300), 0.02, 0.1),
    ("speech, peak 3000, offset 500", signals.speech(64000, 3000) + np.int16(500), 0.03, 0.5),
    ("white noise, full scale", signals.extremes(64000)["random"], 0.01, 0.1),
]


@pytest.mark.parametrize(("name", "x", "mean", "most"), MEASURED, ids=[case[0] for case in MEASURED])
def test_error_against_float(name: str, x: NDArray[np.int16], mean: float, most: float) -> None:
    features = LogMel()
    found, exact = features.frames(x) / 256, float_features(features, x)
    error = np.abs(found - exact) * 10 * math.log10(2)
    bias = float(np.mean(found - exact)) * 10 * math.log10(2)
    print(
        f"{name}: |error| mean {error.mean():.3f} dB, 99 % {np.quantile(error, 0.99):.3f} dB, most {error.max():.2f} "
        f"dB, mean of error {bias:+.3f} dB, of {np.ptp(exact) * 10 * math.log10(2):.0f} dB"
    )
    assert error.mean() < mean and np.quantile(error, 0.99) < most


def float_triangles(features: LogMel) -> NDArray[np.float64]:
    """`[fft / 2 + 1, mels]`."""
    hertz = np.arange(features.fft // 2 + 1) * features.rate_hz / features.fft
    low, high = (np.log1p(edge / 700) for edge in (features.low_hz, features.high_hz))
    position = (np.log1p(hertz / 700) - low) / (high - low) * (features.mels + 1)
    triangles: NDArray[np.float64] = np.maximum(0, 1 - np.abs(position[:, None] - np.arange(1, features.mels + 1)))
    return triangles


def float_features(features: LogMel, x: NDArray[np.int16]) -> NDArray[np.float64]:
    """The same in float64, octaves."""
    count = (len(x) - features.window) // features.hop + 1
    frames = x[np.arange(count)[:, None] * features.hop + np.arange(features.window)].astype(np.float64)
    hann = np.sin(np.pi * np.arange(features.window) / features.window) ** 2
    power = np.abs(np.fft.rfft(frames * hann, features.fft)) ** 2 @ float_triangles(features)
    octaves: NDArray[np.float64] = np.log2(power + 2.0**features.floor)
    return octaves


# statistics, decimation


def exact_statistics(x: Sequence[int]) -> dict[str, int]:
    """Of one channel, in fractions; half up."""
    n, mean = len(x), Fraction(sum(x), len(x))
    root = math.isqrt(n * sum(v * v for v in x) - sum(x) ** 2)
    values = {
        "mean": mean,
        "minimum": Fraction(min(x)),
        "maximum": Fraction(max(x)),
        "range": Fraction(max(x) - min(x)),
        "mean_difference": Fraction(sum(abs(b - a) for a, b in pairwise(x)), n - 1),
        "deviation": Fraction(root, n),
    }
    return {name: min(math.floor(value + Fraction(1, 2)), 32767) for name, value in values.items()}


@settings(deadline=None)
@given(st.lists(COUNTS, min_size=14, max_size=40), st.integers(2, 5), st.integers(1, 5))
def test_statistics_are_those_of_fractions(drawn: list[int], window: int, hop: int) -> None:
    features = Statistics(channels=2, window=window, hop=min(hop, window))
    counts = np.array(drawn[: len(drawn) // 2 * 2], dtype=np.int16).reshape(-1, 2)
    expected = []
    for start in range(0, len(counts) - window + 1, features.hop):
        channels = [exact_statistics(counts[start : start + window, c].tolist()) for c in range(2)]
        expected.append([channel[name] for name in STATISTICS for channel in channels])
    assert features.frames(counts).tolist() == expected


def test_the_deviation_is_that_of_numpy() -> None:
    x = signals.speech(1024, 20000)[:, None]
    features = Statistics(channels=1, window=1024, hop=1, statistics=("deviation",))
    assert abs(features.frames(x)[0, 0] - x.std()) <= 0.51


@given(st.lists(COUNTS, min_size=12, max_size=40), st.integers(2, 6))
def test_decimation_is_the_rounded_mean(drawn: list[int], factor: int) -> None:
    counts = np.array(drawn, dtype=np.int16)[:, None]
    parts = [drawn[i : i + factor] for i in range(0, len(drawn) - factor + 1, factor)]
    expected = [[math.floor(Fraction(sum(part), factor) + Fraction(1, 2))] for part in parts]
    assert Decimation(channels=1, factor=factor).frames(counts).tolist() == expected


# decisions


def scores(*steps: Sequence[int]) -> NDArray[np.uint16]:
    return np.array(steps, dtype=np.uint16)


def test_a_detection_needs_the_threshold() -> None:
    decision = Decision(classes=2, threshold=20000, smoothing=0)
    assert decision.detections(scores((0, 19999), (0, 20000), (20001, 20000))).tolist() == [-1, 1, 0]


def test_smoothing_delays_and_bridges() -> None:
    one = scores(*[(0, 32767)] * 8)
    found = Decision(classes=2, threshold=30000, smoothing=2).detections(one)
    assert found.tolist() == [-1] * 8
    found = Decision(classes=2, threshold=24000, smoothing=2).detections(one)  # 1 - 0.75^5 = 0.763
    assert found.tolist() == [-1] * 4 + [1] * 4


def test_after_a_detection_comes_a_rest() -> None:
    decision = Decision(classes=1, threshold=1, smoothing=0, rest=2)
    assert decision.detections(scores(*[(32767,)] * 7)).tolist() == [0, -1, -1, 0, -1, -1, 0]


def test_an_ignored_class_wins_without_a_detection() -> None:
    decision = Decision(classes=2, threshold=10000, smoothing=0, ignored=(0,))
    assert decision.detections(scores((20000, 15000), (10000, 15000))).tolist() == [-1, 1]


@given(st.lists(st.integers(0, 32767), min_size=1, max_size=60), st.integers(0, 7))
def test_a_smoothed_score_stays_among_the_scores(drawn: list[int], smoothing: int) -> None:
    reached = Decision(classes=1, threshold=max(max(drawn), 1), smoothing=smoothing)
    found = reached.detections(scores(*[(score,) for score in drawn]))
    first = int(np.argmax(drawn))
    assert (found[:first] == -1).all()  # no score before the largest one can reach it
    if smoothing == 0 and max(drawn) > 0:
        assert found[first] == 0


# configurations


@pytest.mark.parametrize("one", KINDS, ids=lambda one: one.kind)
def test_a_configuration_survives_its_file(one: Configuration) -> None:
    read = from_dict(json.loads(json.dumps(one.to_dict())))
    assert read == one and read.hash == one.hash


def test_every_field_is_part_of_the_identity() -> None:
    others = [replace(LogMel(), **{name: value}) for name, value in {"hop": 319, "mels": 17, "floor": 9}.items()]
    assert len({one.hash for one in (LogMel(), *others)}) == 4


BROKEN: list[tuple[dict[str, Any], str]] = [
    ({"kind": "cepstrum"}, "no features of kind 'cepstrum'"),
    ({"version": 2}, "version 2"),
    ({"extra": 1}, "'extra': there is no such field"),
    ({"mels": None}, "mels is None"),
    ({"mels": 16.0}, "mels is 16.0"),
    ({"mels": [16]}, r"mels is \[16\]"),
    ({"fft": 500}, "power of two"),
    ({"fft": 256}, "not below window, 512"),
    ({"window": 511}, "even"),
    ({"hop": 0}, "from 1 to 512"),
    ({"high_hz": 8001}, "half the rate, 8000"),
    ({"low_hz": 7500}, "low_hz below high_hz"),
    ({"mels": 128}, "lies between two bins of 31.25 Hz"),
]


@pytest.mark.parametrize(("change", "complaint"), BROKEN, ids=[complaint for _, complaint in BROKEN])
def test_broken_configurations_are_refused(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        from_dict({**LogMel().to_dict(), **change})


def test_a_missing_field_is_named() -> None:
    described = {name: value for name, value in LogMel().to_dict().items() if name != "hop"}
    with pytest.raises(UserError, match="'hop': there is this field as well"):
        from_dict(described)


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: Statistics(1, 1025, 1), "window is 1025"),
        (lambda: Statistics(32, 600, 1), "are 19200"),
        (lambda: Statistics(1, 10, 1, ()), "list each name once"),
        (lambda: Statistics(1, 10, 1, ("mean", "mean")), "list each name once"),
        (lambda: Statistics(1, 10, 1, ("median",)), "no 'median'"),
        (lambda: Decimation(1, 1), "factor is 1"),
        (lambda: Decision(2, 0), "threshold is 0"),
        (lambda: Decision(2, 1, ignored=(2,)), "ignored class is 2"),
        (lambda: LogMel().frames(np.zeros((2, 512), dtype=np.int16)), r"int16\[2, 512\]"),
        (lambda: Statistics(2, 10, 1).frames(np.zeros((20, 3), dtype=np.int16)), r"int16\[20, 3\]"),
        (lambda: Decision(2, 1).detections(np.full((1, 2), 40000, dtype=np.uint16)), "up to 32767"),
    ],
)
def test_what_does_not_fit_is_refused(make: Any, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        make()
