"""`rnn-edge train --qat`: a trained model goes on learning as the program that it becomes."""

from __future__ import annotations

from typing import Any

from ..datasets import Dataset, Split
from ..spec import ModelSpec
from ..train.batches import Batch, asked
from ..train.checkpoint import Checkpoint
from ..train.fit import Progress, fit
from .learner import QuantizedLearner, Samples

_RATE_SHARE = 0.03  # of the learning rate in training, at first
_STEPS = 1000  # gradient steps, in whole epochs
_FEWEST, _MOST = 4, 40  # epochs


def refine(
    model: Any,
    described: ModelSpec,
    data: Dataset,
    parts: tuple[Split, Split],
    seed: int,
    progress: Progress,
    checkpoint: Checkpoint | None = None,
) -> bool:
    """Change the weights of a Keras model so that its program has a smaller loss on the second of `parts`.

    In the scheme int8 with the weights of `described.export`; as `described.train` says, but for the learning rate,
    which begins lower and falls to zero in a number of epochs that depends on the data. Returns whether the loss became
    smaller: where it did not, the weights are as they were.
    """
    described = described.model_copy(update={"train": _settings(described, len(parts[0]))})
    held = asked(parts[1], described.network.every_step)
    samples = Samples(data.calibration.x, data.calibration.lengths)
    before, loss = model.get_weights(), _loss(QuantizedLearner(model, described, samples), held)
    learner = QuantizedLearner(model, described, samples)
    fit(learner, parts, seed, progress, checkpoint)
    better = _loss(QuantizedLearner(model, described, samples), held) < loss
    if not better:
        model.set_weights(before)
    return better


def _settings(described: ModelSpec, sequences: int) -> Any:
    """How the quantized program is trained, from how the float network was."""
    train = described.train
    epochs = min(max(-(-_STEPS // -(-sequences // train.batch)), _FEWEST), _MOST)
    return train.model_copy(
        update={
            "epochs": epochs,
            "patience": epochs,
            "learning_rate": train.learning_rate * _RATE_SHARE,
            "decay": "cosine",
        }
    )


def _loss(learner: QuantizedLearner, held: Batch) -> float:
    loss, weight, *_ = learner.measure(held)
    return float(loss / max(weight, 1e-9))
