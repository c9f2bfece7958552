"""What is held out: whole groups, something of every class, always the same."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from rnn_edge.datasets import Split
from rnn_edge.datasets.split import held_by_class, held_by_group, hold_out
from rnn_edge.errors import UserError

rows = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 7)), min_size=4, max_size=60)


def names(values: NDArray[np.int64]) -> list[str]:
    return [f"name {i}" for i in range(int(values.max()) + 1)]


@settings(deadline=None)
@given(rows)
def test_no_group_is_on_both_sides(pairs: list[tuple[int, int]]) -> None:
    y, group = np.array(pairs, np.int64).T
    try:
        held = held_by_group(y, group, names(y), names(group), "own")
    except UserError:
        return
    assert not set(group[held]) & set(group[~held])
    assert set(y[held]) == set(y[~held]) == set(y)
    assert np.array_equal(held, held_by_group(y, group, names(y), names(group), "own"))


@settings(deadline=None)
@given(rows, st.floats(0.05, 0.9), st.integers(0, 9))
def test_validation_keeps_every_class_for_training(pairs: list[tuple[int, int]], share: float, seed: int) -> None:
    y, group = np.array(pairs, np.int64).T
    whole = Split(np.arange(len(y), dtype=np.float32)[:, None, None], np.ones(len(y), np.int64), y, group)
    try:
        held, rest = hold_out(whole, share, seed)
    except UserError:
        return
    assert sorted([*held.x.ravel(), *rest.x.ravel()]) == list(range(len(y)))
    assert len(held) and held.group is not None and rest.group is not None
    if can_be_spared(y, group, share):
        assert not set(held.group) & set(rest.group) and set(rest.y) == set(y)


def can_be_spared(y: NDArray[np.int64], group: NDArray[np.int64], share: float) -> bool:
    """Is there a group without which every class is still there, and whose parts of the classes are near the share?"""
    for one in set(group.tolist()):
        part = np.array([np.mean(group[y == label] == one) for label in set(y.tolist())])
        if (part < 1).all() and np.sum((part - share) ** 2) < 0.999 * len(part) * share**2:
            return True
    return False


def test_groups_of_one_recording_give_the_share() -> None:
    y = np.repeat([0, 1], [100, 50])
    held = held_by_group(y, np.arange(150), ["a", "b"], [str(i) for i in range(150)], "own")
    assert np.bincount(y[held]).tolist() == [30, 15]


def test_subjects_who_did_everything() -> None:
    group, y = np.repeat(np.arange(10), 12), np.tile(np.arange(4), 30)
    held = held_by_group(y, group, list("abcd"), [str(i) for i in range(10)], "own")
    assert len(set(group[held])) == 3 and np.bincount(y[held]).tolist() == [9] * 4


@pytest.mark.parametrize(
    ("y", "group", "sentence"),
    [
        ([0, 1, 0, 1], [2, 2, 2, 2], "own: all sequences are in one group, 'name 2', and the test needs"),
        ([0, 0, 1, 1], [0, 1, 2, 2], "own: class 'name 1' is in one group only, 'name 2'"),
        ([0, 1, 0, 2, 1, 2], [0, 0, 1, 1, 2, 2], "own: no division of the groups tests class 'name .' and also trains"),
    ],
)
def test_refused(y: list[int], group: list[int], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        held_by_group(np.array(y), np.array(group), names(np.array(y)), names(np.array(group)), "own")


def test_without_groups_classes_decide() -> None:
    y = np.repeat([0, 1], [10, 20])
    assert np.bincount(y[held_by_class(y)]).tolist() == [3, 6]
    few = np.repeat([0, 1, 2], [10, 2, 3])
    assert np.bincount(few[held_by_class(few)]).tolist() == [3, 1, 1]
    held, rest = hold_out(Split(np.zeros((30, 1, 1)), np.ones(30, np.int64), y), 0.2, 1)
    assert np.bincount(held.y).tolist() == [2, 4] and len(rest) == 24 and held.group is None
    with pytest.raises(UserError, match="1 training sequences are too few"):
        hold_out(Split(np.zeros((1, 1, 1)), np.ones(1, np.int64), np.zeros(1, np.int64)), 0.2, 1)


def test_a_rare_class_is_not_held_out_as_a_whole() -> None:
    y = (np.arange(300) % 10 == 0).astype(np.int64)
    part = Split(np.zeros((300, 2, 1), np.float32), np.full(300, 2), y)
    validation, training = hold_out(part, 0.2, 0)
    assert np.bincount(validation.y).tolist() == [54, 6] and np.bincount(training.y).tolist() == [216, 24]
    single = part.take(np.concatenate([np.flatnonzero(y == 0)[:29], [0]]))
    assert hold_out(single, 0.2, 0)[1].y.sum() == 1
