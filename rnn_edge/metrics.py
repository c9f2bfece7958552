"""What training measured, kept beside the weights as `metrics.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from . import __version__
from .calibrate import calibrate
from .errors import ModelError
from .files import write_atomically
from .float_model import EmbeddingLayer, FloatModel, linears
from .ir.check import SCHEMES
from .quality import Quality, measure
from .quantize import quantize
from .source import Source


@dataclass(frozen=True)
class Metrics:
    """Accuracies are `scores.score` on the test split; weights, and the figures of the schemes, are the first seed's.

    For values to forecast an accuracy is R2, and `deviation` that of the targets of the test split, in their unit.
    """

    seeds: tuple[int, ...]
    float_accuracy: tuple[float, ...]  # one a seed
    baseline: float  # what needs no network
    parameters: int
    schemes: Mapping[str, Quality]
    baseline_name: str = "logistic regression"
    deviation: float | None = None
    tool: str = __version__

    def rmse(self, r2: float) -> float | None:
        """Root of the mean squared error that an R2 stands for; None where classes are told apart."""
        return None if self.deviation is None else self.deviation * (1 - r2) ** 0.5

    @property
    def mean_accuracy(self) -> float:
        return sum(self.float_accuracy) / len(self.float_accuracy)


def of_weights(metrics: Metrics, source: Source) -> Metrics:
    """With what follows from the weights of `source` alone, without training: parameters and figures of the schemes."""
    return replace(metrics, parameters=count_parameters(source.model), schemes=measure_schemes(source))


def measure_schemes(source: Source) -> dict[str, Quality]:
    """Quality of the program in every scheme, on the test split."""
    seen, bits = source.calibration, source.weight_bits
    ranges = calibrate(source.model, seen.x, seen.lengths, source.input_percentile, weight_bits=bits)
    test = source.test
    return {
        scheme: measure(
            source.model,
            quantize(source.model, ranges, scheme, source.output, source.classes, weight_bits=bits),
            test.x,
            test.lengths,
            test.y,
        )
        for scheme in SCHEMES
    }


def count_parameters(model: FloatModel) -> int:
    """Weights and biases, as stored in the program."""
    tables = sum(layer.table.size for layer in model.layers if isinstance(layer, EmbeddingLayer))
    products = (linear for layer in model.layers for linear in linears(layer))
    return tables + sum(linear.weight.size + linear.bias.size for linear in products)


def save(metrics: Metrics, path: Path) -> None:
    write_atomically(path, (json.dumps(asdict(metrics), indent=1) + "\n").encode())


def load(path: Path) -> Metrics:
    """What `save` wrote; ModelError on anything else."""
    try:
        described = json.loads(path.read_bytes())
        schemes = {scheme: _quality(**quality) for scheme, quality in described.pop("schemes").items()}
        seeds, accuracies = tuple(described.pop("seeds")), tuple(described.pop("float_accuracy"))
        return Metrics(seeds=seeds, float_accuracy=accuracies, schemes=schemes, **described)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelError(f"{path} holds no metrics ({error}); run `rnn-edge train` again.") from error


def _quality(after_change: Sequence[float | None] = (), **figures: float) -> Quality:
    return Quality(**figures, after_change=tuple(after_change))
