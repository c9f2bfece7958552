"""The user's own data as a folder of recordings, CSV or WAV: found, read in chunks, resampled, cut, split by group."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Chunk = NDArray[np.float32]
"""Successive steps of a recording, `[n, channels]`."""


@dataclass(frozen=True)
class Stream:
    """A recording that can be read: `chunks()` begins anew each time and raises UserError at the first bad value.

    `rate_hz` and `steps` are None where the file does not say them; `dropped` names the columns that are time and no
    channels.
    """

    path: Path
    channels: tuple[str, ...]
    rate_hz: float | None
    chunks: Callable[[], Iterator[Chunk]]
    dropped: str | None = None
    steps: int | None = None


@dataclass(frozen=True)
class Recording:
    """A recording and what is known of it: its class, and the group that is learned or tested as a whole."""

    stream: Stream
    label: str
    group: str
