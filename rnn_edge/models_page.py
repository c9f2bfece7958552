"""Writes docs/models.md from the bundled models: python -m rnn_edge.models_page > docs/models.md."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterable

from . import catalogue, datasets, spec
from .metrics import Metrics
from .paths import MODELS

_HEAD = """\
# The bundled models

This page is written by `make results`, which measures the stored weights anew and trains nothing; a test keeps it
current with `models/*/` and the data sets. `rnn-edge models` prints the same figures; `make models` trains them anew,
and only then the columns `baseline` and `float` change.

Accuracies are shares of the test split, which neither training nor calibration has seen. `float` is the mean over the
seeds, with the least and the most; the stored weights are the first seed's, and the columns of a scheme are theirs:
accuracy of the integers, share of the same class as in float, signal to noise of the scores. `baseline` is logistic
regression on the same sequences: on statistics of each channel, or on hashed n-grams of tokens. Where there is a label
at every step, accuracies are shares of the steps, and the baseline has the statistics of the last steps only.
A model that forecasts values has R2 in place of accuracies.

`power` and `vowels` have kept weights from before training drew its random numbers as it does now. Trained anew
(`rnn-edge train vowels --seeds 3`) their means are 96.37 % and 96.58 %, with the same settings.

"""
_COLUMNS = ("model", "layers", "parameters", "baseline", "float", "stored weights", "int8", "int16x8")
_CHANGES = "How soon it knows: the share of right steps, by how long ago the label changed (1: the step of the change)."
_Row = tuple[str, ...]


def document() -> str:
    """The text of docs/models.md."""
    rows, texts = [], []
    for name, task, layers, measured in catalogue.bundled():
        if measured is not None:
            rows.append(_row(name, layers, measured))
            texts.append(f"\n## {name}\n\n{task}.\n\n{_data(name)}\n{_after_change(measured)}")
    return _HEAD + _table(rows) + "".join(texts)


def _row(name: str, layers: str, measured: Metrics) -> _Row:
    seeds = measured.float_accuracy
    spread = f"{_percent(measured.mean_accuracy)} ({_percent(min(seeds))} to {_percent(max(seeds))})"
    schemes = (
        f"{_percent(quality.accuracy)}, {_percent(quality.agreement)}, {quality.snr_db:.1f} dB"
        for quality in (measured.schemes["int8"], measured.schemes["int16x8"])
    )
    figures = (f"{measured.parameters:,}", _percent(measured.baseline), spread, _percent(seeds[0]))
    return (f"`{name}`", layers, *figures, *schemes)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.2f} %"


def _data(model: str) -> str:
    """What its data set says of source, licence and split."""
    name = spec.load(MODELS / model).data.set
    first, *rest = (inspect.getdoc(importlib.import_module(f"{datasets.__name__}.{name}")) or "").split("\n\n")
    return "\n\n".join((f"Data `{name}`: {first}", *rest))


def _after_change(measured: Metrics) -> str:
    """How soon its schemes follow labels that change; nothing for other models."""
    longest = max(len(quality.after_change) for quality in measured.schemes.values())
    if longest == 0:
        return ""
    spans = ("1", *(f"{2**k} to {2 ** (k + 1) - 1}" for k in range(1, longest)))
    rows = ((scheme, *map(_percent, quality.after_change)) for scheme, quality in measured.schemes.items())
    return f"\n{_CHANGES}\n\n{_table(rows, ('step after a change', *spans))}"


def _table(rows: Iterable[_Row], columns: _Row = _COLUMNS) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in (columns, ("---",) * len(columns), *rows))


if __name__ == "__main__":
    print(document(), end="")
