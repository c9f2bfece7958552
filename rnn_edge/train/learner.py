"""Gradient steps and measurements on batches: whole sequences, or pieces of them with the state carried on.

Truncated back-propagation through time: R. J. Williams and J. Peng, "An efficient gradient-based algorithm for on-line
training of recurrent network trajectories", Neural Computation 2, 1990; here with pieces that do not overlap.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..spec import DenseSpec, ModelSpec
from .batches import Batch
from .carried import carried, zero_states
from .keras_start import start_keras

TOGETHER = 256  # sequences that are measured at a time

Loss = Callable[[Any, Any], Any]
Sums = NDArray[np.float64]
"""Over targets: weighted loss, weight, correct answers, answers."""


class Learner:
    """A Keras model and its optimizer; `measure` and `learn` return the sums over the targets of a batch.

    `keeps_best`: training ends with the weights of the epoch of the least loss on the validation part, not with the
    last ones.
    """

    def __init__(self, model: Any, spec: ModelSpec) -> None:
        keras = start_keras()
        self.model, self.spec = model, spec
        self.keeps_best = spec.train.decay == "none"  # a learning rate that falls to zero chooses the last ones
        self.optimizer = keras.optimizers.Adam(spec.train.learning_rate, global_clipnorm=spec.train.gradient_clip)
        self.optimizer.build(model.trainable_variables)
        loss = loss_of(spec)
        self._measure = _measurement(model, loss)
        self._learn = _gradient_step(carried(model) if spec.train.tbptt else model, loss, self.optimizer)

    def measure(self, batch: Batch) -> Sums:
        """Loss and answers as they are."""
        return np.asarray(self._measure(batch.x, batch.y, batch.weight), np.float64)

    def learn(self, batch: Batch, done: float) -> Sums:
        """A gradient step, or one for each piece in which something is asked; `done` of the training, 0..1, is over.

        The loss of a piece is divided by the weight of the fullest piece, so that what little is asked after most
        sequences have ended does not count as much as a whole piece.
        """
        options = self.spec.train
        if options.decay == "cosine":
            self.optimizer.learning_rate = options.learning_rate * (1 + math.cos(math.pi * done)) / 2
        if not options.tbptt:
            return self._step(batch, float(batch.weight.sum()), [])[0]
        pieces = list(batch.chunks(options.tbptt))
        fullest = max(float(piece.weight.sum()) for piece in pieces)
        sums, states = np.zeros(4), zero_states(self.model, len(batch))
        for piece in pieces:
            more, states = self._step(piece, fullest, states)
            sums = sums + more
        return sums

    def _step(self, batch: Batch, total: float, states: list[Any]) -> tuple[Sums, list[Any]]:
        """A gradient step of the loss divided by `total`, from `states` on, if any; returns those after it, too.

        Where nothing is asked, only the states go on.
        """
        asks = bool(batch.weight.any())
        sums, states = self._learn(batch.x, batch.y, batch.weight, np.float32(total), states, asks)
        return np.asarray(sums, np.float64), states


def loss_of(spec: ModelSpec) -> Loss:
    """The loss of every target, as a function of targets and outputs."""
    keras = start_keras()
    last = spec.network.layers[-1]
    assert isinstance(last, DenseSpec)
    if spec.train.loss != "sparse_categorical_crossentropy":
        names = {"mse": "mean_squared_error", "mae": "mean_absolute_error"}
        error: Loss = getattr(keras.losses, names[spec.train.loss])
        return error
    logits = last.activation != "softmax"
    return lambda y, answer: keras.losses.sparse_categorical_crossentropy(y, answer, from_logits=logits)


def answers(model: Any, x: NDArray[Any]) -> NDArray[Any]:
    """What the model answers to padded sequences, `[N, outputs]` or at every step `[N, T, outputs]`."""
    import tensorflow as tf

    compiled = tf.function(lambda part: model(part, training=False), reduce_retracing=True)
    parts = [x[start : start + TOGETHER] for start in range(0, len(x), TOGETHER)]
    return np.concatenate([np.asarray(compiled(part)) for part in parts])


def _gradient_step(model: Any, loss: Loss, optimizer: Any) -> Callable[..., Any]:
    import tensorflow as tf

    variables = model.trainable_variables

    def step(x: Any, y: Any, weight: Any, total: Any, states: list[Any], asks: bool) -> tuple[Any, list[Any]]:
        with tf.GradientTape() as tape:
            answer, *following = model([x, *states], training=True) if states else (model(x, training=True),)
            each = loss(y, answer)
            value = tf.reduce_sum(each * weight) / total
        if asks:
            optimizer.apply(tape.gradient(value, variables), variables)
        return _sums(each, y, answer, weight), following

    compiled: Callable[..., Any] = tf.function(step, reduce_retracing=True)
    return compiled


def _measurement(model: Any, loss: Loss) -> Callable[..., Any]:
    import tensorflow as tf

    def measure(x: Any, y: Any, weight: Any) -> Any:
        answer = model(x, training=False)
        return _sums(loss(y, answer), y, answer, weight)

    compiled: Callable[..., Any] = tf.function(measure, reduce_retracing=True)
    return compiled


def _sums(each: Any, y: Any, answer: Any, weight: Any) -> Any:
    import tensorflow as tf

    counts = tf.cast(weight > 0, tf.float32)
    # Of values none is right or wrong, and the share of the right ones is no number.
    correct = tf.cast(tf.argmax(answer, axis=-1) == y, tf.float32) if y.dtype.is_integer else math.nan * counts
    return tf.stack(
        [tf.reduce_sum(each * weight), tf.reduce_sum(weight), tf.reduce_sum(correct * counts), tf.reduce_sum(counts)]
    )
