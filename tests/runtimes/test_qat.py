"""Quantization-aware training: its forward pass is the interpreter, its gradient that of the float network."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from rich.progress import Progress

from rnn_edge.calibrate import calibrate
from rnn_edge.cells import all_cells
from rnn_edge.datasets import Dataset
from rnn_edge.errors import UserError
from rnn_edge.ir.interpret import Interpreter
from rnn_edge.ir.quantize_input import from_float
from rnn_edge.paths import MODELS, Artifacts
from rnn_edge.quantize import quantize
from rnn_edge.source import dataset_of
from rnn_edge.spec import ModelSpec
from tests.networks import NETWORKS, Network, float_model, samples

tf = pytest.importorskip("tensorflow", reason="TensorFlow is missing: pip install 'rnn-edge[train]'")

from rnn_edge import progress, spec, training  # noqa: E402
from rnn_edge.qat import fit, forward, weights  # noqa: E402
from rnn_edge.qat.refine import refine  # noqa: E402
from rnn_edge.train import Prepared, prepare  # noqa: E402

CLASSES = 3


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("scheme", ["int8", "int16x8"])
@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.id)
def test_the_forward_pass_gives_the_integers_of_the_interpreter(network: Network, scheme: str, bits: int) -> None:
    model = float_model(network, gain=3.0)
    x, lengths = samples(model, count=6, steps=9)
    program = quantize(model, calibrate(model, *samples(model)), scheme, weight_bits=bits)
    q = from_float(program, x)
    tensors = weights.with_arrays(model, lambda name, array: tf.constant(array, tf.float32))
    y = forward.outputs(tensors, forward.interpret(program, q, lengths), lengths).numpy()
    if network.every_step:  # past the end of a sequence it means nothing
        y = np.where((np.arange(9) < lengths[:, None])[..., None], y, 0.0)
    found = np.rint(y.astype(np.float64) / program.values[program.output].scale)
    assert np.array_equal(found, Interpreter(program).run(q, lengths)[0])


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.id)
def test_every_value_of_the_program_takes_the_place_of_a_float(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings: list[forward.StraightReading] = []

    class Kept(forward.StraightReading):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            readings.append(self)

    monkeypatch.setattr(forward, "StraightReading", Kept)
    model = float_model(network)
    x, lengths = samples(model, count=2, steps=3)
    program = quantize(model, calibrate(model, *samples(model)))
    tensors = weights.with_arrays(model, lambda name, array: tf.constant(array, tf.float32))
    forward.outputs(tensors, forward.interpret(program, from_float(program, x), lengths), lengths)
    replaced = set().union(*(reading.replaced for reading in readings))
    # A constant reads the first element of a state, and no float has to be there for it.
    unread = {op.output for op in program.ops if "_first" in op.output}
    assert replaced == {op.output for op in program.ops} - unread


def keras_model(cell: str, seed: int = 0) -> Any:
    import keras

    from rnn_edge.spec import RecurrentSpec
    from rnn_edge.train.network import keras_layers

    keras.utils.set_random_seed(seed)
    (recurrent,) = keras_layers(keras, RecurrentSpec(layer=cell, units=6), False, False)
    return keras.Sequential([keras.Input((None, 2)), recurrent, keras.layers.Dense(CLASSES)])


def task(count: int, seed: int) -> fit.Labelled:
    """Which of three slopes has a noisy line?"""
    rng = np.random.default_rng(seed)
    y = np.arange(count) % CLASSES
    lengths = rng.integers(6, 11, count)
    line = np.arange(10)[None, :, None] * (y[:, None, None] - 1) * 0.1
    x = (line + rng.normal(0, 0.3, (count, 10, 2))).astype(np.float32)
    return fit.Labelled(np.where((np.arange(10) < lengths[:, None])[..., None], x, 0), lengths, y)


@pytest.mark.parametrize("cell", all_cells())
def test_weights_are_those_that_import_reads(cell: str) -> None:
    model = keras_model(cell)
    found = weights.weights_of(model)
    variables = [np.array(one) for one in model.trainable_variables]
    arrays: dict[str, Any] = {}
    weights.with_arrays(found.model, lambda name, array: arrays.setdefault(name, array))
    now: dict[str, Any] = {}
    weights.with_arrays(found.network(), lambda name, array: now.setdefault(name, array))
    assert arrays.keys() == now.keys()
    assert all(np.array_equal(arrays[name], now[name]) for name in arrays)
    for one, before in zip(model.trainable_variables, variables, strict=True):
        assert np.array_equal(np.array(one), before)
        one.assign(before + 1.0)
    moved: dict[str, Any] = {}
    weights.with_arrays(found.network(), lambda name, array: moved.setdefault(name, array))
    assert all(np.allclose(moved[name], now[name] + (found.places[name] > 0)) for name in now)


OPTIONS = fit.Options(epochs=3, patience=3, batch=16, learning_rate=0.01, gradient_clip=1.0, seed=0)


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("cell", ["gru", "lstm", "min_gru"])
def test_training_lowers_the_loss_of_the_integers(cell: str, bits: int) -> None:
    model, options = keras_model(cell), replace(OPTIONS, epochs=8, weight_bits=bits)
    training, validation = task(96, 1), task(48, 2)
    losses: list[float] = []
    fit.fine_tune(model, training, validation, training, options, lambda e, n, logs: losses.append(logs["val_loss"]))
    assert min(losses) < 0.8 * losses[0]
    tuner = fit._Tuner(weights.weights_of(model), options)
    tuner.recalibrate(training)
    assert tuner.measure(validation)[0] == pytest.approx(min(losses))  # the best weights are the ones that stay


def test_the_same_seed_gives_the_same_weights() -> None:
    kept = []
    for _ in range(2):
        model = keras_model("gru")
        fit.fine_tune(model, task(48, 1), task(24, 2), task(48, 1), OPTIONS)
        kept.append([np.array(one) for one in model.trainable_variables])
    assert all(np.array_equal(a, b) for a, b in zip(*kept, strict=True))


def test_the_gradient_is_nearly_that_of_the_float_network() -> None:
    model, batch = keras_model("gru"), task(24, 3)
    tuner = fit._Tuner(weights.weights_of(model), replace(OPTIONS, scheme="int16x8"))
    tuner.recalibrate(batch)
    quantized = np.concatenate([np.ravel(one) for one in tuner.gradients(batch)[1]])
    with tf.GradientTape() as tape:
        logits = tf.stack([model(batch.x[i : i + 1, :length])[0] for i, length in enumerate(batch.lengths)])
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(batch.y, logits))
    exact = np.concatenate([np.ravel(one) for one in tape.gradient(loss, model.trainable_variables)])
    # Weights of 8 bits are off by 0.4 %; 0.998 was measured.
    assert np.dot(quantized, exact) / np.linalg.norm(quantized) / np.linalg.norm(exact) > 0.99


def power() -> tuple[ModelSpec, Dataset, Prepared]:
    described = spec.load(MODELS / "power")
    data = dataset_of(described, MODELS / "power")
    return described, data, prepare(described, data, 0)


def test_a_model_of_a_specification_goes_on_learning_with_the_weights_it_is_exported_with() -> None:
    described, data, ready = power()
    described = described.model_copy(update={"export": spec.ExportSpec(weights=4)})
    losses: list[float] = []
    parts = ready.training, ready.validation
    refine(ready.model, described, data, parts, 0, lambda epoch, epochs, logs: losses.append(logs["val_loss"]))
    assert losses[-1] < losses[0]
    network = weights.weights_of(ready.model).network()
    program = quantize(network, calibrate(network, data.calibration.x, data.calibration.lengths), weight_bits=4)
    most = [int(np.abs(program.constants[op.constants[0]]).max()) for op in program.ops if op.kind == "matvec"]
    assert set(most) == {7}


def test_the_command_trains_on_after_the_usual_training(tmp_path: Path) -> None:
    """With a line for every epoch of both, each counted from 1."""
    done = subprocess.run(
        [sys.executable, "-m", "rnn_edge", "train", "power", "--qat", "--out", tmp_path],
        capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    before, after = done.stderr.split("Quantization-aware training goes on from there.")
    assert "seed 0, epoch 1 of at most" in before and "seed 0, epoch 1 of at most 40" in after
    assert "int8, seed 0" in done.stdout and (tmp_path / "power" / "float.keras").is_file()


@pytest.mark.parametrize("terminal", [False, True])
def test_epochs_after_a_note_are_counted_anew(terminal: bool) -> None:
    logs, output = (
        {"loss": 1.0, "val_loss": 1.0, "val_accuracy": 0.5},
        Console(file=StringIO(), force_terminal=terminal),
    )
    seconds = iter(range(0, 1000, 20))
    bars = Progress(console=output)
    watch = progress.TrainingBars(bars) if terminal else progress.TrainingLines(output, lambda: float(next(seconds)))
    for epoch in (1, 2, 3):
        watch.epoch(0, epoch, 3, logs)
    watch.note("again")
    for epoch in (1, 2):
        watch.epoch(0, epoch, 40, logs)
    if terminal:
        assert [(task.completed, task.total) for task in bars.tasks] == [(3, 3), (2, 40)]


def test_targets_that_are_no_classes_are_refused_before_training(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--qat needs one class a sequence"):
        training.run(
            "demand", Artifacts(tmp_path / "demand", "demand"), 0, 1, progress.TrainingLines(Console()), quantized=True
        )
    assert not list(tmp_path.iterdir())
