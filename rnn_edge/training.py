"""One training from specification to files: every seed, a plain method, and what quantization makes of the result."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from . import metrics, spec
from .datasets import Dataset
from .errors import UserError
from .metrics import Metrics
from .naive import reference
from .paths import MODELS, Artifacts
from .source import dataset_of, open_source
from .train import TrainedModel, accuracy, prepare, save, train
from .train.batches import real_steps
from .train.checkpoint import Checkpoint
from .train.gradients import Reach, measure_reach, plot


class Watch(Protocol):
    """Who is told how training goes."""

    def epoch(self, seed: int, epoch: int, epochs: int, logs: Mapping[str, float]) -> None:
        """After every epoch; `epochs` is the most there will be."""

    def note(self, text: str) -> None:
        """A sentence about a training that was interrupted before."""


@dataclass(frozen=True)
class Trained:
    """What a training measured, and how far back its gradient reaches where that was asked."""

    metrics: Metrics
    reach: Reach | None


def run(
    target: str,
    files: Artifacts,
    seed: int | None,
    count: int,
    watch: Watch,
    gradients: bool = False,
    quantized: bool = False,
) -> Trained:
    """Train with `count` seeds from `seed` (by default the model's own) on, and keep the first one's weights.

    `quantized`: each goes on learning as the program that it becomes.

    Writes `float.keras` and `metrics.json` into `files.folder`, and with `gradients` the plot `files.gradients`. Until
    then each seed has its checkpoint, from which it goes on after a kill.
    """
    if target.endswith(".keras"):
        raise UserError(f"{target} is trained already; `rnn-edge export {target}` takes it as it is.")
    folder = spec.find(target, MODELS)
    described = spec.load(folder)
    data = dataset_of(described, folder)
    if quantized and data.train.task != "class":
        raise UserError("--qat needs one class a sequence, and this data set has other targets: train without it.")
    first_seed = described.train.seed if seed is None else seed
    seeds = range(first_seed, first_seed + count)
    results: list[TrainedModel] = []
    for seed in seeds:
        checkpoint = Checkpoint(files.checkpoint(seed), watch.note)
        result = train(described, data, seed, lambda *step, seed=seed: watch.epoch(seed, *step), checkpoint)
        results.append(_refined(result, described, data, seed, watch) if quantized else result)
    reach = None
    if gradients:
        reach = measure_reach(results[0].model, described, data.calibration)
        plot(reach, described, files.gradients)
    files.metrics.unlink(missing_ok=True)
    save(results[0], files.folder)
    name, plain = reference(data)
    deviation = float(data.test.y[real_steps(data.test)].std()) if data.test.task == "value" else None
    measured = Metrics(tuple(seeds), tuple(result.accuracy for result in results), plain, 0, {}, name, deviation)
    metrics.save(measured, files.metrics)
    measured = metrics.of_weights(measured, open_source(target, files, None))
    metrics.save(measured, files.metrics)
    for seed in seeds:
        files.checkpoint(seed).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # where other models are in training
        files.checkpoint(first_seed).parent.rmdir()
    return Trained(measured, reach)


def _refined(trained: TrainedModel, described: spec.ModelSpec, data: Dataset, seed: int, watch: Watch) -> TrainedModel:
    """After quantization-aware training."""
    from .qat.refine import refine

    watch.note("Quantization-aware training goes on from there.")
    parts = prepare(described, data, seed)
    refine(
        trained.model,
        described,
        data,
        (parts.training, parts.validation),
        seed,
        lambda *step: watch.epoch(seed, *step),
    )
    return replace(trained, accuracy=accuracy(trained.model, data.test))
