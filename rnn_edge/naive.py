"""What no network at all reaches on the same data: the figure that a network has to beat, with its name."""

from __future__ import annotations

import numpy as np

from . import baseline
from .datasets import Dataset
from .scores import score


def reference(dataset: Dataset) -> tuple[str, float]:
    """Name and score (see `scores.score`) of the plain method for the task, on the test split.

    Classes: `baseline.accuracy`. Labels at every step: `baseline.accuracy_of_steps`, or of tokens the one most
    frequent in training. Values: the last ones seen, where the first channels are what is to be forecast.
    """
    train, test = dataset.train, dataset.test
    if test.task == "class":
        return "logistic regression", baseline.accuracy(dataset)
    if test.task == "value":
        return "the last value again", score(test.x[..., : dataset.outputs], test.y, test.lengths)
    if test.x.ndim == 3:
        return f"logistic regression on {baseline.WINDOW} steps", baseline.accuracy_of_steps(dataset)
    real = np.arange(train.x.shape[1]) < train.lengths[:, None]
    count = np.bincount(train.y[real & (train.y >= 0)], minlength=dataset.outputs)
    always = np.broadcast_to(count, (*test.y.shape, len(count)))
    return "the most frequent label", score(always, test.y, test.lengths)
