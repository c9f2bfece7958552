"""A program comes nearer to its float network by moving its integers, round after round.

What is learned is what the float network answers, not what the data ask for: distillation (G. Hinton, O. Vinyals and
J. Dean, "Distilling the Knowledge in a Neural Network", 2015). Each round is a step of Gauss and Newton in whole
numbers: errors and slopes are those of the integers a device computes.
"""

from __future__ import annotations

import math

import numpy as np

from ..datasets import Split
from ..float_model import FloatModel
from ..ir.program import Program
from ..rows import with_channels
from ..spec import ModelSpec
from ..train.fit import Progress
from .moves import best_moves
from .parameters import moved, parameters_of
from .samples import Answered, answered, mean_square_error, pieces, samples

_ROUNDS, _PATIENCE = 6, 2
_SHARE = 0.05  # of the parameters may move in the first round, half of that in the second, a third in the third
_SLOPES = 1 << 27  # numbers, 512 MiB
_FEWEST_DRAWS, _MOST_DRAWS = 3, 8


def nearest(
    program: Program,
    network: FloatModel,
    described: ModelSpec,
    parts: tuple[Split, Split],
    seed: int,
    progress: Progress,
) -> tuple[Program, float]:
    """Of `program` and what it becomes in some rounds, the one nearest to the float network over the second of `parts`.

    In each round those integers move that bring the outputs nearest over the first of them, or over a share of it,
    drawn anew: fewer in each, so that in the end they do not follow what was drawn. Nearer is what has a smaller mean
    square of its errors; how much, comes with it in decibels, 0 where that is `program`. `progress` is told both errors
    in every round.
    """
    bits, classes = described.export.weights, described.train.loss == "sparse_categorical_crossentropy"
    held = _answered(network, parts[1])
    first, _ = mean_square_error(program, held, classes)
    best, least, since = program, first, 0
    for number in range(1, _ROUNDS + 1):
        parameters, random = parameters_of(program, bits), np.random.default_rng([seed, number])
        room = max(_SLOPES // len(parameters.now), 1)
        sequences = _answered(network, _chosen(parts[0], room // _FEWEST_DRAWS, program.every_step, random))
        before, _ = mean_square_error(program, sequences, classes)
        draws = int(np.clip(room // pieces(sequences.lengths, program.every_step).sum(), 1, _MOST_DRAWS))
        slopes, errors = samples(program, parameters, sequences, draws, classes, random)
        count = max(round(_SHARE / number * len(parameters.now)), 16)
        program = moved(program, parameters, best_moves(parameters, slopes, errors, count))
        error, same = mean_square_error(program, held, classes)
        since += 1
        if error < least:
            best, least, since = program, error, 0
        ended = since == _PATIENCE
        progress(number, number if ended else _ROUNDS, {"loss": before, "val_loss": error, "val_accuracy": same})
        if ended:
            break
    return best, 10 * math.log10(first / max(least, 1e-30)) if least < first else 0.0


def _chosen(training: Split, most: int, every_step: bool, random: np.random.Generator) -> Split:
    """As many sequences as have so many pieces, at least one."""
    order = random.permutation(len(training))
    together = np.cumsum(pieces(training.lengths[order], every_step))
    return training.take(order[: max(int(np.searchsorted(together, most, "right")), 1)])


def _answered(network: FloatModel, split: Split) -> Answered:
    return answered(network, *network.rows.of(with_channels(split.x), split.lengths))
