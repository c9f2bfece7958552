"""The synthesizers, where they are installed: the same list of words gives the same samples."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from rnn_edge.datasets.speech import RATE_HZ, accents, espeak, flite, voices
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


def test_every_vowel_of_an_accent_by_rule_is_said_by_every_accent() -> None:
    vowels = sorted({vowel for others in accents.SETS.values() for vowel in others})
    learned = [accent for accent in espeak.ACCENTS if accent not in voices.HELD_ACCENTS]
    # a phoneme that eSpeak NG does not know is left out without a word: then the sound is that of the other two alone
    asked = [
        ("ten", espeak.Voice(accent, "m3", 160, 50, 50, vowels=(("E", vowel),)))
        for accent, vowel in itertools.product(learned, ("-", *vowels))
    ]
    try:
        said = iter(espeak.speak(asked))
    except MissingError as error:
        pytest.skip(str(error))
    for accent in learned:
        without, *lengths = (len(next(said)) for _ in ("-", *vowels))
        assert min(lengths) > 1.25 * without, (accent, dict(zip(vowels, lengths, strict=True)), without)


def test_a_word_with_its_own_vowels_is_the_word() -> None:
    plain = espeak.Voice("en", "m3", 160, 50, 50)
    own = espeak.Voice("en", "m3", 160, 50, 50, vowels=(("E", "E"),))
    other = espeak.Voice("en", "m3", 160, 50, 50, vowels=(("E", "u:"),))
    try:
        first, second, third = (espeak.speak([("yes", voice)])[0] for voice in (plain, own, other))
    except MissingError as error:
        pytest.skip(str(error))
    assert first.tolist() == second.tolist() != third.tolist()


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
