"""The text of a first `model.toml`, each line with its reason."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from ..features import LogMel
from ..recordings.windows import Cutting
from .summary import Summary

_COLUMN = 28  # where comments begin
_EMBEDDING = 8
_NO_EVENT = ("background", "noise", "silence", "unknown", "other", "none")  # how people call what is nothing


@dataclass(frozen=True)
class Choice:
    """What goes into the file beside the data: the path from the file to them, the network, the raw unit and why.

    With `features` the data are sound, and they say what a raw count is.
    """

    path: str
    cell: str
    units: int
    raw_unit: tuple[float, str] | None
    cutting: Cutting
    features: LogMel | None


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
        *_cutting(choice.cutting, choice.features),
        *([_line("raw_unit", repr(choice.raw_unit[0]), choice.raw_unit[1])] if choice.raw_unit else []),
        "",
        *(_features(choice.features) if choice.features else []),
        "[network]",
        *_network(summary, choice),
        "",
        *_training(summary, choice.features is not None),
        *(_decision(names) if choice.features else []),
    ]
    return "\n".join(lines) + "\n"


def _features(features: LogMel) -> list[str]:
    return [
        "[features]                  # computed on the device, by the C beside the model: docs/listening.md",
        _line("kind", _quoted(features.kind), "loudness of bands of sound, frame by frame; a step is a frame"),
        _line("rate_hz", repr(features.rate_hz), "samples a second; files of another rate are resampled to it"),
        _line("window", repr(features.window), f"samples of a frame, {1000 * features.window / features.rate_hz:g} ms"),
        _line("hop", repr(features.hop), f"from frame to frame, {1000 / features.frames_per_s:g} ms"),
        _line("fft", repr(features.fft), "points of the transform, a power of two"),
        _line("mels", repr(features.mels), "bands: inputs of the network"),
        _line("high_hz", repr(features.high_hz), f"bands go from {features.low_hz} Hz to this"),
        "",
    ]


def _decision(names: Sequence[str]) -> list[str]:
    ignored = [name for name in names if name.lower() in _NO_EVENT]
    reason = "no detection" if ignored else 'record a class "background" of other sounds, and name it here'
    return [
        "",
        "[decision]                  # from the scores of every frame to detections, as `rnn-edge listen` shows them",
        _line("threshold", "0.9", "of the smoothed probability; lower it where too much is missed"),
        _line("smoothing", "2", "a frame moves it by a quarter of the way"),
        _line("rest_s", "0.6", "after a detection without another"),
        _line("ignored", f"[{', '.join(map(_quoted, ignored))}]", reason),
    ]


def _changes(sound: bool) -> list[str]:
    if not sound:
        return [_line("noise", "0.0", "share of each channel's deviation added anew every epoch; try 0.1 for few data")]
    return [
        _line("noise", "0.05", "of each band's deviation, anew in every epoch"),
        _line("warp", "0.1", "the axis of bands is stretched by up to a tenth: other voices"),
        _line("mask", "0.1", "one stretch of frames and one of bands are covered, up to a tenth of them"),
    ]


def _training(summary: Summary, sound: bool) -> list[str]:
    counts = [train for _, train, _ in summary.classes]
    return [
        "[train]                     # docs/training.md has all keys",
        _line("epochs", "100", "at most; stopping early ends most runs before"),
        _line("batch", "32", "sequences a step"),
        _line("seed", "0", "of the float.keras that is kept"),
        _line("learning_rate", "0.01", "of Adam; lower it where the loss jumps"),
        _line("gradient_clip", "1.0", "largest norm of all gradients together"),
        _line("class_weights", '"none"', f'or "balanced": a class has {min(counts)} to {max(counts)} sequences here'),
        *([] if summary.tokens is not None else _changes(sound)),
        _line("validation", "0.2", "share of the training split that only decides when to stop"),
        _line("patience", "20", "epochs without a better validation loss before stopping"),
        "",
        "[export]",
        _line("input_percentile", "100.0", "all values of the calibration split fit without saturation"),
        _line("output", '"int16"', "the scores leave the device as int16"),
    ]


def _cutting(cutting: Cutting, features: LogMel | None) -> list[str]:
    lines = []
    if cutting.rate_hz is not None:
        lines.append(
            _line("rate_hz", repr(cutting.rate_hz), "steps a second; files of another rate are resampled to it")
        )
    samples = cutting.steps(cutting.rate_hz if features is None else features.rate_hz)
    if samples is not None:
        size, hop = samples
        steps = f"{size} steps" if features is None else f"{features.count(size)} frames"
        apart = f"{hop} steps" if features is None else f"{hop / features.hop:.3g} frames"
        lines.append(_line("window_s", repr(cutting.window_s), f"seconds in a sequence: {steps}"))
        lines.append(_line("hop_s", repr(cutting.hop_s), f"seconds from one window to the next: {apart}"))
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
