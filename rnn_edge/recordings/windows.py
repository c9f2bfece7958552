"""How recordings become sequences: whole, or cut into windows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from ..errors import UserError
from . import Chunk


@dataclass(frozen=True)
class Cutting:
    """What `[data]` says: windows of `window_s` seconds, one every `hop_s`, of steps at `rate_hz`.

    Without `window_s` a recording is one sequence; without `hop_s` windows do not overlap; without `rate_hz` the rate
    is that of the files.
    """

    window_s: float | None = None
    hop_s: float | None = None
    rate_hz: float | None = None

    def steps(self, rate_hz: float | None) -> tuple[int, int] | None:
        """Steps of a window, and from one window to the next, at this rate; None where recordings stay whole."""
        if self.window_s is None:
            return None
        if rate_hz is None:
            raise UserError(
                "The files do not say how many steps a second they have, and window_s is in seconds: add rate_hz "
                "(init: --rate)."
            )
        size = round(self.window_s * rate_hz)
        hop = size if self.hop_s is None else round(self.hop_s * rate_hz)
        if size < 1 or hop < 1:
            raise UserError(
                f"A window of {self.window_s:g} s every {self.hop_s or self.window_s:g} s has less than one step at "
                f"{rate_hz:g} Hz: enlarge window_s and hop_s."
            )
        return size, hop


def cut(chunks: Iterable[Chunk], size: int, hop: int) -> Iterator[Chunk]:
    """All whole windows `[n, size, channels]`, a copy for each chunk; what is left at the end is dropped."""
    held, skip = None, 0  # `skip`: steps between windows that are still to come
    for chunk in chunks:
        held = chunk[skip:] if held is None or not len(held) else np.concatenate([held, chunk])
        skip = max(0, skip - len(chunk))
        count = (len(held) - size) // hop + 1 if len(held) >= size else 0
        if count:
            windows = np.lib.stride_tricks.sliding_window_view(held, size, axis=0)[: count * hop : hop]
            yield windows.transpose(0, 2, 1).copy()  # or a window would keep its whole chunk in memory
            skip = max(0, count * hop - len(held))
            held = held[count * hop :]
