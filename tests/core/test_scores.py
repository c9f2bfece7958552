"""Scores of classes, of labels at every step, and of values; and the plain methods beside them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from rnn_edge import baseline
from rnn_edge.datasets import Dataset, Split, load, with_calibration
from rnn_edge.naive import reference
from rnn_edge.scores import after_change, score

LENGTHS = np.array([3, 1])


def one_hot(decided: list[list[int]]) -> NDArray[np.float64]:
    return np.asarray(np.eye(3)[np.array(decided)])


def test_a_class_is_read_after_the_last_real_step() -> None:
    answer = one_hot([[0, 0, 2], [1, 0, 0]])
    assert score(answer, np.array([2, 1]), LENGTHS) == 1
    assert score(answer, np.array([2, 0]), LENGTHS) == 0.5
    assert score(answer[:, 0], np.array([0, 1]), LENGTHS) == 1


def test_labels_count_where_there_are_any() -> None:
    answer = one_hot([[0, 1, 2], [1, 0, 0]])
    assert score(answer, np.array([[0, -1, 1], [1, 2, 2]]), LENGTHS) == pytest.approx(2 / 3)


def test_how_soon_labels_are_followed() -> None:
    labels = np.array([[0, 0, 1, 1, 1, -1, 2, 2], [0, 1, -1, -1, -1, 1, 1, 2]])
    answer = one_hot([[0, 0, 0, 1, 0, 1, 2, 2], [1, 0, 1, 1, 1, 1, 0, 2]])
    lengths = np.array([8, 7])
    # First steps after a change: wrong, right; wrong. Second and third: right, wrong; right. Fifth and sixth: right,
    # wrong.
    assert after_change(answer, labels, lengths) == pytest.approx((1 / 3, 2 / 3, 0.5))
    # Where the labels between are unknown nobody can be right or wrong, and no change is seen twice.
    assert after_change(answer[1:, 1:], labels[1:, 1:], lengths[1:] - 1) == ()
    gap = np.array([[0, 1, -1, -1, -1, 1]])
    assert after_change(one_hot([[0, 1, 0, 0, 0, 1]]), gap, np.array([6])) == (1, None, 1)


def test_labels_that_never_change_are_not_followed() -> None:
    assert after_change(one_hot([[0, 1, 2]]), np.array([[1, 1, 1]]), np.array([3])) == ()
    assert after_change(one_hot([[0, 1, 2]]), np.array([[-1, -1, -1]]), np.array([3])) == ()


def test_r2_of_values() -> None:
    y = np.array([[[1.0], [2], [3]], [[4], [99], [99]]], np.float32)
    assert score(y + 0.0, y, LENGTHS) == 1
    assert score(np.full_like(y, 2.5), y, LENGTHS) == 0  # the mean of the real ones
    assert score(y + 0.5, y, LENGTHS) == pytest.approx(1 - 1 / 5)  # 4 * 0.25 of 5


def dataset(y: NDArray[np.generic], classes: tuple[str, ...] = ()) -> Dataset:
    x = np.arange(y.shape[0] * 3, dtype=np.float32).reshape(-1, 3, 1)
    whole = Split(x, np.full(len(y), 3), y)
    return with_calibration("own", classes, whole, whole)


def test_references() -> None:
    labels = np.array([[0, 0, -1], [1, 0, -1]])
    data = dataset(labels, ("a", "b"))
    assert (data.train.task, data.outputs) == ("label", 2)
    tokens = replace(data.train, x=np.zeros((2, 3), np.int32))
    assert reference(replace(data, train=tokens, test=tokens)) == ("the most frequent label", 0.75)
    values = np.arange(1, 7, dtype=np.float32).reshape(2, 3, 1)
    data = dataset(values)
    assert (data.train.task, data.outputs) == ("value", 1)
    name, r2 = reference(data)
    assert name == "the last value again" and r2 == pytest.approx(1 - 6 / 17.5)


def test_the_reference_of_labels_sees_the_last_steps_and_no_later_one() -> None:
    """The label says whether the mean of the last steps is above zero, and then whether that of the next ones is."""
    x = np.random.default_rng(0).normal(size=(60, 80, 1)).astype(np.float32)
    lengths = np.full(60, 80)
    lengths[::2] = 50
    real = np.arange(80) < lengths[:, None]
    sums = np.cumsum(x[..., 0], axis=1)
    last = (sums[:, baseline.WINDOW :] > sums[:, : -baseline.WINDOW]).astype(np.int64)

    def scored(first: int) -> float:
        """With the labels from step `first` on."""
        y = np.full((60, 80), -1)
        y[:, first : first + last.shape[1]] = last
        whole = Split(x, lengths, np.where(real, y, -1))
        name, accuracy = reference(with_calibration("own", ("below", "above"), whole.take(np.arange(40)), whole))
        assert name == f"logistic regression on {baseline.WINDOW} steps"
        return accuracy

    assert scored(baseline.WINDOW) > 0.95
    assert scored(0) < 0.65


def test_demand_is_one_hour_ahead() -> None:
    days, ahead = load("italy_power_demand"), load("power_demand_ahead")
    np.testing.assert_array_equal(ahead.test.x, days.test.x[:, :23])
    np.testing.assert_array_equal(ahead.test.y, days.test.x[:, 1:])
    assert ahead.classes == () and ahead.outputs == 1 and (ahead.test.lengths == 23).all()
