"""How the rows of a sequence become the inputs of steps: one a step, several a step, or both ends together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import UserError

Sequences = tuple[NDArray[Any], NDArray[np.int64]]


@dataclass(frozen=True)
class Rows:
    """A step reads `rate` successive rows side by side; or, `mirrored`, row t and behind it row T - 1 - t of T rows.

    Strides and pooling over time make a rate; a bidirectional layer reads its sequence from both ends.
    """

    rate: int = 1
    mirrored: bool = False

    def channels(self, inputs: int) -> int:
        """Channels of the sensor, where a step reads `inputs` values."""
        return inputs // (2 if self.mirrored else self.rate)

    def names(self, channels: tuple[str, ...]) -> tuple[str, ...]:
        """What the inputs of a step are called, where the channels of the sensor have names."""
        if self.mirrored:
            return channels + tuple(f"{name} from the end" for name in channels)
        if self.rate == 1:
            return channels
        return tuple(f"{name}, row {row + 1}" for row in range(self.rate) for name in channels)

    def of(self, x: NDArray[Any], lengths: NDArray[np.int64]) -> Sequences:
        """Sequences `[batch, rows, channels]` of `lengths` real rows as inputs `[batch, steps, inputs]` and real steps.

        What fills no step at the end of a sequence is left out; UserError where that is all of one.
        """
        if self.mirrored:
            back = np.zeros_like(x)
            for to, row, length in zip(back, x, lengths, strict=True):
                to[:length] = row[:length][::-1]
            return np.concatenate([x, back], axis=2), lengths
        if self.rate == 1:
            return x, lengths
        if len(lengths) and int(lengths.min()) < self.rate:
            raise UserError(
                f"A sequence has {lengths.min()} rows and a step of this network reads {self.rate}: give longer ones."
            )
        batch, rows, channels = x.shape
        steps = rows // self.rate
        return x[:, : steps * self.rate].reshape(batch, steps, self.rate * channels), lengths // self.rate

    def back(self, x: NDArray[Any], lengths: NDArray[np.int64]) -> Sequences:
        """The sequences that `of` made inputs of, as far as steps read them."""
        batch, steps, inputs = x.shape
        if self.mirrored:
            return x[..., : inputs // 2], lengths
        return x.reshape(batch, steps * self.rate, inputs // self.rate), lengths * self.rate


def with_channels(x: NDArray[Any]) -> NDArray[Any]:
    """Sequences `[N, T, channels]` as they are, tokens `[N, T]` as the one channel of theirs."""
    return x if x.ndim == 3 else x[..., None]
