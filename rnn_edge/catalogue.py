"""What there is: bundled models and known runtimes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from . import keras_float, metrics, spec
from .metrics import Metrics
from .paths import MODELS, Artifacts
from .runtimes import Found, Missing, all_runtimes


def bundled() -> list[tuple[str, str, str, Metrics | None]]:
    """Name, task, layers and metrics of every bundled model."""
    rows = []
    for path in sorted(MODELS.glob(f"*/{spec.FILE_NAME}")):
        described = spec.load(path.parent)
        files = Artifacts(path.parent, path.parent.name)
        layers = ", ".join(_described(layer) for layer in described.network.layers)
        measured = metrics.load(files.metrics) if files.metrics.is_file() else None
        rows.append((path.parent.name, described.task, layers, measured))
    return rows


def _described(layer: spec.LayerSpec) -> str:
    match layer:
        case spec.EmbeddingSpec():
            return f"{layer.layer} {layer.width}"
        case spec.ConvSpec():
            return f"{layer.layer} {layer.filters}"
        case spec.PoolSpec():
            return f"{layer.layer} {layer.size}"
        case spec.GlobalPoolSpec():
            return layer.layer
    both = isinstance(layer, spec.RecurrentSpec) and layer.bidirectional
    return f"{'bidirectional ' if both else ''}{layer.layer} {layer.units}"


RuntimeRow = tuple[str, str, Found | Missing]


def runtimes() -> list[RuntimeRow]:
    """Name, contract and state of every runtime, Keras in float last."""
    rows: list[RuntimeRow] = [
        (runtime.name, str(runtime.contract), runtime.find()) for runtime in all_runtimes().values()
    ]
    return [*rows, (keras_float.NAME, "float", keras_float.find())]


def runtimes_json(rows: Sequence[RuntimeRow]) -> str:
    return json.dumps([{"runtime": name, "contract": contract, **asdict(found)} for name, contract, found in rows])
