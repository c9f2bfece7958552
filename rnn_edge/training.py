"""One training from specification to files: every seed, a plain method, and what quantization makes of the result."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

from . import metrics, spec
from .datasets import Dataset
from .errors import UserError
from .metrics import Metrics
from .naive import reference
from .paths import MODELS, Artifacts
from .source import dataset_of, open_source
from .train import TrainedModel, accuracy, begun, prepare, save, train
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
class Quantized:
    """Quantization-aware training: `bits` of a weight (None: as in model.toml), the `.keras` file that it starts from.

    Without one the float network is trained before.
    """

    bits: Literal[8, 4] | None = None
    start: Path | None = None


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
    quantized: Quantized | None = None,
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
    if quantized is not None and quantized.bits is not None:
        described = described.model_copy(
            update={"export": described.export.model_copy(update={"weights": quantized.bits})}
        )
    first_seed = described.train.seed if seed is None else seed
    seeds = range(first_seed, first_seed + count)
    results: list[TrainedModel] = []
    for seed in seeds:
        result = _trained(described, data, seed, files, watch, None if quantized is None else quantized.start)
        results.append(_refined(result, described, data, seed, files, watch) if quantized else result)
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
    source = replace(open_source(target, files, None), weight_bits=described.export.weights)
    measured = metrics.of_weights(measured, source)
    metrics.save(measured, files.metrics)
    for seed in seeds:
        files.checkpoint(seed).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # where other models are in training
        files.checkpoint(first_seed).parent.rmdir()
    return Trained(measured, reach)


def _trained(
    described: spec.ModelSpec, data: Dataset, seed: int, files: Artifacts, watch: Watch, start: Path | None
) -> TrainedModel:
    """The float network, trained here or with the weights of the file `start`."""
    if start is not None:
        return begun(described, data, seed, start)
    checkpoint = Checkpoint(files.checkpoint(seed), watch.note)
    return train(described, data, seed, lambda *step: watch.epoch(seed, *step), checkpoint)


def _refined(
    trained: TrainedModel, described: spec.ModelSpec, data: Dataset, seed: int, files: Artifacts, watch: Watch
) -> TrainedModel:
    """After quantization-aware training."""
    from .qat.folded import folded
    from .qat.refine import refine

    watch.note(
        f"Quantization-aware training moves the integers of weights of {described.export.weights} bits towards what "
        "the float network answers; losses and shares of right answers are those against it."
    )
    ready, model = prepare(described, data, seed), folded(trained.model)
    parts = ready.training, ready.validation
    gain = refine(model, described, data, parts, seed, lambda *step: watch.epoch(seed, *step))
    reached = f"R2 {trained.accuracy:.4f}" if data.test.task == "value" else f"{100 * trained.accuracy:.2f} %"
    watch.note(
        f"On the validation part its outputs are {gain:.1f} dB nearer to those of the float network, which has "
        f"{reached} on the test split. Written is the network of its integers, which is what float means from here on."
        if gain
        else "It found no smaller loss on the validation part: the weights are those from before."
    )
    return replace(trained, model=model, accuracy=accuracy(model, data.test))
