"""One training from specification to files: every seed, the baseline, and what quantization makes of the result."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from . import baseline, metrics, spec
from .errors import UserError
from .metrics import Metrics, count_parameters, measure_schemes
from .paths import MODELS, Artifacts
from .source import dataset_of, open_source
from .train import save, train

Progress = Callable[[int, int, int, Mapping[str, float]], None]


def run(target: str, files: Artifacts, seed: int | None, count: int, progress: Progress) -> Metrics:
    """Train with `count` seeds from `seed` (by default the model's own) on, and keep the first one's weights.

    Writes `float.keras` and `metrics.json` into `files.folder`.

    `progress(seed, epoch, epochs, logs)` is called after every epoch.
    """
    if target.endswith(".keras"):
        raise UserError(f"{target} is trained already; `rnn-edge export {target}` takes it as it is.")
    folder = spec.find(target, MODELS)
    described = spec.load(folder)
    data = dataset_of(described, folder)
    first_seed = described.train.seed if seed is None else seed
    seeds = range(first_seed, first_seed + count)
    accuracies = []
    for number, seed in enumerate(seeds):
        trained = train(described, data, seed, lambda *step, seed=seed: progress(seed, *step))
        accuracies.append(trained.accuracy)
        if number == 0:
            first = trained
    files.metrics.unlink(missing_ok=True)
    save(first, files.folder)
    plain = baseline.accuracy(data)
    result = Metrics(tuple(seeds), tuple(accuracies), plain, 0, {})
    metrics.save(result, files.metrics)
    source = open_source(target, files, None)
    result = Metrics(tuple(seeds), tuple(accuracies), plain, count_parameters(source.model), measure_schemes(source))
    metrics.save(result, files.metrics)
    return result
