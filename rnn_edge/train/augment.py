"""Sequences made a little different in every epoch, of the training part only.

Noise, scaling and shifting of sensor windows: T. T. Um et al., "Data augmentation of wearable sensor data for
Parkinson's disease monitoring using convolutional neural networks", ICMI 2017.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..datasets import Split
from ..spec import TrainSpec
from .batches import real_steps


def deviations(split: Split) -> NDArray[np.float32]:
    """Standard deviation of every channel `[channels]` over all real steps."""
    return np.asarray(split.x[real_steps(split)].std(axis=0, dtype=np.float64), np.float32)


def augment(split: Split, options: TrainSpec, deviation: NDArray[np.float32], random: np.random.Generator) -> Split:
    """The split with `shift`, `scale` and `noise` of the options drawn anew, in this order.

    A shifted sequence keeps its length: what moves out is lost, and the first or last real step fills the gap.
    """
    x = split.x
    count, steps = x.shape[:2]
    if options.shift:
        moved = random.integers(-options.shift, options.shift + 1, (count, 1))
        source = np.clip(np.arange(steps) - moved, 0, split.lengths[:, None] - 1)
        x = np.take_along_axis(x, source[..., None], axis=1)
    if options.scale:
        x = x * random.uniform(1 - options.scale, 1 + options.scale, (count, 1, 1)).astype(np.float32)
    if options.noise:
        x = x + np.float32(options.noise) * deviation * random.standard_normal(x.shape, np.float32)
    return replace(split, x=x)
