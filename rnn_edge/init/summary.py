"""What a data set holds: classes, lengths, channels with their ranges, and how it is divided."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..datasets import Dataset, Split


@dataclass(frozen=True)
class Channel:
    """Range, mean and standard deviation of one channel over all real steps."""

    name: str
    low: float
    mean: float
    deviation: float
    high: float


@dataclass(frozen=True)
class Summary:
    """`classes`: name, training and test sequences; `steps`: shortest, median and longest; `test_groups`: names.

    `groups` is the number of groups in training and test, None where every sequence stands for itself. `tokens` is the
    number of tokens, or None for channels of numbers, which are then in `channels`.
    """

    name: str
    classes: tuple[tuple[str, int, int], ...]
    steps: tuple[int, int, int]
    channels: tuple[Channel, ...]
    whole_numbers: bool
    tokens: int | None
    groups: tuple[int, int] | None
    test_groups: tuple[str, ...]
    notes: tuple[str, ...]


def summarize(data: Dataset) -> Summary:
    """The summary of both splits together."""
    parts = (data.train, data.test)
    counts = [_count(part, len(data.classes)) for part in parts]
    lengths = np.concatenate([part.lengths for part in parts])
    values = np.concatenate([_real(part) for part in parts])
    tokens = int(values.max()) + 1 if values.ndim == 1 else None
    channels = () if tokens else _channels(values, data.channels)
    return Summary(
        data.name,
        tuple(zip(data.classes, *counts, strict=True)),
        (int(lengths.min()), int(np.median(lengths)), int(lengths.max())),
        channels,
        all(bool((column == np.rint(column)).all()) for column in values.T) if tokens is None else True,
        tokens,
        _groups(data),
        _names(data.test, data.groups),
        (*data.notes, *(f"{c.name} is always {c.low:g} and tells nothing." for c in channels if c.low == c.high)),
    )


def _count(part: Split, classes: int) -> list[int]:
    """Sequences of every class, or steps of every label."""
    if part.task == "value":
        return []
    return [int(count) for count in np.bincount(part.y[part.y >= 0], minlength=classes)]


def _real(part: Split) -> NDArray[np.generic]:
    return part.x[np.arange(part.x.shape[1]) < part.lengths[:, None]]


def _channels(values: NDArray[np.generic], names: tuple[str, ...]) -> tuple[Channel, ...]:
    names = names or tuple(f"channel {i + 1}" for i in range(values.shape[1]))
    return tuple(
        Channel(name, float(x.min()), float(x.mean(dtype=np.float64)), float(x.std(dtype=np.float64)), float(x.max()))
        for name, x in zip(names, values.T, strict=True)
    )


def _groups(data: Dataset) -> tuple[int, int] | None:
    if data.train.group is None or data.test.group is None:
        return None
    return len(np.unique(data.train.group)), len(np.unique(data.test.group))


def _names(part: Split, groups: tuple[str, ...]) -> tuple[str, ...]:
    return () if part.group is None else tuple(groups[i] for i in np.unique(part.group))
