"""What every synthesizer's samples go through: one rate, no silence at the ends."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from . import Pcm

_SILENCE = 0.02  # of the peak: synthesizers are silent around a word but for rounding
_DENOMINATOR = 1000
_ROOM = 1024  # zeros behind the word keep its end from folding into its beginning


def at_rate(pcm: Pcm, rate_in: float, rate_out: float) -> Pcm:
    """The samples at another rate, by the spectrum of the whole: frequencies that both rates hold are kept exactly."""
    ratio = Fraction(rate_out / rate_in).limit_denominator(_DENOMINATOR)
    periods = -(-(len(pcm) + _ROOM) // ratio.denominator)
    padded, count = periods * ratio.denominator, periods * ratio.numerator
    spectrum = np.fft.rfft(pcm.astype(np.float64), padded)
    kept = np.zeros(count // 2 + 1, np.complex128)
    bins = min(len(spectrum), len(kept))
    kept[:bins] = spectrum[:bins]
    signal = np.fft.irfft(kept, count) * (count / padded)
    return to_int16(signal[: round(len(pcm) * rate_out / rate_in)])


def trimmed(pcm: Pcm) -> Pcm:
    """Without silence at the beginning and the end; empty where nothing is heard."""
    level = np.abs(pcm.astype(np.int32))
    loud = np.flatnonzero(level > _SILENCE * level.max(initial=0))
    return pcm[loud[0] : loud[-1] + 1] if len(loud) else pcm[:0]


def to_int16(signal: NDArray[np.float64]) -> Pcm:
    """Rounded and saturated."""
    return np.clip(np.rint(signal), -32768, 32767).astype(np.int16)
