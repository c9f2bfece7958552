"""Truncated back-propagation: pieces give the outputs of the whole, and gradients stop where a piece begins."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rnn_edge.cells import all_cells
from rnn_edge.datasets import Dataset, Split, with_calibration
from rnn_edge.spec import ModelSpec
from rnn_edge.train import build, train
from rnn_edge.train.batches import Batch, asked
from rnn_edge.train.carried import carried, zero_states
from rnn_edge.train.learner import Learner, loss_of

keras = pytest.importorskip("keras")
tf = pytest.importorskip("tensorflow")

STEPS = 7


def spec(tbptt: int = 0, *, cell: str = "gru", every_step: bool = False, tokens: bool = False) -> ModelSpec:
    layers: list[dict[str, Any]] = [
        {"layer": cell, "units": 3},
        {"layer": cell, "units": 4},
        {"layer": "dense", "units": 2, "activation": "softmax"},
    ]
    if tokens:
        layers.insert(0, {"layer": "embedding", "vocabulary": 9, "width": 3})
    network = {"layers": layers, "every_step": every_step, "normalization": not tokens}
    described = {"task": "t", "data": {"set": "own"}, "network": network, "train": {"epochs": 2, "tbptt": tbptt}}
    return ModelSpec.model_validate(described)


def dataset(tokens: bool = False) -> Dataset:
    """Twenty-four sequences of 2 to 7 steps."""
    random = np.random.default_rng(0)
    lengths, y = random.integers(2, STEPS + 1, 24), np.arange(24) % 2
    x: Any = random.normal(3, 1, (24, STEPS, 2)).astype(np.float32)
    if tokens:
        x = np.where(np.arange(STEPS) < lengths[:, None], random.integers(1, 9, (24, STEPS)), 0).astype(np.int32)
    whole = Split(x, lengths, y)
    return with_calibration("own", ("a", "b"), whole.take(np.arange(16)), whole.take(np.arange(16, 24)))


def model_of(described: ModelSpec, data: Dataset) -> Any:
    keras.utils.set_random_seed(0)
    return build(described, data, data.train)


@pytest.mark.parametrize("tokens", [False, True], ids=["numbers", "tokens"])
@pytest.mark.parametrize("cell", all_cells())
def test_pieces_give_the_outputs_of_the_whole(cell: str, tokens: bool) -> None:
    data = dataset(tokens)
    model = model_of(spec(cell=cell, every_step=True, tokens=tokens), data)
    batch = asked(data.train, every_step=True)
    network, states, answers = carried(model), zero_states(model, len(batch)), []
    for piece in batch.chunks(3):
        answer, *states = network([tf.constant(piece.x), *states])
        answers.append(np.asarray(answer))
    real = batch.weight > 0
    np.testing.assert_allclose(np.concatenate(answers, axis=1)[real], np.asarray(model(batch.x))[real], atol=1e-6)


@pytest.mark.parametrize("every_step", [False, True], ids=["last", "every"])
@pytest.mark.parametrize("cell", ["lstm", "mgu"])
def test_one_piece_learns_as_the_whole(cell: str, every_step: bool) -> None:
    data, weights, sums = dataset(), [], []
    for tbptt in (0, STEPS):
        described = spec(tbptt, cell=cell, every_step=every_step)
        model = model_of(described, data)
        learner = Learner(model, described)
        sums.append([learner.learn(asked(data.train, every_step), 0.0) for _ in range(2)])
        weights.append(model.get_weights())
    np.testing.assert_allclose(np.array(sums[0]), np.array(sums[1]), rtol=1e-5)
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def learn_by_hand(model: Any, described: ModelSpec, batch: Batch, size: int) -> None:
    """A step for every piece, with the state at its beginning taken as a constant."""
    options = described.train
    optimizer = keras.optimizers.Adam(options.learning_rate, global_clipnorm=options.gradient_clip)
    network, loss = carried(model), loss_of(described)
    states = zero_states(model, len(batch))
    pieces = list(batch.chunks(size))
    fullest = max(float(piece.weight.sum()) for piece in pieces)
    for piece in pieces:
        states = [tf.constant(np.asarray(state)) for state in states]
        with tf.GradientTape() as tape:
            answer, *states = network([tf.constant(piece.x), *states])
            value = tf.reduce_sum(loss(piece.y, answer) * piece.weight) / fullest
        if piece.weight.any():
            optimizer.apply(tape.gradient(value, model.trainable_variables), model.trainable_variables)


@pytest.mark.parametrize("every_step", [False, True], ids=["last", "every"])
def test_gradients_stop_where_a_piece_begins(every_step: bool) -> None:
    data, described = dataset(), spec(3, every_step=every_step)
    batch = asked(data.train, every_step)
    ours, by_hand, whole = (model_of(described, data) for _ in range(3))
    Learner(ours, described).learn(batch, 0.0)
    learn_by_hand(by_hand, described, batch, 3)
    learn_by_hand(whole, described, batch, STEPS)
    for one, other in zip(ours.get_weights(), by_hand.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    assert max(np.abs(a - b).max() for a, b in zip(ours.get_weights(), whole.get_weights(), strict=True)) > 1e-4


def test_a_piece_without_a_question_is_no_step() -> None:
    data, described = dataset(), spec(2)
    learner = Learner(model_of(described, data), described)
    batch = asked(data.train.take(np.flatnonzero(data.train.lengths == STEPS)), every_step=False)
    learner.learn(batch, 0.0)
    assert int(learner.optimizer.iterations) == 1  # the last of four pieces


@pytest.mark.parametrize("every_step", [False, True], ids=["last", "every"])
def test_what_is_remembered_from_piece_to_piece_is_learnt(every_step: bool) -> None:
    """The class is in the first step alone, three pieces before the last one: the state has to be carried there."""
    random = np.random.default_rng(0)
    y = np.arange(120) % 2
    x = random.normal(0, 0.1, (120, 8, 1)).astype(np.float32)
    x[:, 0, 0] += 2.0 * y - 1
    whole = Split(x, np.full(120, 8), y)
    data = with_calibration("own", ("a", "b"), whole.take(np.arange(80)), whole.take(np.arange(80, 120)))
    layers = [{"layer": "gru", "units": 8}, {"layer": "dense", "units": 2, "activation": "softmax"}]
    options = {"epochs": 30, "batch": 16, "learning_rate": 0.02, "tbptt": 2}
    described = ModelSpec.model_validate(
        {
            "task": "t",
            "data": {"set": "own"},
            "network": {"layers": layers, "every_step": every_step},
            "train": options,
        }
    )
    assert train(described, data, 0, lambda *_: None).accuracy == 1
