"""Sequences made a little different in every epoch, of the training part only.

Noise, scaling and shifting of sensor windows: T. T. Um et al., "Data augmentation of wearable sensor data for
Parkinson's disease monitoring using convolutional neural networks", ICMI 2017; rotation as there, of small angles.
Tokens that become unknown: word dropout of M. Iyyer et al., "Deep Unordered Composition Rivals Syntactic Methods for
Text Classification", ACL 2015. Bands and frames of sound that are covered: D. S. Park et al., "SpecAugment",
Interspeech 2019; a stretched axis of frequency: N. Jaitly and G. Hinton, "Vocal Tract Length Perturbation improves
speech recognition", ICML workshop 2013.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets import Split
from ..spec import TrainSpec
from .batches import real_steps

_UNKNOWN = 1  # the token of what has none of its own


def deviations(split: Split) -> NDArray[np.float32]:
    """Standard deviation of every channel `[channels]` over all real steps; of tokens none."""
    if split.x.ndim == 2:
        return np.zeros(0, np.float32)
    return np.asarray(split.x[real_steps(split)].std(axis=0, dtype=np.float64), np.float32)


def augment(split: Split, options: TrainSpec, deviation: NDArray[np.float32], random: np.random.Generator) -> Split:
    """The split with what the options ask for, drawn in the order of this function.

    A cropped sequence has lost steps at its beginning, at least the last one stays. A shifted one keeps its length:
    what moves out is lost, and the first or last real step fills the gap. With `rotation` the number of channels is a
    multiple of three, and one rotation turns all triples of a sequence. With `warp` the channels are bands in the order
    of their frequencies. What `mask` covers, one stretch of steps and one of channels, is the mean of its channel in
    that sequence.
    """
    if options.crop:
        split = _cropped(split, options.crop, random)
    x = split.x
    count, steps = x.shape[:2]
    if options.shift:
        moved = random.integers(-options.shift, options.shift + 1, (count, 1))
        source = np.clip(np.arange(steps) - moved, 0, split.lengths[:, None] - 1)
        x = np.take_along_axis(x, source[..., None], axis=1)
    if options.rotation:
        turned = x.reshape(count, -1, 3) @ _rotations(count, options.rotation, random).transpose(0, 2, 1)
        x = turned.reshape(x.shape)
    if options.warp:
        x = _warped(x, options.warp, random)
    if options.scale:
        x = x * random.uniform(1 - options.scale, 1 + options.scale, (count, 1, 1)).astype(np.float32)
    if options.noise:
        x = x + np.float32(options.noise) * deviation * random.standard_normal(x.shape, np.float32)
    if options.mask:
        x = _masked(replace(split, x=x), options.mask, random)
    if options.unknown:
        x = np.where((random.random(x.shape) < options.unknown) & real_steps(split), np.int32(_UNKNOWN), x)
    return replace(split, x=x)


def _cropped(split: Split, share: float, random: np.random.Generator) -> Split:
    lost = (random.random(len(split)) * share * split.lengths).astype(np.int64)
    steps = np.arange(split.x.shape[1])
    source = (steps + lost[:, None]) % len(steps)
    lengths = split.lengths - lost
    source = source.reshape(source.shape + (1,) * (split.x.ndim - 2))
    x = np.take_along_axis(split.x, source, axis=1)
    real = (steps < lengths[:, None]).reshape(len(split), -1, *(1,) * (split.x.ndim - 2))
    return replace(split, x=np.where(real, x, np.zeros(1, x.dtype)), lengths=lengths)


def _warped(x: NDArray[Any], share: float, random: np.random.Generator) -> NDArray[np.float32]:
    """Channel c becomes what lies at channel `c * (1 + u)`, between two channels a mixture; u in -share..share."""
    count, _, channels = x.shape
    stretch = 1 + random.uniform(-share, share, (count, 1))
    source = np.clip(np.arange(channels) * stretch, 0, channels - 1)
    below = np.minimum(source.astype(np.int64), channels - 2)
    part = (source - below).astype(np.float32)[:, None]
    lower, upper = (np.take_along_axis(x, at[:, None], axis=2) for at in (below, below + 1))
    warped: NDArray[np.float32] = lower + part * (upper - lower)
    return warped


def _masked(split: Split, share: float, random: np.random.Generator) -> NDArray[np.float32]:
    real = real_steps(split)[..., None]
    mean = (split.x * real).sum(axis=1, keepdims=True) / split.lengths[:, None, None]
    steps = _stretches(split.lengths, split.x.shape[1], share, random)[..., None]
    channels = _stretches(np.full(len(split), split.x.shape[2]), split.x.shape[2], share, random)[:, None]
    return np.where((steps | channels) & real, mean.astype(np.float32), split.x)


def _stretches(lengths: NDArray[np.int64], width: int, share: float, random: np.random.Generator) -> NDArray[np.bool_]:
    """One stretch of each row `[rows, width]`, anywhere in its length; none up to `share` of that, equally likely."""
    size = (random.random(len(lengths)) * (np.floor(share * lengths) + 1)).astype(np.int64)
    begin = (random.random(len(lengths)) * (lengths - size + 1)).astype(np.int64)
    at = np.arange(width)
    inside: NDArray[np.bool_] = (at >= begin[:, None]) & (at < (begin + size)[:, None])
    return inside


def _rotations(count: int, degrees: float, random: np.random.Generator) -> NDArray[np.float32]:
    """Matrices `[count, 3, 3]`: axes of any direction, angles from 0 to `degrees`, all equally likely."""
    axis = random.standard_normal((count, 3))
    x, y, z = (axis / np.linalg.norm(axis, axis=1, keepdims=True)).T
    angle = np.deg2rad(random.uniform(0, degrees, (count, 1, 1)))
    zero = np.zeros(count)
    # Rodrigues' formula, with the matrix of the cross product by the axis.
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=1).reshape(count, 3, 3)
    matrices = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross)
    turned: NDArray[np.float32] = matrices.astype(np.float32)
    return turned
