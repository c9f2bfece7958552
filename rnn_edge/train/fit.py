"""The epochs: learn the training part, measure the validation part, keep the best weights, stop when nothing comes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets import Split
from ..errors import UserError
from ..spec import ModelSpec, TrainSpec
from .augment import augment, deviations
from .batches import Batch, asked, batches, class_factors, weighted
from .checkpoint import MEASURES, Checkpoint, Course, fingerprint
from .learner import TOGETHER, Learner, Sums

Progress = Callable[[int, int, Mapping[str, float]], None]

_LOSSES = [MEASURES.index("loss"), MEASURES.index("val_loss")]


def fit(
    learner: Learner,
    parts: tuple[Split, Split],
    seed: int,
    progress: Progress,
    checkpoint: Checkpoint | None,
) -> dict[str, tuple[float, ...]]:
    """Train the model of `learner` on the first of `parts`; it ends with the weights of the least loss on the second,
    or with the last ones (`Learner.keeps_best`).

    Every random choice of an epoch follows from the seed, its number and what the checkpoint holds, so that a training
    that goes on from there ends with the same weights. Returns what every epoch measured; UserError where the loss is
    no number any more.
    """
    model, spec = learner.model, learner.spec
    training, validation = parts
    plain = asked(training, spec.network.every_step)
    factors = class_factors(plain, _classes(spec), spec.train.class_weights)
    held = weighted(asked(validation, spec.network.every_step), factors)
    mark = fingerprint(spec, parts, seed)
    course = _resumed(learner, checkpoint, mark)
    if course is not None:
        _report(course, spec, progress)
    while course is None or not _ended(course, spec):
        epoch = 0 if course is None else course.epoch
        random = np.random.default_rng([seed, epoch])
        batch = weighted(_changed(plain, training, spec, random), factors)
        learnt = _learn(learner, batch, random, epoch, spec.train)
        measured = np.concatenate([_means(learnt), _means(_measure(learner, held))])
        if not np.isfinite(measured[_LOSSES]).all():
            raise UserError(
                f"The loss is no finite number any more in epoch {epoch + 1}: lower train.learning_rate, which is "
                f"{spec.train.learning_rate:g}, or scale the data."
            )
        course = _following(course, measured, learner)
        if checkpoint is not None:
            checkpoint.write(mark, course)
        _report(course, spec, progress)
    model.set_weights(course.best)
    return {name: tuple(column.tolist()) for name, column in zip(MEASURES, course.history.T, strict=True)}


def _learn(learner: Learner, whole: Batch, random: np.random.Generator, epoch: int, options: TrainSpec) -> Sums:
    sums = np.zeros(4)
    taken = 0
    for rows in batches(whole.lengths, options.batch, options.alike, random):
        sums = sums + learner.learn(whole.take(rows), (epoch + taken / len(whole)) / options.epochs)
        taken += len(rows)
    return sums


def _measure(learner: Learner, batch: Batch) -> Sums:
    rows = np.arange(len(batch))
    starts = range(0, len(batch), TOGETHER)
    return sum((learner.measure(batch.take(rows[start : start + TOGETHER])) for start in starts), np.zeros(4))


def _means(sums: Sums) -> NDArray[np.float64]:
    loss, weight, correct, count = sums
    return np.array([loss / max(weight, 1e-9), correct / max(count, 1)])


def _changed(plain: Batch, training: Split, spec: ModelSpec, random: np.random.Generator) -> Batch:
    if not spec.train.augmentation:
        return plain
    return asked(augment(training, spec.train, deviations(training), random), spec.network.every_step)


def _following(course: Course | None, measured: NDArray[np.float64], learner: Learner) -> Course:
    """After one more epoch."""
    history = measured[None] if course is None else np.vstack([course.history, measured])
    variables = tuple(np.asarray(variable) for variable in _variables(learner))
    worse = course is not None and measured[MEASURES.index("val_loss")] >= course.best_loss
    if course is not None and worse and learner.keeps_best:
        return Course(history, course.best_epoch, course.best, variables)
    return Course(history, len(history), tuple(learner.model.get_weights()), variables)


def _resumed(learner: Learner, checkpoint: Checkpoint | None, mark: str) -> Course | None:
    if checkpoint is None:
        return None
    variables, weights = _variables(learner), tuple(learner.model.get_weights())
    course = checkpoint.read(mark, weights, tuple(np.asarray(variable) for variable in variables))
    if course is not None:
        for variable, value in zip(variables, course.variables, strict=True):
            variable.assign(value)
    return course


def _variables(learner: Learner) -> list[Any]:
    return [*learner.model.variables, *learner.optimizer.variables]


def _ended(course: Course, spec: ModelSpec) -> bool:
    return course.epoch >= spec.train.epochs or course.epoch - course.best_epoch >= spec.train.patience


def _report(course: Course, spec: ModelSpec, progress: Progress) -> None:
    logs = dict(zip(MEASURES, course.history[-1].tolist(), strict=True))
    progress(course.epoch, course.epoch if _ended(course, spec) else spec.train.epochs, logs)


def _classes(spec: ModelSpec) -> int:
    last = spec.network.layers[-1]
    assert last.layer == "dense"
    return last.units
