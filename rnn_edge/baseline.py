"""What a simple method reaches on the same data: logistic regression on summary statistics of each sequence."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .datasets import Dataset, Split
from .errors import UserError

_SEGMENTS = 4
_LOSS_WEIGHT = 0.3  # of the summed loss against half the squared weights
_ITERATIONS = 2000

Matrix = NDArray[np.float64]


def accuracy(dataset: Dataset) -> float:
    """Share of the test sequences that the baseline gets right, 0..1; raises UserError for tokens."""
    if dataset.train.x.ndim != 3:
        raise UserError(f"{dataset.name} holds tokens and the baseline needs numbers: leave the baseline out.")
    train, test = features(dataset.train), features(dataset.test)
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    deviation[deviation == 0] = 1
    train, test = (_with_one((part - mean) / deviation) for part in (train, test))
    weights = _fit(train, np.eye(len(dataset.classes))[dataset.train.y])
    return float(np.mean(np.argmax(test @ weights, axis=1) == dataset.test.y))


def features(split: Split) -> Matrix:
    """Per channel: mean, deviation, minimum, maximum, deviation of the differences, and the means of four segments."""
    return np.stack([_summary(x[:length].astype(np.float64)) for x, length in zip(split.x, split.lengths, strict=True)])


def _summary(x: Matrix) -> Matrix:
    steps = np.diff(x, axis=0) if len(x) > 1 else np.zeros_like(x)
    # A sequence shorter than the segments repeats its nearest step instead of having empty segments.
    edges = np.linspace(0, len(x), _SEGMENTS + 1)
    segments = [x[int(a) : max(int(b), int(a) + 1)].mean(axis=0) for a, b in pairwise(edges)]
    return np.concatenate([x.mean(axis=0), x.std(axis=0), x.min(axis=0), x.max(axis=0), steps.std(axis=0), *segments])


def _with_one(x: Matrix) -> Matrix:
    return np.concatenate([x, np.ones((len(x), 1))], axis=1)


def _fit(x: Matrix, target: Matrix) -> Matrix:
    """Minimize by Nesterov's method; the step is the inverse of a bound of the curvature, so it cannot diverge."""
    penalty = np.ones((x.shape[1], 1))
    penalty[-1] = 0  # the constant is free
    curvature = 1 + _LOSS_WEIGHT / 2 * float(np.linalg.norm(x, 2)) ** 2
    weights = ahead = np.zeros((x.shape[1], target.shape[1]))
    for k in range(_ITERATIONS):
        score = x @ ahead
        odds = np.exp(score - score.max(axis=1, keepdims=True))
        slope = _LOSS_WEIGHT * x.T @ (odds / odds.sum(axis=1, keepdims=True) - target) + penalty * ahead
        previous, weights = weights, ahead - slope / curvature
        ahead = weights + k / (k + 3) * (weights - previous)
    return weights
