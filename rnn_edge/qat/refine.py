"""`rnn-edge train --qat`: a trained model goes on learning as the program that it becomes."""

from __future__ import annotations

from typing import Any

from ..datasets import Dataset, Split
from ..spec import ModelSpec
from .fit import Labelled, Options, Progress, fine_tune

_RATE_SHARE = 0.1  # of the learning rate in training
_BATCH = 32
_EPOCHS = 40
_PATIENCE = 10


def refine(
    model: Any, described: ModelSpec, data: Dataset, parts: tuple[Split, Split], seed: int, progress: Progress
) -> None:
    """Change the weights of a Keras model so that its program has a smaller loss on the second of `parts`.

    In the scheme int8 with the weights of `described.export`, at a tenth of the learning rate. Every sequence has a
    class.
    """
    training, validation = parts
    options = Options(
        epochs=_EPOCHS,
        patience=_PATIENCE,
        batch=_BATCH,
        learning_rate=described.train.learning_rate * _RATE_SHARE,
        gradient_clip=described.train.gradient_clip,
        seed=seed,
        weight_bits=described.export.weights,
    )
    fine_tune(model, _labelled(training), _labelled(validation), _labelled(data.calibration), options, progress)


def _labelled(split: Split) -> Labelled:
    x = split.x[..., None] if split.x.ndim == 2 else split.x
    return Labelled(x, split.lengths, split.y)
