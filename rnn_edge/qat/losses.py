"""The losses of training in NumPy, with their slopes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..train.batches import Array

Reals = NDArray[np.float64]


def losses(answer: Reals, y: Array, loss: str) -> tuple[Reals, Reals]:
    """The loss of every target `[...]`, and its slope by the answer `[..., n]`, which are logits where `y` is a class.

    `loss` as in `spec.TrainSpec`.
    """
    if loss == "sparse_categorical_crossentropy":
        exponential = np.exp(answer - answer.max(axis=-1, keepdims=True))
        slope = exponential / exponential.sum(axis=-1, keepdims=True)
        chosen = np.take_along_axis(slope, y[..., None], -1)
        each = -np.log(np.maximum(chosen[..., 0], np.finfo(np.float64).tiny))
        np.put_along_axis(slope, y[..., None], chosen - 1, -1)
        return each, slope
    error = answer - y
    if loss == "mse":
        return np.mean(error * error, axis=-1), 2 * error / error.shape[-1]
    return np.mean(np.abs(error), axis=-1), np.sign(error) / error.shape[-1]
