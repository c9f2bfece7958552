"""Recordings as files, for tests of reading them and of folders of them."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def csv(path: Path, rows: int = 40, seed: int = 0, header: str = "ax,ay\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(seed).normal(size=(rows, 2))
    path.write_text(header + "".join(f"{a:.5f},{b:.5f}\n" for a, b in values))
    return path


def wav(path: Path, samples: NDArray[np.int16], rate: int = 8000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())
    return path
