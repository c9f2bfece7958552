"""Statistics of windows and decimation of int16 sensor counts in integers: the definition that
`firmware/features/rnn_statistics.c` computes bit for bit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from .configuration import Configuration, check_whole
from .curves import IntArray

STATISTICS = ("mean", "minimum", "maximum", "range", "mean_difference", "deviation")
"""In the order of their numbers in C."""

LARGEST_WINDOW = 1024


@dataclass(frozen=True)
class Statistics(Configuration):
    """Statistics of every channel over `window` samples, one vector every `hop` samples.

    `statistics` are names of STATISTICS. All are in counts, rounded half up, at most 32767: mean, minimum, maximum,
    maximum - minimum, mean of |x[t] - x[t - 1]| inside the window, standard deviation (of the population). UserError on
    sizes out of range.
    """

    channels: int
    window: int
    hop: int
    statistics: tuple[str, ...] = STATISTICS

    kind: ClassVar[str] = "statistics"

    def __post_init__(self) -> None:
        for name, high in (("channels", 32), ("window", LARGEST_WINDOW), ("hop", self.window)):
            check_whole("Statistics", name, getattr(self, name), 2 if name == "window" else 1, high)
        if self.channels * self.window > np.iinfo(np.int16).max // 2:
            raise UserError(
                f"Statistics: {self.channels} channels of {self.window} samples are {self.channels * self.window}; "
                "16383 is accepted: take a shorter window, or decimate first."
            )
        if not self.statistics or len(set(self.statistics)) < len(self.statistics):
            raise UserError(f"Statistics: {list(self.statistics)} is none or has one twice; list each name once.")
        for name in self.statistics:
            if name not in STATISTICS:
                raise UserError(f"Statistics: there is no {name!r}; accepted are {', '.join(STATISTICS)}.")

    @property
    def size(self) -> int:
        """Features of a window."""
        return self.channels * len(self.statistics)

    @property
    def numbers(self) -> IntArray:
        """The statistics as C knows them."""
        return np.array([STATISTICS.index(name) for name in self.statistics], dtype=np.int64)

    def frames(self, counts: NDArray[np.int16]) -> NDArray[np.int16]:
        """Features `[frames, statistics * channels]`, all channels of the first statistic first, of counts
        `[n, channels]`; UserError on another shape or type.
        """
        _check_counts(counts, self.channels)
        number = max((len(counts) - self.window) // self.hop + 1, 0)
        rows = [self._frame(counts[i * self.hop :][: self.window].astype(np.int64)) for i in range(number)]
        return np.array(rows, dtype=np.int16).reshape(number, self.size)

    def _frame(self, x: IntArray) -> IntArray:
        n = self.window
        low, high, total = x.min(axis=0), x.max(axis=0), x.sum(axis=0)
        # total <= 2^25; n * sum(x^2) <= 2^10 * 2^10 * 2^30 = 2^50
        spread = n * (x * x).sum(axis=0) - total * total
        root = np.array([math.isqrt(value) for value in spread.tolist()])
        values = {
            "mean": (2 * total + n) // (2 * n),
            "minimum": low,
            "maximum": high,
            "range": high - low,
            "mean_difference": (2 * np.abs(np.diff(x, axis=0)).sum(axis=0) + n - 1) // (2 * (n - 1)),
            "deviation": (2 * root + n) // (2 * n),
        }
        features: IntArray = np.minimum(
            np.concatenate([values[name] for name in self.statistics]), np.iinfo(np.int16).max
        )
        return features


@dataclass(frozen=True)
class Decimation(Configuration):
    """The mean of every `factor` samples of each channel, rounded half up: a boxcar filter and a lower rate."""

    channels: int
    factor: int

    kind: ClassVar[str] = "decimation"

    def __post_init__(self) -> None:
        check_whole("Decimation", "channels", self.channels, 1, 32)
        check_whole("Decimation", "factor", self.factor, 2, 256)

    def frames(self, counts: NDArray[np.int16]) -> NDArray[np.int16]:
        """Means `[n // factor, channels]` of counts `[n, channels]`; UserError on another shape or type."""
        _check_counts(counts, self.channels)
        whole = counts[: len(counts) // self.factor * self.factor].astype(np.int64)
        total = whole.reshape(-1, self.factor, self.channels).sum(axis=1)  # |total| <= 2^23
        mean: IntArray = (2 * total + self.factor) // (2 * self.factor)
        return mean.astype(np.int16)


def _check_counts(counts: NDArray[np.int16], channels: int) -> None:
    if counts.ndim != 2 or counts.shape[1] != channels or counts.dtype != np.int16:
        raise UserError(f"Counts are {counts.dtype.name}{list(counts.shape)}; int16 [samples, {channels}] is accepted.")
