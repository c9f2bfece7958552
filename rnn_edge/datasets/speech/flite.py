"""The synthesizer Flite (voices recorded from people: diphones, statistical parameters) as a program.

A. W. Black and K. A. Lenzo, "Flite: a small fast run-time synthesis engine", SSW4, 2001. http://cmuflite.org
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import wave
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from ...errors import MissingError
from . import RATE_HZ, Pcm
from .waveform import at_rate, trimmed

VOICES = ("awb", "kal16", "rms", "slt")
"""A Scottish man, an American man (diphones), an American man, an American woman."""

_PROGRAM = "flite"
_SECONDS = 60
_JOBS = 2


@dataclass(frozen=True)
class Voice:
    """A speaker and how it speaks: each sound takes `stretch` of its time; `speed` as that of eSpeak's voices."""

    name: str
    stretch: float
    speed: float = 1.0


def speak(asked: Sequence[tuple[str, Voice]]) -> list[Pcm]:
    """Each word in its voice, 16 kHz, no silence around it; MissingError where Flite is not installed."""
    if shutil.which(_PROGRAM) is None:
        raise MissingError("Words are spoken by the program flite, which is not here: run `apt install flite`.")
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(_JOBS) as pool:
        return list(pool.map(partial(_say, Path(folder)), range(len(asked)), asked))


def _say(folder: Path, number: int, asked: tuple[str, Voice]) -> Pcm:
    word, voice = asked
    path = folder / f"{number}.wav"
    command: list[str] = [
        _PROGRAM,
        "-voice",
        voice.name,
        "--setf",
        f"duration_stretch={voice.stretch:.3f}",
        "-t",
        word,
        "-o",
        str(path),
    ]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=_SECONDS)
        with wave.open(str(path)) as file:
            pcm = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.int16)
            rate_hz = file.getframerate()
    except (OSError, subprocess.SubprocessError, wave.Error, EOFError) as error:
        raise MissingError(f"flite did not say {word!r} as {voice.name} ({error}): run `apt install flite`.") from error
    finally:
        path.unlink(missing_ok=True)
    return trimmed(at_rate(pcm, rate_hz * voice.speed, RATE_HZ))
