"""The data of the bundled tasks as their wheels hold them: always the same, and nothing of the test in training."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from rnn_edge import datasets
from rnn_edge.datasets import Dataset, characters, languages, watch
from rnn_edge.errors import MissingError


def loaded(name: str) -> Dataset:
    try:
        return datasets.load(name)
    except MissingError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("name", ["home_commands", "italy_power_demand", "japanese_vowels", "languages", "watch"])
def test_always_the_same_and_whole(name: str) -> None:
    data, again = loaded(name), loaded(name)
    for part, same in ((data.train, again.train), (data.calibration, again.calibration), (data.test, again.test)):
        assert np.array_equal(part.x, same.x) and np.array_equal(part.y, same.y)
        assert set(part.y) == set(range(len(data.classes)))
        assert part.lengths.min() >= 1 and part.lengths.max() <= part.x.shape[1]
        padding = np.arange(part.x.shape[1]) >= part.lengths[:, None]
        assert not part.x[padding].any()
        assert np.isfinite(part.x).all()


def test_watch_holds_out_people() -> None:
    data = loaded("watch")
    assert data.train.group is not None and data.test.group is not None
    assert sorted(set(data.train.group)) == [1, 2, 3, 4, 5, 6, 7] and sorted(set(data.test.group)) == [8, 9, 10]
    assert data.train.x.shape == (3219, 38, 6) and data.test.x.shape == (488, 38, 6)
    assert data.train.x.dtype == np.float32 and len(data.classes) == 7
    # A raw count is 0.001, so that int16 holds every value.
    assert max(np.abs(data.train.x).max(), np.abs(data.test.x).max()) < 32.767


Place = tuple[int, int, int]
"""Person, arm and exercise of a recording."""


def test_a_workout_is_cut_from_recordings_of_one_person_and_one_arm() -> None:
    data, again = loaded("workout"), loaded("workout")
    recordings = {
        (one.subject, one.side, one.exercise): one.x[: len(one.x) // 2 * 2].reshape(-1, 2, 6).mean(axis=1)
        for one in watch.recordings()
    }
    for part, same in ((data.train, again.train), (data.calibration, again.calibration), (data.test, again.test)):
        assert np.array_equal(part.x, same.x) and np.array_equal(part.y, same.y) and part.task == "label"
        assert part.group is not None
        used: dict[Place, list[int]] = {}
        for x, y, length, person in zip(part.x, part.y, part.lengths, part.group, strict=True):
            assert (y[:length] >= 0).all() and (y[length:] == -1).all() and not x[length:].any()
            starts = np.flatnonzero(np.diff(y[:length], prepend=-1))
            steps = np.diff(starts, append=length)
            assert 2 <= len(starts) == len(set(y[starts])) <= 7 and steps.min() >= 31 and steps.max() <= 75
            arms = set()
            for start, count in zip(starts, steps, strict=True):
                place, first = found(recordings, x[start : start + count], int(person), int(y[start]))
                used.setdefault(place, []).extend(range(first, first + count))
                arms.add(place[1])
            assert len(arms) == 1
        people = {8, 9, 10} if part is data.test else set(range(1, 8))
        assert {place[0] for place in used} == people and len(used) == 14 * len(people)
        if part is data.test:
            assert all(len(set(moments)) == len(moments) for moments in used.values())


def found(
    recordings: dict[Place, NDArray[np.float32]], piece: NDArray[np.float32], person: int, exercise: int
) -> tuple[Place, int]:
    """The recording that a piece is cut from, and its first step there."""
    for side in (0, 1):
        whole = recordings[person, side, exercise]
        for start in np.flatnonzero((whole[: len(whole) - len(piece) + 1] == piece[0]).all(axis=1)):
            if np.array_equal(whole[start : start + len(piece)], piece):
                return (person, side, exercise), int(start)
    raise AssertionError(f"person {person} has no such moments of exercise {exercise}")


def test_languages_hold_out_lines() -> None:
    data = loaded("languages")
    assert data.train.group is not None and data.test.group is not None
    assert not set(data.train.group) & set(data.test.group)
    assert data.train.x.dtype == np.int32 and data.train.x.shape[1] == characters.MAX_CHARACTERS
    assert data.train.x.max() < characters.VOCABULARY and data.classes == languages.LANGUAGES
    seen = {sequence.tobytes() for sequence in data.train.x}
    assert not any(sequence.tobytes() in seen for sequence in data.test.x)
    assert len({sequence.tobytes() for sequence in data.test.x}) == len(data.test)
    assert np.bincount(data.train.y).min() >= 1200


def test_languages_know_their_characters() -> None:
    data = loaded("languages")
    real = data.train.x[data.train.x > 0]
    assert np.mean(real == characters.UNKNOWN) < 0.01
    assert set(np.unique(real)) >= set(characters.tokens("abcdefghijklmnopqrstuvwxyzéäüñçğışå"))
