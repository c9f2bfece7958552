"""The losses of training in NumPy, with their slopes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..train.batches import Array

Reals = NDArray[np.float64]


CROSSENTROPY = "sparse_categorical_crossentropy"


def softmax(logits: Reals) -> Reals:
    """Probabilities `[..., n]`."""
    exponential = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(exponential / exponential.sum(axis=-1, keepdims=True))


def losses(answer: Reals, y: Array, loss: str) -> tuple[Reals, Reals]:
    """The loss of every target `[..., n]`, and its slope by the answer `[..., n]`.

    `loss` as in `spec.TrainSpec`; in a crossentropy targets are probabilities of all classes, answers are logits.
    """
    if loss == CROSSENTROPY:
        found = softmax(answer)
        return -np.sum(y * np.log(np.maximum(found, np.finfo(np.float64).tiny)), axis=-1), found - y
    error = answer - y
    if loss == "mse":
        return np.mean(error * error, axis=-1), 2 * error / error.shape[-1]
    return np.mean(np.abs(error), axis=-1), np.sign(error) / error.shape[-1]
