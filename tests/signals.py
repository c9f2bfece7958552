"""Signals for tests of features: speech-like, and those in which fixed-point arithmetic would overflow first."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]

RATE_HZ = 16000


def speech(samples: int, peak: float, seed: int = 0) -> Samples:
    """Vowels that come and go over noise: pulses at the pitch of a voice through the resonances of a throat.

    `peak` in counts; the noise of the microphone is 5 counts.
    """
    rng = np.random.default_rng(seed)
    t = np.arange(samples) / RATE_HZ
    pitch = rng.uniform(90, 250) * (1 + 0.1 * np.sin(2 * np.pi * 3 * t))
    phase = np.cumsum(pitch) / RATE_HZ
    pulses = np.diff(np.floor(phase), prepend=0) + 0.003 * rng.normal(size=samples)
    frequency = np.fft.rfftfreq(samples, 1 / RATE_HZ)
    spectrum = np.fft.rfft(pulses)
    for low, high, width in ((300, 800, 80), (900, 2300, 120), (2300, 3200, 200)):
        centre = rng.uniform(low, high)
        spectrum *= centre**2 / (centre**2 - frequency**2 + 1j * width * frequency)
    voice = np.fft.irfft(spectrum, samples)
    knots = max(samples // 2000, 3)
    voice *= np.interp(t, np.linspace(0, t[-1], knots), rng.uniform(0, 1, knots) ** 3)
    voice *= peak / np.abs(voice).max()
    return np.clip(np.round(voice + rng.normal(0, 5, samples)), -32768, 32767).astype(np.int16)


def extremes(samples: int) -> dict[str, Samples]:
    """Name -> signal at the ends of the range."""
    n = np.arange(samples)
    rng = np.random.default_rng(1)
    made = {
        "silence": np.zeros(samples),
        "lowest": np.full(samples, -32768),
        "highest": np.full(samples, 32767),
        "minus one": np.full(samples, -1),
        "fastest": np.where(n % 2, 32767, -32768),
        "slow square": np.where(n // 37 % 2, 32767, -32768),
        "quarter": np.where(n // 2 % 2, 32767, -32768),
        "impulse": np.where(n % 700 == 300, -32768, 0),
        "impulse at the edge": np.where(n == 3, -32768, 0),
        "small impulse": np.where(n % 700 == 300, 1, 0),
        "random signs": np.where(rng.integers(0, 2, samples), 32767, -32768),
        "random": rng.integers(-32768, 32768, samples),
        "dither": rng.integers(-1, 2, samples),
        "tone": np.round(32767 * np.sin(2 * np.pi * 0.0617 * n)),
        "chirp": np.round(32767 * np.sin(np.pi * 0.5 * n * n / samples)),
    }
    return {name: signal.astype(np.int16) for name, signal in made.items()}
