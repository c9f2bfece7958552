"""How the errors of a program over sequences follow from its parameters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..calibrate import run_float
from ..float_model import FloatModel
from ..ir.interpret import Interpreter
from ..ir.program import Program
from ..ir.quantize_input import from_float
from ..outputs import dequantize
from .gradient import gradient
from .parameters import Parameters
from .record import record

_PIECE = 128  # steps, where there is an output at each: no gradient goes further back than the beginning of a piece
_TOGETHER = 1 << 14  # steps of all sequences that are played at a time
_SLOPES = 1 << 24  # numbers that are made at a time


@dataclass(frozen=True)
class Answered:
    """Inputs `[batch, steps, inputs]` as a step reads them, of `lengths` real steps, and what the float network answers
    to them: `[batch, outputs]`, or `[batch, steps, outputs]` with zeros past the ends.
    """

    x: NDArray[Any]
    lengths: NDArray[np.int64]
    answers: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.x)

    def take(self, rows: slice) -> Answered:
        """Some of them, cut to the longest."""
        steps = int(self.lengths[rows].max())
        answers = self.answers[rows] if self.answers.ndim == 2 else self.answers[rows, :steps]
        return Answered(self.x[rows, :steps], self.lengths[rows], answers)

    def together(self, parameters: int = 1) -> Iterator[Answered]:
        """All of them, as many at a time as memory is good for, with a slope by each of the parameters."""
        count = max(min(_TOGETHER // self.x.shape[1], _SLOPES // parameters), 1)
        return (self.take(slice(start, start + count)) for start in range(0, len(self), count))


def answered(network: FloatModel, x: NDArray[Any], lengths: NDArray[np.int64]) -> Answered:
    """Answered with the answers of the float network."""
    return Answered(x, lengths, run_float(network, x, lengths))


def mean_square_error(program: Program, sequences: Answered, classes: bool) -> tuple[float, float]:
    """Of the outputs at all steps that have one, against the answers of the float network.

    With `classes` only differences between outputs count, and the second number is the share of outputs whose largest
    is the same; otherwise that is no number.
    """
    total, same, count = 0.0, 0.0, 0
    for part in sequences.together():
        y, _ = Interpreter(program).run(from_float(program, part.x), part.lengths)
        real = np.arange(part.x.shape[1]) < part.lengths[:, None] if y.ndim == 3 else ...
        found, wanted = dequantize(program, y)[real], part.answers[real]
        total += float(np.square(_asked(found - wanted, classes)).sum())
        same += float(np.sum(found.argmax(axis=-1) == wanted.argmax(axis=-1)))
        count += len(found.reshape(-1, found.shape[-1]))
    return total / (count * wanted.shape[-1]), same / count if classes else float("nan")


def samples(
    program: Program,
    parameters: Parameters,
    sequences: Answered,
    draws: int,
    classes: bool,
    random: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Slopes by the parameters `[n, samples]` and errors `[samples]`, `draws` of each piece of each sequence.

    A sample is a sum of the errors of all outputs in a piece of a sequence with signs drawn at random: the expected
    square of it is the sum of their squares (M. F. Hutchinson, "A stochastic estimator of the trace of the influence
    matrix for Laplacian smoothing splines", Communications in Statistics 19, 1990).
    """
    n, at = len(parameters.now), 0
    total = draws * int(pieces(sequences.lengths, program.every_step).sum())
    slopes, errors = np.empty((n, total), np.float32), np.empty(total, np.float32)
    for part in sequences.together(n):
        for slope, error in _drawn(program, parameters, part, draws, classes, random):
            some = slice(at, at + len(error))
            slopes[:, some], errors[some] = slope.T, error
            at += len(error)
    return slopes, errors


def pieces(lengths: NDArray[np.int64], every_step: bool) -> NDArray[np.int64]:
    """Of sequences of so many steps."""
    return -(-lengths // _PIECE) if every_step else np.ones_like(lengths)


def _drawn(
    program: Program, parameters: Parameters, part: Answered, draws: int, classes: bool, random: np.random.Generator
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    q = from_float(program, part.x)
    states = Interpreter(program).start_states(len(part))
    steps = part.x.shape[1]
    size = _PIECE if program.every_step else steps
    for start in range(0, steps, size):
        piece = slice(start, start + size)
        lengths = np.clip(part.lengths - start, 0, size)
        played = record(program, q[:, piece], lengths, states)
        states = played.states
        outputs = dequantize(program, played.outputs(program))
        if program.every_step:
            real = (np.arange(outputs.shape[1]) < lengths[:, None])[..., None]
            error = (outputs - part.answers[:, piece]) * real
        else:
            real, error = np.ones((len(part), 1), bool), outputs - part.answers
        for _ in range(draws):
            signs = _asked(random.choice([-1.0, 1.0], outputs.shape), classes) * real
            found = gradient(program, played, lengths, signs.astype(np.float32))
            sums = (signs * error).reshape(len(part), -1).sum(axis=1)
            going = lengths > 0
            yield parameters.joined(found)[going], sums[going].astype(np.float32)


def _asked(errors: NDArray[np.float64], classes: bool) -> NDArray[np.float64]:
    """Of logits, that all are more or less by the same changes nothing."""
    return errors - errors.mean(axis=-1, keepdims=True) if classes and errors.shape[-1] > 1 else errors
