"""Fine-tunes a trained Keras model for its quantized program."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from ..calibrate import Ranges, calibrate
from ..ir.arithmetic import IntArray
from ..ir.interpret import Interpreter
from ..ir.program import Program
from ..ir.quantize_input import from_float
from ..outputs import dequantize
from ..quantize import quantize
from ..scores import score
from .forward import Exact, interpret, outputs
from .weights import Weights, weights_of, with_arrays


@dataclass(frozen=True)
class Labelled:
    """Sequences `[batch, steps, inputs]` of `lengths` real steps, each of a class `[batch]`."""

    x: NDArray[Any]
    lengths: NDArray[np.int64]
    y: NDArray[np.int64]

    def take(self, rows: IntArray) -> Labelled:
        return Labelled(self.x[rows], self.lengths[rows], self.y[rows])


@dataclass(frozen=True)
class Options:
    """Adam over `epochs` epochs at most, stopped when the validation loss has not improved for `patience` of them."""

    epochs: int
    patience: int
    batch: int
    learning_rate: float
    gradient_clip: float
    seed: int
    scheme: str = "int8"
    weight_bits: int = 8


Progress = Callable[[int, int, Mapping[str, float]], None]


def fine_tune(
    keras_model: Any,
    training: Labelled,
    validation: Labelled,
    calibration: Labelled,
    options: Options,
    progress: Progress = lambda epoch, epochs, logs: None,
) -> None:
    """Change the weights of a Keras model so that its program does better; those with the best validation loss stay.

    Every loss, of training and of validation, is that of the integers that a device computes. Formats are those of a
    calibration of the float network at the beginning of each epoch, as export does it. The same seed gives the same
    weights on one machine.
    """
    tuner = _Tuner(weights_of(keras_model), options)
    rng = np.random.default_rng(options.seed)
    tuner.recalibrate(calibration)
    best, kept, waited = tuner.measure(validation)[0], tuner.values(), 0
    for epoch in range(1, options.epochs + 1):
        order = rng.permutation(len(training.y))
        # The last batch is filled up, so that all have one shape and are compiled once.
        batches = np.resize(order, (-(-len(order) // options.batch), min(options.batch, len(order))))
        losses = [tuner.step(training.take(rows)) for rows in batches]
        tuner.recalibrate(calibration)
        loss, right = tuner.measure(validation)
        waited += 1
        if loss < best:
            best, kept, waited = loss, tuner.values(), 0
        last = epoch if waited >= options.patience else options.epochs
        progress(epoch, last, {"loss": float(np.mean(losses)), "val_loss": loss, "val_accuracy": right})
        if epoch == last:
            break
    tuner.restore(kept)


class _Tuner:
    """The weights, their optimizer and the formats of the moment."""

    def __init__(self, weights: Weights, options: Options) -> None:
        self._weights, self._options = weights, options
        self._optimizer = tf.keras.optimizers.Adam(options.learning_rate, global_clipnorm=options.gradient_clip)
        self._optimizer.build(list(weights.variables))
        self._ranges: Ranges | None = None
        self._compiled = tf.function(self._loss_and_gradients, autograph=False)

    def recalibrate(self, calibration: Labelled) -> None:
        """Take the ranges of the network as it is now."""
        self._ranges = calibrate(self._weights.network(), calibration.x, calibration.lengths)

    def program(self) -> Program:
        """What export would make of the weights now."""
        assert self._ranges is not None
        options = self._options
        return quantize(self._weights.network(), self._ranges, options.scheme, weight_bits=options.weight_bits)

    def step(self, batch: Labelled) -> float:
        """One step of the optimizer; returns the loss before it."""
        loss, gradients = self.gradients(batch)
        self._optimizer.apply(gradients, list(self._weights.variables))
        return loss

    def gradients(self, batch: Labelled) -> tuple[float, list[Any]]:
        """The loss, and its gradient for every variable."""
        program = self.program()
        exact = interpret(program, from_float(program, batch.x), batch.lengths)
        arguments = exact.body, exact.head, exact.limits, batch.lengths, batch.y, _real_weights(program)
        loss, gradients = self._compiled(*tf.nest.map_structure(tf.convert_to_tensor, arguments))
        return float(loss), gradients

    def _loss_and_gradients(
        self,
        body: Mapping[str, Any],
        head: Mapping[str, Any],
        limits: Mapping[str, Any],
        lengths: Any,
        y: Any,
        real: Mapping[str, Any],
    ) -> tuple[Any, Any]:
        variables = list(self._weights.variables)
        with tf.GradientTape() as tape:
            flat = tf.concat([[0.0], *(tf.reshape(one, [-1]) for one in variables)], axis=0)

            def trained(name: str, array: Any) -> Any:
                value = tf.gather(flat, self._weights.places[name])
                return value + tf.stop_gradient(real[name] - value) if name in real else value

            network = with_arrays(self._weights.model, trained)
            logits = outputs(network, Exact(body, head, limits), lengths)
            loss = _cross_entropy(logits, y, lengths)
        return loss, tape.gradient(loss, variables)

    def measure(self, split: Labelled) -> tuple[float, float]:
        """Mean cross entropy and accuracy of what the interpreter computes."""
        program = self.program()
        y, _ = Interpreter(program).run(from_float(program, split.x), split.lengths)
        logits = dequantize(program, y).astype(np.float32)
        return float(_cross_entropy(tf.constant(logits), split.y, split.lengths)), score(logits, split.y, split.lengths)

    def values(self) -> list[NDArray[np.float32]]:
        return [np.array(one) for one in self._weights.variables]

    def restore(self, values: list[NDArray[np.float32]]) -> None:
        for one, value in zip(self._weights.variables, values, strict=True):
            one.assign(value)


def _cross_entropy(logits: Any, y: Any, lengths: Any) -> Any:
    """Of logits `[batch, n]`, or of the real steps of `[batch, steps, n]`, where each has the class of its sequence."""
    if len(logits.shape) == 2:
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits))
    steps = tf.shape(logits)[1]
    each = tf.nn.sparse_softmax_cross_entropy_with_logits(
        tf.repeat(tf.convert_to_tensor(y)[:, None], steps, axis=1), logits
    )
    real = tf.cast(tf.range(steps)[None] < tf.cast(lengths, tf.int32)[:, None], tf.float32)
    return tf.reduce_sum(each * real) / tf.reduce_sum(real)


def _real_weights(program: Program) -> dict[str, NDArray[np.float32]]:
    """The weights and tables of the program as the real numbers that they stand for."""
    real = {}
    for op in program.ops:
        if op.kind == "matvec":
            weight, _, scale = (program.constants[name] for name in op.constants)
            real[op.constants[0]] = (weight * scale[:, None]).astype(np.float32)
        if op.kind == "gather":
            real[op.constants[0]] = (program.constants[op.constants[0]] * program.values[op.output].scale).astype(
                np.float32
            )
    return real
