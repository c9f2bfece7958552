"""Rounding weights to few bits so that what they compute changes least."""

from __future__ import annotations

import numpy as np

from .cells import FloatArray

CUT = np.concatenate([np.linspace(0.5, 1.0, 11), 7 / np.arange(6.0, 0.0, -1.0)])[:, None]
"""Where weights of 4 bits may end, as shares of the largest. With few bits it pays to cut; and the largest is 6 to 1 of
what it was quantized with, where training has moved the integers."""

_DAMPING, _CHOICE_DAMPING = 0.01, 0.1
"""What is added to the diagonal of a metric, as shares of its mean, because a calibration set is finite: to round, as
the paper below has it, and to choose a scale, which without would fit that set alone."""


def least_error(weight: FloatArray, scales: FloatArray, end: int, metric: FloatArray | None) -> FloatArray:
    """For each row that of `scales` `[n, rows]` at which it loses least by `rounded`."""
    tried, (rows, columns) = scales.ravel(), weight.shape
    found = rounded(np.tile(weight, (len(scales), 1)), tried, end, metric) * tried[:, None]
    error = found.reshape(len(scales), rows, columns) - weight
    loss = np.square(error) if metric is None else error @ _damped(metric, _CHOICE_DAMPING) * error
    return np.asarray(scales[loss.sum(axis=2).argmin(axis=0), np.arange(rows)])


def rounded(weight: FloatArray, scale: FloatArray, end: int, metric: FloatArray | None) -> FloatArray:
    """Integers -end to end of `weight` `[rows, columns]` at `scale` `[rows]`, whose errors e have a small e metric e.

    Without a metric each is the nearest. With one, `[columns, columns]`, column after column becomes the nearest, those
    of the largest diagonal first, and all that follow make up for what it lost, as far as the metric couples them
    (E. Frantar et al., "GPTQ: Accurate Post-Training Quantization for Generative Pre-trained Transformers", ICLR 2023).
    """
    if metric is None:
        return np.clip(np.rint(weight / scale[:, None]), -end, end)
    order = np.argsort(-np.diagonal(metric), kind="stable")
    inverse = np.linalg.inv(_damped(metric, _DAMPING)[np.ix_(order, order)])
    factor = np.linalg.cholesky(inverse).T
    left, found = weight[:, order], np.zeros(weight.shape)
    for j, column in enumerate(order):
        found[:, column] = np.clip(np.rint(left[:, j] / scale), -end, end)
        lost = (left[:, j] - found[:, column] * scale) / factor[j, j]
        left[:, j + 1 :] -= np.outer(lost, factor[j, j + 1 :])
    return found


def _damped(metric: FloatArray, share: float) -> FloatArray:
    return np.asarray(metric + np.eye(len(metric)) * max(share * np.diagonal(metric).mean(), 2.0**-40))
