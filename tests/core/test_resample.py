"""Another rate: tones stay what they are, what the lower rate cannot hold is gone, and chunks leave no trace."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from rnn_edge.recordings.resample import resampled
from rnn_edge.recordings.windows import Cutting, cut

RATES = [(48000, 16000), (44100, 16000), (8000, 16000), (100, 50), (50, 99.97), (3, 7), (50, 50)]


def whole(x: NDArray[np.float32], rate_in: float, rate_out: float) -> NDArray[np.float32]:
    return np.concatenate(list(resampled([x], rate_in, rate_out)))


def tone(hertz: float, rate: float, count: int) -> NDArray[np.float32]:
    x: NDArray[np.float32] = np.sin(2 * np.pi * hertz * np.arange(count) / rate).astype(np.float32)[:, None]
    return x


@pytest.mark.parametrize(("rate_in", "rate_out"), RATES)
def test_a_tone_stays_a_tone(rate_in: float, rate_out: float) -> None:
    hertz = 0.3 * min(rate_in, rate_out)
    x = whole(tone(hertz, rate_in, 4000), rate_in, rate_out)
    inner = slice(len(x) // 4, -len(x) // 4)
    assert x.dtype == np.float32
    assert abs(len(x) - 4000 * rate_out / rate_in) <= 1
    assert np.abs(x - tone(hertz, rate_out, len(x)))[inner].max() < 1e-4


@pytest.mark.parametrize(("rate_in", "rate_out"), [(48000, 16000), (44100, 16000), (100, 50)])
def test_what_is_too_fast_for_the_lower_rate_is_gone(rate_in: float, rate_out: float) -> None:
    x = whole(tone(0.51 * rate_out, rate_in, 4000), rate_in, rate_out)
    assert np.abs(x[len(x) // 4 : -len(x) // 4]).max() < 1e-3


def test_constants_stay_to_the_ends_and_a_step_comes_without_delay() -> None:
    assert np.abs(whole(np.full((300, 2), 9.81, np.float32), 100, 30) - 9.81).max() < 1e-5
    step = np.repeat(np.array([0, 1], np.float32), 300)[:, None]
    assert np.flatnonzero(whole(step, 100, 50)[:, 0] > 0.5)[0] == 150


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=12), st.sampled_from(RATES))
def test_chunks_leave_no_trace(sizes: list[int], rates: tuple[float, float]) -> None:
    x = np.random.default_rng(0).normal(size=(sum(sizes), 2)).astype(np.float32)
    parts = np.split(x, np.cumsum(sizes)[:-1])
    assert np.allclose(np.concatenate(list(resampled(parts, *rates))), whole(x, *rates), atol=1e-5)


@given(
    st.lists(st.integers(1, 30), min_size=1, max_size=12),
    st.integers(1, 40),
    st.integers(1, 50),
)
def test_windows_are_those_of_the_whole(sizes: list[int], size: int, hop: int) -> None:
    x = np.arange(sum(sizes), dtype=np.float32)[:, None]
    windows = [w for part in cut(np.split(x, np.cumsum(sizes)[:-1]), size, hop) for w in part]
    starts = range(0, len(x) - size + 1, hop)
    assert [w[:, 0].tolist() for w in windows] == [list(range(start, start + size)) for start in starts]


def test_steps_of_a_window() -> None:
    assert Cutting().steps(None) is None
    assert Cutting(2.0).steps(50) == (100, 100)
    assert Cutting(2.0, 0.5).steps(50) == (100, 25)
