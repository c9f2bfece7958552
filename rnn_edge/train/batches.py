"""Sequences as training sees them: padded inputs, what is to be answered at which step, and how much that counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..datasets import Split

PADDING = -1e9  # marks the steps after the end of a sequence; far outside of any sensor, exact as a 32-bit float

_POOL = 16  # batches of which the sequences of similar lengths go together

Array = NDArray[Any]


@dataclass(frozen=True)
class Batch:
    """`x`: `[N, T, channels]`, or tokens `[N, T]`; `y` the targets and float32 `weight` of each of them.

    Where the output is read at every step, `y` is `[N, T]`, or `[N, T, outputs]` for values, and `weight` `[N, T]`;
    otherwise both are `[N]`. Weight 0: nothing is asked.
    """

    x: Array
    lengths: NDArray[np.int64]
    y: Array
    weight: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.x)

    def take(self, rows: NDArray[np.int64]) -> Batch:
        """The sequences `rows`, cut to the longest of them: masked steps change nothing and cost time."""
        lengths = self.lengths[rows]
        steps = int(lengths.max())
        if self.weight.ndim == 1:
            return Batch(self.x[rows, :steps], lengths, self.y[rows], self.weight[rows])
        return Batch(self.x[rows, :steps], lengths, self.y[rows, :steps], self.weight[rows, :steps])

    def chunks(self, size: int) -> Iterator[Batch]:
        """Pieces of `size` steps, the last may be shorter, with an output at every step.

        What is asked after the last step of a sequence is asked in the piece that holds this step.
        """
        y, weight = self.y, self.weight
        if weight.ndim == 1:
            last = np.arange(len(self)), self.lengths - 1
            y = np.zeros((*self.x.shape[:2], *self.y.shape[1:]), self.y.dtype)
            weight = np.zeros(self.x.shape[:2], np.float32)
            y[last], weight[last] = self.y, self.weight
        for start in range(0, self.x.shape[1], size):
            piece = slice(start, start + size)
            yield Batch(self.x[:, piece], np.clip(self.lengths - start, 0, size), y[:, piece], weight[:, piece])


def batches(lengths: NDArray[np.int64], size: int, alike: bool, random: np.random.Generator) -> list[NDArray[np.int64]]:
    """All rows in random batches of `size`, the last may be smaller; with `alike` of sequences of similar lengths.

    Those are sorted within pools of some batches, so that an epoch never has the batches of another.
    """
    order = random.permutation(len(lengths))
    if not alike:
        return [order[start : start + size] for start in range(0, len(order), size)]
    pools = [order[start : start + _POOL * size] for start in range(0, len(order), _POOL * size)]
    order = np.concatenate([pool[np.argsort(lengths[pool], kind="stable")] for pool in pools])
    found = [order[start : start + size] for start in range(0, len(order), size)]
    return [found[i] for i in random.permutation(len(found))]


def asked(split: Split, every_step: bool) -> Batch:
    """All sequences of a split, of what is asked at every step or, without `every_step`, after the last one.

    With an output at every step each real one has the class of its sequence as target, where there is no other.
    """
    real, y = real_steps(split), split.y
    if split.task == "class":
        y = np.repeat(y[:, None], real.shape[1], axis=1)
    weight = real if split.task == "value" else real & (y >= 0)
    if split.task == "label":
        y = np.where(weight, y, 0)
    if not every_step:
        last = np.arange(len(split)), split.lengths - 1
        y, weight = y[last], weight[last]
    return Batch(padded(split), split.lengths, y, weight.astype(np.float32))


def class_factors(batch: Batch, classes: int, rule: Literal["none", "balanced"]) -> NDArray[np.float32]:
    """A factor a class, or one in all where there are no classes.

    "balanced": all classes that occur count the same in sum, and a target counts 1 on average. The weights of G. King
    and L. Zeng, "Logistic regression in rare events data", Political Analysis 9, 2001.
    """
    if batch.y.dtype.kind == "f":
        return np.ones(1, np.float32)
    count = np.bincount(batch.y[batch.weight > 0], minlength=classes)
    factors = count.sum() / (np.count_nonzero(count) * np.maximum(count, 1))
    return np.where((count > 0) & (rule == "balanced"), factors, 1).astype(np.float32)


def weighted(batch: Batch, factors: NDArray[np.float32]) -> Batch:
    """The batch in which each target counts by the factor of its class, or by the only one."""
    if len(factors) == 1:
        return replace(batch, weight=batch.weight * factors)
    return replace(batch, weight=batch.weight * factors[batch.y])


def padded(split: Split) -> Array:
    """The input that the trained model expects: steps after the end of a sequence are `PADDING` (tokens: 0)."""
    if split.x.ndim == 2:
        return split.x
    return np.where(real_steps(split)[..., None], split.x, np.float32(PADDING))


def real_steps(split: Split) -> NDArray[np.bool_]:
    """Which steps `[N, T]` belong to the sequence, and which are padding."""
    return np.arange(split.x.shape[1]) < split.lengths[:, None]
