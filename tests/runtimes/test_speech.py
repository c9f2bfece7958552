"""The synthesizers, where they are installed: the same list of words gives the same samples."""

from __future__ import annotations

import numpy as np
import pytest

from rnn_edge.datasets.speech import RATE_HZ, espeak, flite, voices
from rnn_edge.errors import MissingError

COUNTS = [("yes", 3), ("stop", 2)]


def said_twice(speak: object, seed: int = 5) -> list[list[bytes]]:
    assert callable(speak)
    try:
        return [[one.pcm.tobytes() for one in speak(COUNTS, np.random.default_rng(seed))] for _ in range(2)]
    except MissingError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("speak", [voices.learned_espeak, voices.learned_flite, voices.unheard_flite])
def test_the_same_seed_says_the_same_bytes(speak: object) -> None:
    first, second = said_twice(speak)
    assert first == second and len(set(first)) == len(first)
    assert all(0.1 < len(pcm) / 2 / RATE_HZ < 1.5 for pcm in first)


def test_another_seed_says_others() -> None:
    assert not set(said_twice(voices.learned_espeak)[0]) & set(said_twice(voices.learned_espeak, 6)[0])


def test_every_timbre_speaks_and_no_two_are_alike() -> None:
    asked = [("seven", espeak.Voice("en", variant, 160, 50, 50)) for variant in espeak.VARIANTS]
    try:
        said = espeak.speak(asked)
    except MissingError as error:
        pytest.skip(str(error))
    assert all(len(pcm) > 0.1 * RATE_HZ for pcm in said)
    assert len({pcm.tobytes() for pcm in said}) == len(asked)


def test_a_voice_that_is_not_there_is_named() -> None:
    try:
        espeak.version()
    except MissingError as error:
        pytest.skip(str(error))
    with pytest.raises(MissingError, match=r"en-nowhere\+nobody"):
        espeak.speak([("yes", espeak.Voice("en-nowhere", "nobody", 160, 50, 50))])


def test_speed_makes_a_word_shorter() -> None:
    try:
        slow, fast = flite.speak([("stop", flite.Voice("rms", 1.0, speed)) for speed in (1.0, 1.25)])
    except MissingError as error:
        pytest.skip(str(error))
    assert len(fast) == pytest.approx(len(slow) / 1.25, rel=0.02)
