"""Sequences made a little different in every epoch, of the training part only.

Noise, scaling and shifting of sensor windows: T. T. Um et al., "Data augmentation of wearable sensor data for
Parkinson's disease monitoring using convolutional neural networks", ICMI 2017; rotation as there, of small angles.
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
    """The split with `shift`, `rotation`, `scale` and `noise` of the options drawn anew, in this order.

    A shifted sequence keeps its length: what moves out is lost, and the first or last real step fills the gap. With
    `rotation` the number of channels is a multiple of three, and one rotation turns all triples of a sequence.
    """
    x = split.x
    count, steps = x.shape[:2]
    if options.shift:
        moved = random.integers(-options.shift, options.shift + 1, (count, 1))
        source = np.clip(np.arange(steps) - moved, 0, split.lengths[:, None] - 1)
        x = np.take_along_axis(x, source[..., None], axis=1)
    if options.rotation:
        turned = x.reshape(count, -1, 3) @ _rotations(count, options.rotation, random).transpose(0, 2, 1)
        x = turned.reshape(x.shape)
    if options.scale:
        x = x * random.uniform(1 - options.scale, 1 + options.scale, (count, 1, 1)).astype(np.float32)
    if options.noise:
        x = x + np.float32(options.noise) * deviation * random.standard_normal(x.shape, np.float32)
    return replace(split, x=x)


def _rotations(count: int, degrees: float, random: np.random.Generator) -> NDArray[np.float32]:
    """Matrices `[count, 3, 3]`: axes of any direction, angles from 0 to `degrees`, all equally likely."""
    axis = random.standard_normal((count, 3))
    x, y, z = (axis / np.linalg.norm(axis, axis=1, keepdims=True)).T
    angle = np.deg2rad(random.uniform(0, degrees, (count, 1, 1)))
    zero = np.zeros(count)
    # Rodrigues' formula, with the matrix of the cross product by the axis.
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=1).reshape(count, 3, 3)
    return np.float32(np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross))
