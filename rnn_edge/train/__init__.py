"""From a specification and its data to a trained Keras model."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..datasets import Dataset, Split
from ..datasets.split import hold_out
from ..errors import UserError
from ..files import write_atomically
from ..keras_import import import_keras
from ..scores import score
from ..spec import ModelSpec
from .batches import padded
from .checkpoint import Checkpoint
from .fit import Progress, fit
from .keras_start import start_keras
from .learner import Learner, answers
from .network import build, check

__all__ = [
    "Prepared",
    "Progress",
    "TrainedModel",
    "accuracy",
    "begun",
    "build",
    "padded",
    "prepare",
    "save",
    "train",
]

FILE_NAME = "float.keras"


@dataclass(frozen=True)
class Prepared:
    """What training begins with: the Keras model, not compiled, the part that it learns, the part that stops it."""

    model: Any
    training: Split
    validation: Split


@dataclass(frozen=True)
class TrainedModel:
    """`model` is not compiled; `history` has a value an epoch; `accuracy` is `scores.score` on the test split."""

    model: Any
    history: Mapping[str, tuple[float, ...]]
    accuracy: float


def prepare(spec: ModelSpec, dataset: Dataset, seed: int) -> Prepared:
    """The untrained model and the division of the training split; UserError where they do not fit each other."""
    check(spec, dataset)
    start_keras().utils.set_random_seed(seed)
    validation, training = hold_out(dataset.train, spec.train.validation, seed)
    return Prepared(build(spec, dataset, training), training, validation)


def train(
    spec: ModelSpec, dataset: Dataset, seed: int, progress: Progress, checkpoint: Checkpoint | None = None
) -> TrainedModel:
    """Fit on the training split, stop by a part of it held out, measure once on the test split.

    `progress(epoch, epochs, logs)` is called after every epoch; `epochs` is the most there will be. With a `checkpoint`
    every epoch is kept there, and a training that was killed goes on from it. The same seed gives the same model on one
    machine, interrupted or not.
    """
    ready = prepare(spec, dataset, seed)
    parts = ready.training, ready.validation
    history = fit(Learner(ready.model, spec), parts, seed, progress, checkpoint)
    return TrainedModel(ready.model, history, accuracy(ready.model, dataset.test))


def begun(spec: ModelSpec, dataset: Dataset, seed: int, start: Path) -> TrainedModel:
    """The model with the weights of a `.keras` file of the same network instead of a training.

    UserError or ModelError where it is no such file.
    """
    import_keras(start, "start")  # reads it as data, within limits
    ready = prepare(spec, dataset, seed)
    try:
        ready.model.load_weights(start)
    except ValueError as error:
        raise UserError(
            f"{start} holds another network than model.toml describes: give weights of the same layers."
        ) from error
    return TrainedModel(ready.model, {}, accuracy(ready.model, dataset.test))


def accuracy(model: Any, split: Split) -> float:
    """`scores.score` of what the model answers to a split."""
    return score(answers(model, padded(split)), split.y, split.lengths)


def save(trained: TrainedModel, folder: Path) -> Path:
    """Write `float.keras` into `folder`, all or nothing; returns its path."""
    with tempfile.TemporaryDirectory() as temporary:
        # Keras writes to the path itself, so it gets one that nobody else reads.
        written = Path(temporary) / FILE_NAME
        trained.model.save(written)
        write_atomically(folder / FILE_NAME, written.read_bytes())
    return folder / FILE_NAME
