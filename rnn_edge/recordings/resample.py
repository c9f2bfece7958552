"""Another sample rate for a stream of chunks: a polyphase filter, a windowed sinc, written with NumPy.

Source: J. O. Smith and P. Gossett, "A Flexible Sampling-Rate Conversion Method", ICASSP 1984 (a table of filters,
between whose phases is interpolated); the window is J. F. Kaiser's. No delay: output `k` is the input at time
`k / rate_out`, with the first and the last value held beyond the ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from . import Chunk

MAX_RATIO = 1000
_CROSSINGS = 16  # of the sinc on each side
_BETA = 8.0  # of the window: 80 dB between what passes and what is stopped
_PASS = 0.86  # the middle of the transition, as a share of half the lower rate: above that half all is stopped
_PHASES = 512  # linear between them: an error of (pi / 512)^2 / 8 at most, 106 dB below the signal
_DENOMINATOR = 10**6  # of the ratio, so that positions are exact in int64 for 10^12 outputs
_BATCH = 2**16  # filter weights used together


def resampled(chunks: Iterable[Chunk], rate_in: float, rate_out: float) -> Iterator[Chunk]:
    """The same signal at `rate_out`, both rates in Hz and at most 1000 times apart; float32 as before.

    Of `n` steps, ceil(n * rate_out / rate_in) remain.
    """
    ratio = _ratio(rate_in, rate_out)
    table, reach = _filters(ratio)
    held, first, count, done = None, -reach, 0, 0  # `held` begins at input step `first`; `done` outputs are written
    for chunk in chunks:
        held = np.concatenate([np.repeat(chunk[:1], reach, 0) if held is None else held, chunk])
        count += len(chunk)
        ready = max(done, -int(-(count - reach) // (1 / ratio)))  # outputs that need no step after those held
        yield from _outputs(held, first, done, ready, ratio, table, reach)
        done = ready
        begin = max(0, int(done / ratio) - reach + 1 - first)
        held, first = held[begin:], first + begin
    if held is not None:
        held = np.concatenate([held, np.repeat(held[-1:], reach + 1, 0)])
        yield from _outputs(held, first, done, -int(-count * ratio // 1), ratio, table, reach)


def _ratio(rate_in: float, rate_out: float) -> Fraction:
    exact = Fraction(rate_out) / Fraction(rate_in)
    return exact.limit_denominator(_DENOMINATOR)


def _filters(ratio: Fraction) -> tuple[NDArray[np.float32], int]:
    """A filter a phase `[513, 2 * reach]`, and how many input steps it reaches back and ahead."""
    cutoff = _PASS * min(1.0, float(ratio))
    reach = int(np.ceil(_CROSSINGS / cutoff))
    at = np.arange(1 - reach, reach + 1) - (np.arange(_PHASES + 1) / _PHASES)[:, None]
    window = np.i0(_BETA * np.sqrt(np.maximum(0, 1 - (at / reach) ** 2)))
    table = np.sinc(cutoff * at) * window
    return (table / table.sum(axis=1, keepdims=True)).astype(np.float32), reach


def _outputs(
    held: Chunk, first: int, begin: int, end: int, ratio: Fraction, table: NDArray[np.float32], reach: int
) -> Iterator[Chunk]:
    batch = max(1, _BATCH // reach)
    for start in range(begin, end, batch):
        # Exact integers: the position of output k is k * denominator / numerator; its whole part is the step.
        step, rest = np.divmod(np.arange(start, min(end, start + batch)) * ratio.denominator, ratio.numerator)
        phase, rest = np.divmod(rest * _PHASES, ratio.numerator)
        share = (rest / ratio.numerator).astype(np.float32)[:, None]
        views = np.lib.stride_tricks.sliding_window_view(held, 2 * reach, axis=0)[step + 1 - reach - first]
        filters = table[phase]
        if rest.any():
            filters += share * (table[phase + 1] - filters)
        yield np.einsum("kct,kt->kc", views, filters)
