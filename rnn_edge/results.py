"""Measures the stored weights of the bundled models anew, without training: python -m rnn_edge.results."""

from __future__ import annotations

from dataclasses import asdict
from math import isclose
from pathlib import Path

from . import catalogue, metrics
from .metrics import Metrics
from .paths import MODELS, Artifacts
from .source import open_source

_SAME = 1e-9  # relative: another library for matrices rounds the float network otherwise


def refresh(folder: Path) -> list[str]:
    """What `metrics.json` in the folder of a model said otherwise than its weights, a line each; it is rewritten then.

    Errors are those of `metrics.load` and `source.open_source`.
    """
    files = Artifacts(folder, folder.name)
    stored = metrics.load(files.metrics)
    measured = metrics.of_weights(stored, open_source(str(folder), files, None))
    before, now = _figures(stored), _figures(measured)
    changed = [key for key in before | now if not _same(before.get(key), now.get(key))]
    if changed:
        metrics.save(measured, files.metrics)
    return [f"{key}: {before.get(key)} was stored, {now.get(key)} is measured" for key in changed]


def _figures(of: Metrics) -> dict[str, float | None]:
    """What follows from the weights, by name."""
    return {"parameters": of.parameters} | {
        f"{scheme} {name}": value
        for scheme, quality in of.schemes.items()
        for name, value in asdict(quality).items()
        if value != ()  # no label at every step
    }


def _same(one: float | None, other: float | None) -> bool:
    return one == other or (one is not None and other is not None and isclose(one, other, rel_tol=_SAME))


def main() -> None:
    """Every bundled model that was trained, with what changed."""
    for name, _, _, stored in catalogue.bundled():
        if stored is not None:
            print(name, *(refresh(MODELS / name) or ["as stored"]), sep="\n  ", flush=True)


if __name__ == "__main__":
    main()
