"""`rnn-edge train --qat`: a trained model goes on learning as the program that it becomes."""

from __future__ import annotations

from typing import Any

from ..calibrate import calibrate
from ..datasets import Dataset, Split
from ..quantize import quantize
from ..rows import with_channels
from ..spec import ModelSpec
from ..train.fit import Progress
from .descent import nearest
from .parameters import real_arrays
from .weights import weights_of


def refine(
    model: Any, described: ModelSpec, data: Dataset, parts: tuple[Split, Split], seed: int, progress: Progress
) -> float:
    """Change the weights of a Keras model so that its program answers more as the float network does.

    In the scheme int8 with the weights of `described.export`, over the first of `parts`, and measured over the second.
    The weights become the real numbers that the integers of the nearest program stand for, of which export makes the
    same integers. Returns how many decibels smaller its errors are: 0 where there is none nearer, and the weights stay.
    """
    weights, export = weights_of(model), described.export
    network = weights.model
    x, lengths = network.rows.of(with_channels(data.calibration.x), data.calibration.lengths)
    ranges = calibrate(network, x, lengths, export.input_percentile, (), export.weights)
    start = quantize(network, ranges, weight_bits=export.weights)
    found, gain = nearest(start, network, described, parts, seed, progress)
    if gain:
        weights.assign(real_arrays(found))
    return gain
