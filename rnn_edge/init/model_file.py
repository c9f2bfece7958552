"""The text of a first `model.toml`, each line with its reason."""

from __future__ import annotations

import json
from dataclasses import dataclass

from ..recordings.windows import Cutting
from .summary import Summary

_COLUMN = 28  # where comments begin
_EMBEDDING = 8


@dataclass(frozen=True)
class Choice:
    """What goes into the file beside the data: the path from the file to them, the network, the raw unit and why."""

    path: str
    cell: str
    units: int
    raw_unit: float
    raw_reason: str
    cutting: Cutting


def text(summary: Summary, choice: Choice) -> str:
    """The file for these data."""
    names = [name for name, _, _ in summary.classes]
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    count = sum(train + test for _, train, test in summary.classes)
    lines = [
        f"# Written by `rnn-edge init` from {count} sequences; change what you like.",
        f"task = {_quoted('Tell apart ' + ', '.join(names[:8]) + more)}",
        "",
        "[data]",
        _line("set", _quoted(choice.path), "from this folder: recordings, an .npz or a _TRAIN.ts"),
        *_cutting(choice.cutting),
        _line("raw_unit", repr(choice.raw_unit), choice.raw_reason),
        "",
        "[network]",
        *_network(summary, choice),
        "",
        *_training(summary),
    ]
    return "\n".join(lines) + "\n"


def _training(summary: Summary) -> list[str]:
    counts = [train for _, train, _ in summary.classes]
    changes = [_line("noise", "0.0", "share of each channel's deviation added anew every epoch; try 0.1 for few data")]
    return [
        "[train]                     # docs/training.md has all keys",
        _line("epochs", "100", "at most; stopping early ends most runs before"),
        _line("batch", "32", "sequences a step"),
        _line("seed", "0", "of the float.keras that is kept"),
        _line("learning_rate", "0.01", "of Adam; lower it where the loss jumps"),
        _line("gradient_clip", "1.0", "largest norm of all gradients together"),
        _line("class_weights", '"none"', f'or "balanced": a class has {min(counts)} to {max(counts)} sequences here'),
        *([] if summary.tokens is not None else changes),
        _line("validation", "0.2", "share of the training split that only decides when to stop"),
        _line("patience", "20", "epochs without a better validation loss before stopping"),
        "",
        "[export]",
        _line("input_percentile", "100.0", "all values of the calibration split fit without saturation"),
        _line("output", '"int16"', "the scores leave the device as int16"),
    ]


def _cutting(cutting: Cutting) -> list[str]:
    lines = []
    if cutting.rate_hz is not None:
        lines.append(
            _line("rate_hz", repr(cutting.rate_hz), "steps a second; files of another rate are resampled to it")
        )
    steps = cutting.steps(cutting.rate_hz)
    if steps is not None:
        size, hop = steps
        lines.append(_line("window_s", repr(cutting.window_s), f"seconds in a sequence: {size} steps"))
        lines.append(_line("hop_s", repr(cutting.hop_s), f"seconds from one window to the next: {hop} steps"))
    return lines


def _network(summary: Summary, choice: Choice) -> list[str]:
    classes = len(summary.classes)
    layers = [
        (f'{{ layer = "{choice.cell}", units = {choice.units} }},', "what it remembers from step to step"),
        (f'{{ layer = "dense", units = {classes}, activation = "softmax" }},', "one unit a class"),
    ]
    if summary.tokens is not None:
        embedding = f'{{ layer = "embedding", vocabulary = {summary.tokens}, width = {_EMBEDDING} }},'
        layers.insert(0, (embedding, "a vector a token"))
        normalization = _line("normalization", "false", "tokens have no range")
    else:
        normalization = _line(
            "normalization", "true", "every channel to mean 0 and deviation 1, from the training split"
        )
    width = max(len(layer) for layer, _ in layers)
    return [
        normalization,
        _line("dropout", "0.2", "after the recurrent layer, while training only"),
        _line("every_step", "false", "the output is read after the last step"),
        _line("layers", "[", "from the input to the scores"),
        *(f"  {layer:{width}}  # {reason}" for layer, reason in layers),
        "]",
    ]


def _line(key: str, value: str, reason: str) -> str:
    return f"{f'{key} = {value}':{_COLUMN - 1}} # {reason}"


def _quoted(value: str) -> str:
    """As a basic string of TOML, which JSON's escapes are, but for the one character that JSON leaves alone."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
