"""What a simple method reaches on the same data: logistic regression on a summary of what is seen.

Numbers are summarized by statistics of each channel, tokens by how often each run of one, two and three occurs
(n-grams; hashed as in K. Weinberger et al., "Feature Hashing for Large Scale Multitask Learning", arXiv:0902.2206).
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .datasets import Dataset, Split

WINDOW = 16  # steps that it looks back on where it answers at every step
_FITTED_STEPS = 10_000  # of all such answers of the training, evenly spread: many of them say the same

_SEGMENTS = 4
_NGRAMS = (1, 2, 3)
_BUCKETS_LOG2 = 10
_HASH = np.uint64(0x9E3779B97F4A7C15)  # multiplicative hashing by the golden ratio (Knuth, TAOCP 6.4)
_LOSS_WEIGHT = 0.3  # of the summed loss against half the squared weights
_ITERATIONS = {"numbers": 2000, "tokens": 100}  # the thousand counts of tokens cost more and need fewer

Matrix = NDArray[np.float64]


def accuracy(dataset: Dataset) -> float:
    """Share of the test sequences that the baseline gets right, 0..1."""
    iterations = _ITERATIONS["numbers" if dataset.train.x.ndim == 3 else "tokens"]
    train, test = features(dataset.train), features(dataset.test)
    decided = _decide(train, dataset.train.y, test, len(dataset.classes), iterations)
    return float(np.mean(decided == dataset.test.y))


def accuracy_of_steps(dataset: Dataset) -> float:
    """Share of the labelled steps of the test that it gets right, each from the last `WINDOW` steps up to it."""
    (train, y), (test, target) = (_labelled_steps(part) for part in (dataset.train, dataset.test))
    every = -(-len(train) // _FITTED_STEPS)
    decided = _decide(train[::every], y[::every], test, len(dataset.classes), _ITERATIONS["numbers"])
    return float(np.mean(decided == target))


def _decide(train: Matrix, y: NDArray[np.int64], test: Matrix, classes: int, iterations: int) -> NDArray[np.int64]:
    """The classes of the rows of `test`, as the rows of `train` with their classes `y` say."""
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    deviation[deviation == 0] = 1
    train, test = (_with_one((part - mean) / deviation) for part in (train, test))
    decided: NDArray[np.int64] = np.argmax(test @ _fit(train, np.eye(classes)[y], iterations), axis=1)
    return decided


def _labelled_steps(split: Split) -> tuple[Matrix, NDArray[np.int64]]:
    """A row for every step with a label, and the labels: statistics of each channel over the steps up to it.

    Mean, deviation, minimum, maximum, and deviation of the differences. Before the first step stands the first again.
    """
    rows, labels = [], []
    for x, y, length in zip(split.x, split.y, split.lengths, strict=True):
        before = np.repeat(x[:1], WINDOW - 1, axis=0)
        window = np.lib.stride_tricks.sliding_window_view(np.concatenate([before, x[:length]]), WINDOW, axis=0)
        window = window[y[:length] >= 0].astype(np.float64)  # [steps, channels, WINDOW]
        spread = np.diff(window, axis=-1).std(axis=-1)
        statistics = [window.mean(axis=-1), window.std(axis=-1), window.min(axis=-1), window.max(axis=-1), spread]
        rows.append(np.concatenate(statistics, axis=1))
        labels.append(y[:length][y[:length] >= 0])
    return np.concatenate(rows), np.concatenate(labels)


def features(split: Split) -> Matrix:
    """`[N, features]` of the real steps.

    Numbers, a channel: mean, deviation, minimum, maximum, deviation of the differences, and the means of four segments.
    Tokens: square roots of the shares of the hashed n-grams.
    """
    summary = _statistics if split.x.ndim == 3 else _ngrams
    return np.stack([summary(x[:length]) for x, length in zip(split.x, split.lengths, strict=True)])


def _ngrams(tokens: NDArray[np.int32]) -> Matrix:
    counts = np.zeros(2**_BUCKETS_LOG2)
    for n in _NGRAMS:
        runs = max(0, len(tokens) - n + 1)
        hashed = np.full(runs, n, np.uint64)
        for k in range(n):
            hashed = (hashed + tokens[k : k + runs].astype(np.uint64)) * _HASH
        counts += np.bincount((hashed >> np.uint64(64 - _BUCKETS_LOG2)).astype(np.int64), minlength=len(counts))
    shares: Matrix = np.sqrt(counts / counts.sum())
    return shares


def _statistics(sequence: NDArray[np.float32]) -> Matrix:
    x = sequence.astype(np.float64)
    steps = np.diff(x, axis=0) if len(x) > 1 else np.zeros_like(x)
    # A sequence shorter than the segments repeats its nearest step instead of having empty segments.
    edges = np.linspace(0, len(x), _SEGMENTS + 1)
    segments = [x[int(a) : max(int(b), int(a) + 1)].mean(axis=0) for a, b in pairwise(edges)]
    return np.concatenate([x.mean(axis=0), x.std(axis=0), x.min(axis=0), x.max(axis=0), steps.std(axis=0), *segments])


def _with_one(x: Matrix) -> Matrix:
    return np.concatenate([x, np.ones((len(x), 1))], axis=1)


def _fit(x: Matrix, target: Matrix, iterations: int) -> Matrix:
    """Minimize by Nesterov's method; the step is the inverse of a bound of the curvature, so it cannot diverge."""
    penalty = np.ones((x.shape[1], 1))
    penalty[-1] = 0  # the constant is free
    curvature = 1 + _LOSS_WEIGHT / 2 * float(np.linalg.eigvalsh(x.T @ x)[-1])
    weights = ahead = np.zeros((x.shape[1], target.shape[1]))
    for k in range(iterations):
        score = x @ ahead
        odds = np.exp(score - score.max(axis=1, keepdims=True))
        slope = _LOSS_WEIGHT * x.T @ (odds / odds.sum(axis=1, keepdims=True) - target) + penalty * ahead
        previous, weights = weights, ahead - slope / curvature
        ahead = weights + k / (k + 3) * (weights - previous)
    return weights
