"""Gradient steps of the quantized program: every loss is that of the integers that a device computes."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from ..calibrate import Ranges, calibrate, run_float
from ..ir.arithmetic import IntArray
from ..ir.interpret import Interpreter
from ..ir.program import Program
from ..ir.quantize_input import from_float
from ..outputs import dequantize
from ..quantize import quantize
from ..rows import Sequences, with_channels
from ..spec import ModelSpec
from ..train.batches import Batch
from ..train.learner import Learner, Sums
from .gradient import gradient
from .losses import CROSSENTROPY, losses, softmax
from .record import record
from .weights import weights_of


@dataclass(frozen=True)
class Samples:
    """What formats follow from: sequences `[N, T, inputs]` or tokens `[N, T]` of `lengths` real steps."""

    x: NDArray[Any]
    lengths: NDArray[np.int64]


class QuantizedLearner(Learner):
    """Learns as the program that the network becomes, in the scheme int8 with the weights of `spec.export`.

    It learns to answer as the float network did at the beginning, and is measured against that: distillation
    (G. Hinton, O. Vinyals and J. Dean, "Distilling the Knowledge in a Neural Network", 2015). Of what the data ask for
    it takes only where they ask.
    Its formats follow from `samples`, as in export: for the network as it is when something is measured, and until
    something is measured the next time. Its best weights are kept: a little more or less can round differently, so
    that the last ones are better or worse by chance.
    """

    def __init__(self, model: Any, spec: ModelSpec, samples: Samples) -> None:
        super().__init__(model, spec)
        self.keeps_best = True
        self._weights, self._samples = weights_of(model), samples
        self._ranges: Ranges | None = None
        variables = model.trainable_variables
        self._apply = tf.function(lambda gradients: self.optimizer.apply(gradients, variables), autograph=False)
        start = hashlib.sha256(b"".join(np.ascontiguousarray(array).tobytes() for array in model.get_weights()))
        self.mark = f"{spec.export.weights} bits from {start.hexdigest()}"

    def program(self) -> Program:
        """What export would make of the weights now, in the formats of the moment."""
        network, export = self._weights.network(), self.spec.export
        if self._ranges is None:
            x, lengths = self._steps(self._samples.x, self._samples.lengths)
            self._ranges = calibrate(network, x, lengths, export.input_percentile, (), export.weights)
        return quantize(network, self._ranges, weight_bits=export.weights)

    def settle(self) -> None:
        self._ranges = None

    def measure(self, batch: Batch) -> Sums:
        batch, program = self._as_float(batch), self.program()
        x, lengths = self._steps(batch.x, batch.lengths)
        y, _ = Interpreter(program).run(from_float(program, x), lengths)
        answer = dequantize(program, y)
        return self._sums(answer, batch, losses(answer, batch.y, self.spec.train.loss)[0])

    def learn(self, batch: Batch, done: float) -> Sums:
        return super().learn(self._as_float(batch), done)

    def zero_states(self, count: int) -> list[IntArray]:
        return Interpreter(self.program()).start_states(count)

    def step(self, batch: Batch, total: float, states: list[IntArray]) -> tuple[Sums, list[IntArray]]:
        sums, gradients, states = self.gradients(batch, total, states)
        if batch.weight.any():
            self._apply(gradients)
        return sums, states

    def gradients(
        self, batch: Batch, total: float, states: list[IntArray]
    ) -> tuple[Sums, list[NDArray[np.float32]], list[IntArray]]:
        """The sums of a batch, the gradient of its loss by every trainable variable, the states after it."""
        program = self.program()
        batch = batch if program.every_step else _read_at_the_end(batch)
        x, lengths = self._steps(batch.x, batch.lengths)
        q = from_float(program, x)
        played = record(program, q, lengths, states or Interpreter(program).start_states(len(batch)))
        answer = dequantize(program, played.outputs(program))
        each, slope = losses(answer, batch.y, self.spec.train.loss)
        by_answer = (slope * (batch.weight / total)[..., None]).astype(np.float32)
        found = gradient(program, played, lengths, by_answer)
        return self._sums(answer, batch, each), self._weights.by_variable(found), played.states

    def _as_float(self, batch: Batch) -> Batch:
        """The batch with the answers of the float network in place of what the data ask for."""
        answer = run_float(self._weights.model, *self._steps(batch.x, batch.lengths))
        return replace(batch, y=softmax(answer) if self._classes else answer)

    @property
    def _classes(self) -> bool:
        return self.spec.train.loss == CROSSENTROPY

    def _sums(self, answer: NDArray[np.float64], batch: Batch, each: NDArray[np.float64]) -> Sums:
        asked, right = batch.weight > 0, math.nan
        if self._classes:
            right = float(np.sum(asked & (answer.argmax(axis=-1) == batch.y.argmax(axis=-1))))
        return np.array([np.sum(each * batch.weight), np.sum(batch.weight), right, np.sum(asked)])

    def _steps(self, x: NDArray[Any], lengths: NDArray[np.int64]) -> Sequences:
        """Sequences as the steps of the network read them."""
        return self._weights.model.rows.of(with_channels(x), lengths)


def _read_at_the_end(batch: Batch) -> Batch:
    """What is asked after the last step of each sequence, which a piece of it may hold or not."""
    if batch.weight.ndim == 1:
        return batch
    last = np.arange(len(batch)), np.maximum(batch.lengths - 1, 0)
    return Batch(batch.x, batch.lengths, batch.y[last], batch.weight[last])
