"""Log-mel features of audio in integers: the definition that `firmware/features/rnn_log_mel.c` computes bit for bit.

Window, real FFT, power, triangular bands on the mel scale (Davis and Mermelstein, 1980; scale and triangles as in HTK),
logarithm to base 2. docs/features.md has the formulas.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from .configuration import Configuration, check_whole
from .curves import WEIGHT_BITS, IntArray, half_hann, log2_table, mel_positions, quarter_sine
from .spectrum import bit_length, power_spectrum

FRACTION = 8
"""Features are octaves of power at 2^-8."""

_FRAMES_AT_ONCE = 1024


@dataclass(frozen=True)
class Bands:
    """The triangles as one weight a bin, for it lies on two slopes whose weights sum to one.

    `first`: the first bin that lies in a band. `ends`: behind the last bin of each of the mels + 1 stretches between
    neighbouring peaks, `[mels + 1]`. `weights`: of each bin from `first` on in the band whose slope rises there, at
    2^-8, 0 to 255.
    """

    first: int
    ends: IntArray
    weights: IntArray


@dataclass(frozen=True)
class LogMel(Configuration):
    """Frames of `window` samples, one every `hop` samples, in `mels` bands from `low_hz` to `high_hz`.

    `fft`: points of the transform, 64 to 1024, a power of two not below `window`. `floor`: octaves of power that every
    band has at least (2^floor is added; a tone of amplitude a has power (a * window / 4)^2). UserError on what does not
    fit together.
    """

    rate_hz: int = 16000
    window: int = 512
    hop: int = 320
    fft: int = 512
    mels: int = 16
    low_hz: int = 125
    high_hz: int = 7500
    floor: int = 8

    kind: ClassVar[str] = "log_mel"
    unit: ClassVar[float] = 2.0**-FRACTION
    """Octaves of power in one count."""

    def __post_init__(self) -> None:
        limits = {"rate_hz": (1000, 96000), "window": (32, 1024), "hop": (1, self.window), "fft": (64, 1024)}
        limits |= {"mels": (1, 128), "low_hz": (0, 48000), "high_hz": (1, 48000), "floor": (0, 16)}
        for name, (low, high) in limits.items():
            check_whole("Log-mel features", name, getattr(self, name), low, high)
        if self.window % 2:
            raise UserError(f"Log-mel features: window is {self.window}; take an even number of samples.")
        if self.fft & (self.fft - 1) or self.fft < self.window:
            raise UserError(
                f"Log-mel features: fft is {self.fft}; take a power of two not below window, {self.window}."
            )
        if not self.low_hz < self.high_hz <= self.rate_hz / 2:
            raise UserError(
                f"Log-mel features: the bands go from {self.low_hz} to {self.high_hz} Hz; take low_hz below high_hz "
                f"and high_hz not above half the rate, {self.rate_hz // 2}."
            )
        self._check_bands()

    def _check_bands(self) -> None:
        empty = np.flatnonzero(~self._triangles.any(axis=0))
        if len(empty):
            raise UserError(
                f"Log-mel features: band {empty[0]} of {self.mels} lies between two bins of "
                f"{self.rate_hz / self.fft:.4g} Hz; take fewer mels, a larger fft or a wider range."
            )

    @cached_property
    def bands(self) -> Bands:
        """The triangles, as C has them."""
        position = self._positions
        inside = np.flatnonzero((position > 0) & (position < (self.mels + 1) << WEIGHT_BITS))
        ends = np.searchsorted(position, np.arange(1, self.mels + 2) << WEIGHT_BITS)
        return Bands(int(inside[0]), ends, position[inside] & ((1 << WEIGHT_BITS) - 1))

    @property
    def size(self) -> int:
        """Features of a frame."""
        return self.mels

    @property
    def quarter_sine(self) -> IntArray:
        """sin(2 pi i / fft) at 2^-14, i = 0 to fft / 4."""
        return quarter_sine(self.fft)

    @property
    def half_hann(self) -> IntArray:
        """The Hann window at 2^-15, 0 to 2^15, n = 0 to window / 2."""
        return half_hann(self.window)

    @property
    def _positions(self) -> IntArray:
        return mel_positions(self.rate_hz, self.fft, self.mels, self.low_hz, self.high_hz)

    @property
    def _triangles(self) -> IntArray:
        """Weight of each bin in each band at 2^-8, `[fft / 2, mels]`."""
        peaks = np.arange(1, self.mels + 1) << WEIGHT_BITS
        distance = np.abs(self._positions[: self.fft // 2, None] - peaks)
        return np.maximum((1 << WEIGHT_BITS) - distance, 0)

    @property
    def frames_per_s(self) -> float:
        """Frames in a second of sound."""
        return self.rate_hz / self.hop

    def count(self, samples: int) -> int:
        """Frames of so many samples: one for each whole window."""
        return max((samples - self.window) // self.hop + 1, 0)

    def frames(self, pcm: NDArray[np.int16]) -> NDArray[np.int16]:
        """Features `[frames, mels]`, octaves of power at 2^-8, of samples `[n]`; a frame for each whole window.

        UserError unless the samples are a vector of int16.
        """
        if pcm.ndim != 1 or pcm.dtype != np.int16:
            raise UserError(
                f"Samples are {pcm.dtype.name}{list(pcm.shape)}; log-mel features take int16 of one channel."
            )
        count = self.count(len(pcm))
        features = np.zeros((count, self.mels), dtype=np.int16)
        for start in range(0, count, _FRAMES_AT_ONCE):
            index = np.arange(start, min(start + _FRAMES_AT_ONCE, count))[:, None] * self.hop + np.arange(self.window)
            features[start : start + len(index)] = self._features(pcm[index])
        return features

    def _features(self, frames: NDArray[np.int16]) -> IntArray:
        mantissa, exponent = power_spectrum(frames, self.fft)
        # below 2^32 * 2^8 * 512 = 2^49
        power: IntArray = mantissa @ self._triangles
        # 2^floor in the units of the band; -14 <= exponent: at most 2^52, and nothing where the units are larger
        floor_bits = self.floor + WEIGHT_BITS - 2 * exponent
        floor = np.where(floor_bits >= 0, np.int64(1) << np.maximum(floor_bits, 0), 0)
        octaves = _log2(np.maximum(power + floor[:, None], 1))
        return octaves + ((2 * exponent - WEIGHT_BITS) << FRACTION)[:, None]


def _log2(value: IntArray) -> IntArray:
    """log2 at 2^-8 of 1 <= value < 2^53, interpolated in a table of 32 intervals."""
    whole = bit_length(value) - 1
    # 1 + fraction at 2^-16, truncated
    scaled = np.where(whole > 16, value >> np.maximum(whole - 16, 0), value << np.maximum(16 - whole, 0))
    index, rest = (scaled >> 11) & 31, scaled & 2047
    low, high = log2_table()[index], log2_table()[index + 1]
    fraction: IntArray = (low * 2048 + (high - low) * rest + (1 << 17)) >> 18
    return (whole << FRACTION) + fraction
