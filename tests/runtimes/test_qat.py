"""Quantization-aware training of Keras models; what it plays and its gradient are in tests/core."""

from __future__ import annotations

import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from rich.console import Console
from rich.progress import Progress

from rnn_edge.calibrate import run_float
from rnn_edge.cells import all_cells
from rnn_edge.cli import main
from rnn_edge.datasets import Dataset, Split, with_calibration
from rnn_edge.errors import UserError
from rnn_edge.float_model import FloatModel
from rnn_edge.ir.interpret import Interpreter
from rnn_edge.ir.quantize_input import from_float
from rnn_edge.outputs import dequantize
from rnn_edge.paths import MODELS
from rnn_edge.source import dataset_of
from rnn_edge.spec import ExportSpec, ModelSpec, NetworkSpec

tf = pytest.importorskip("tensorflow", reason="TensorFlow is missing: pip install 'rnn-edge[train]'")

from rnn_edge import progress, spec  # noqa: E402
from rnn_edge.qat import weights  # noqa: E402
from rnn_edge.qat.folded import folded  # noqa: E402
from rnn_edge.qat.learner import QuantizedLearner, Samples  # noqa: E402
from rnn_edge.qat.refine import refine  # noqa: E402
from rnn_edge.train import Prepared, batches, build, prepare  # noqa: E402
from rnn_edge.train.checkpoint import Checkpoint  # noqa: E402
from rnn_edge.train.fit import fit  # noqa: E402

CLASSES, STEPS = 3, 10


def keras_model(cell: str, seed: int = 0) -> Any:
    import keras

    from rnn_edge.spec import RecurrentSpec
    from rnn_edge.train.network import keras_layers

    keras.utils.set_random_seed(seed)
    (recurrent,) = keras_layers(keras, RecurrentSpec(layer=cell, units=6), False, False)
    return keras.Sequential([keras.Input((None, 2)), recurrent, keras.layers.Dense(CLASSES)])


def task(count: int, seed: int, asked: str = "class") -> Split:
    """Which of three slopes has a noisy line? After its last step or at every one, or how it goes on."""
    rng = np.random.default_rng(seed)
    y = np.arange(count) % CLASSES
    lengths = rng.integers(6, STEPS + 1, count)
    line = np.arange(STEPS)[None, :, None] * (y[:, None, None] - 1) * 0.1
    x = (line + rng.normal(0, 0.3, (count, STEPS, 2))).astype(np.float32)
    x = np.where((np.arange(STEPS) < lengths[:, None])[..., None], x, 0)
    if asked == "label":
        y = np.where(np.arange(STEPS) < 2, -1, np.repeat(y[:, None], STEPS, axis=1))
    return Split(x, lengths, (line + 0.1 * (y[:, None, None] - 1)).astype(np.float32) if asked == "value" else y)


def specification(asked: str = "class", **train: Any) -> ModelSpec:
    options = {"epochs": 3, "batch": 16, "learning_rate": 0.01, **train}
    options |= {"loss": "mse"} if asked == "value" else {}
    layers = [
        {"layer": "gru", "units": 6},
        {"layer": "dense", "units": 1 if asked == "value" else CLASSES},
    ]
    network = {"layers": layers, "normalization": False, "every_step": asked != "class"}
    return ModelSpec.model_validate(
        {"task": "t", "data": {"set": "own"}, "network": network, "train": options, "export": {"weights": 4}}
    )


def normalized(center: bool, seed: int = 0) -> Any:
    """A network with batch normalization behind layers with and without a bias, its statistics at random."""
    import keras

    keras.utils.set_random_seed(seed)
    layers, rng = keras.layers, np.random.default_rng(seed)
    convolution = layers.Conv1D(4, 3, padding="causal", use_bias=False)
    activations = [layers.Activation("relu"), layers.Activation("tanh")]
    normalizations = [layers.BatchNormalization(center=center) for _ in activations]
    front = [convolution, normalizations[0], activations[0], layers.GRU(6)]
    behind = [layers.Dense(5), normalizations[1], activations[1], layers.Dense(CLASSES)]
    model = keras.Sequential([keras.Input((STEPS, 2)), *front, *behind])
    for one in normalizations:
        one.set_weights([rng.uniform(0.5, 2, array.shape) for array in one.get_weights()])
    return model


@pytest.mark.parametrize("center", [True, False])
def test_batch_normalization_is_folded_before(center: bool) -> None:
    model, x = normalized(center), task(20, 0).x
    one = folded(model)
    assert len(one.layers) == len(model.layers) - 2 and folded(one) is one
    assert np.abs(np.asarray(model(x, training=False)) - np.asarray(one(x))).max() < 1e-5
    found = weights.weights_of(one)
    assert sum(origin.place.astype(bool).sum() for origin in found.origins.values()) == one.count_params()


def test_the_command_folds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    front = '{ layer = "conv1d", filters = 3, kernel = 2, batch_normalization = true },'
    described = (MODELS / "power" / "model.toml").read_text().replace("layers = [", f"layers = [{front}")
    (tmp_path / "model.toml").write_text(described.replace("epochs = 200", "epochs = 2"))
    monkeypatch.setattr("rnn_edge.qat.refine._STEPS", 1)
    done = CliRunner().invoke(main, ["train", str(tmp_path), "--qat", "--weights", "4", "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    (written,) = (tmp_path / "out").glob("*/float.keras")
    layers = tf.keras.models.load_model(written, safe_mode=True).layers
    assert [type(layer).__name__ for layer in layers[1:4]] == ["Conv1D", "Activation", "GRU"] and layers[1].use_bias


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
    assert all(np.allclose(moved[name], now[name] + (found.origins[name].place > 0)) for name in now)


def learner_of(described: ModelSpec, training: Split) -> QuantizedLearner:
    keras_model("gru")  # sets the seed
    return QuantizedLearner(build(described, with_calibration("own", (), training, training), training), described,
                            Samples(training.x, training.lengths))  # fmt: skip


def error(learner: QuantizedLearner, network: FloatModel, split: Split) -> float:
    """Mean square of what the program answers less what the float network does, in the formats of the next epoch.

    Of logits that all are the same more or less, nobody asks.
    """
    learner.settle()
    program, (x, lengths) = learner.program(), network.rows.of(split.x, split.lengths)
    y, _ = Interpreter(program).run(from_float(program, x), lengths)
    apart = dequantize(program, y) - run_float(network, x, lengths)
    if program.values[program.output].size > 1:
        apart -= apart.mean(axis=-1, keepdims=True)
    return float(np.mean(np.square(apart)))


def gain(described: ModelSpec, training: Split) -> float:
    """How much nearer forty gradient steps bring a network that was shaken to what it was: by which factor."""
    learner, rng = learner_of(described, training), np.random.default_rng(0)
    network, batch = weights.weights_of(learner.model).model, batches.asked(training, described.network.every_step)
    for one in learner.model.trainable_variables:
        one.assign_add(rng.normal(0, 0.2, one.shape))
    before = error(learner, network, training)
    for _ in range(40):
        learner.learn(batch, 0.0)
    return before / error(learner, network, training)


@pytest.mark.parametrize(
    ("asked", "tbptt"), [("class", 0), ("class", 4), ("label", 0), ("label", 4), ("value", 0), ("value", 4)]
)
def test_training_brings_the_integers_nearer_to_the_float_network(asked: str, tbptt: int) -> None:
    """For every kind of target, through whole sequences and in pieces: measured 31 to 230 times."""
    assert gain(specification(asked, tbptt=tbptt, learning_rate=0.01), task(96, 1, asked)) > 20


def test_the_best_weights_stay() -> None:
    described = specification(epochs=6, validation=0.2)
    training, validation = task(96, 1), task(48, 2)
    learner = learner_of(described, training)
    history = fit(learner, (training, validation), 0, lambda epoch, epochs, logs: None, None)
    learner.settle()  # the best epoch need not be the last one, whose formats are still in use
    loss, weight, *_ = learner.measure(batches.asked(validation, described.network.every_step))
    assert loss / weight == pytest.approx(min(history["val_loss"]))
    largest = [np.abs(learner.program().constants[op.constants[0]]).max() for op in learner.program().ops
               if op.kind == "matvec"]  # fmt: skip
    assert max(largest) == 7


OVER_TIME: dict[str, list[dict[str, Any]]] = {
    "strides": [{"layer": "conv1d", "filters": 4, "kernel": 3, "stride": 2}, {"layer": "gru", "units": 6}],
    "average pooling": [
        {"layer": "conv1d", "filters": 4, "kernel": 3, "activation": "relu"},
        {"layer": "average_pool", "size": 2},
        {"layer": "gru", "units": 6},
    ],
    "average of all steps": [{"layer": "gru", "units": 6}, {"layer": "global_average_pool"}],
    "both directions": [{"layer": "gru", "units": 6, "bidirectional": True}],
}


@pytest.mark.parametrize("layers", OVER_TIME.values(), ids=OVER_TIME)
def test_networks_over_time_learn_too(layers: list[dict[str, Any]]) -> None:
    """Where steps read several rows, and where weights stand in the program times the factor of an average.

    Measured 105 to 191 times nearer.
    """
    training = whole_sequences(task(96, 1))
    network = {"layers": [*layers, {"layer": "dense", "units": CLASSES}], "normalization": False}
    described = specification(learning_rate=0.01).model_copy(update={"network": NetworkSpec.model_validate(network)})
    learner = learner_of(described, training)
    parameters = sum(int(np.prod(one.shape)) for one in learner.model.trainable_variables)
    origins = weights.weights_of(learner.model).origins.values()
    assert len(np.unique(np.concatenate([origin.place[origin.place > 0] for origin in origins]))) == parameters
    factors = {factor for origin in origins for factor in np.unique(origin.factor)} - {0.0, 1.0}
    assert bool(factors) == any("average" in layer["layer"] for layer in layers)
    assert gain(described, training) > 20


def test_weights_that_import_multiplies_are_refused() -> None:
    """Batch normalization that is not folded before: a weight times a gain."""
    with pytest.raises(UserError, match="no variable times a factor"):
        weights.weights_of(normalized(center=True))


def whole_sequences(split: Split) -> Split:
    return Split(split.x, np.full(len(split), STEPS), split.y)


def test_an_interrupted_training_ends_with_the_same_weights(tmp_path: Path) -> None:
    described, parts = specification(epochs=4, noise=0.1), (task(48, 1), task(24, 2))
    whole = learner_of(described, parts[0])
    fit(whole, parts, 0, lambda epoch, epochs, logs: None, None)
    again, notes = learner_of(described, parts[0]), list[str]()
    checkpoint = Checkpoint(tmp_path / "kept.npz", notes.append)

    def interrupt(epoch: int, epochs: int, logs: object) -> None:
        if epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(again, parts, 0, interrupt, checkpoint)
    again = learner_of(described, parts[0])
    fit(again, parts, 0, lambda epoch, epochs, logs: None, checkpoint)
    assert "goes on from there" in notes[0]
    assert all(np.array_equal(a, b) for a, b in zip(whole.model.get_weights(), again.model.get_weights(), strict=True))


def test_other_bits_or_other_weights_before_begin_anew() -> None:
    marks = set()
    for export, shift in ((ExportSpec(weights=4), 0.0), (ExportSpec(), 0.0), (ExportSpec(weights=4), 1.0)):
        described = specification().model_copy(update={"export": export})
        model = keras_model("gru")
        model.trainable_variables[0].assign_add(np.full(model.trainable_variables[0].shape, shift))
        marks.add(QuantizedLearner(model, described, Samples(task(8, 0).x, task(8, 0).lengths)).mark)
    assert len(marks) == 3


def power() -> tuple[ModelSpec, Dataset, Prepared]:
    described = spec.load(MODELS / "power")
    data = dataset_of(described, MODELS / "power")
    return described, data, prepare(described, data, 0)


@pytest.mark.parametrize("name", ["power", "demand"])
def test_the_command_goes_on_from_stored_weights(name: str, tmp_path: Path) -> None:
    """With a line for the first and the last epoch, and what to type next."""
    start = MODELS / name / "float.keras"
    done = subprocess.run(
        [sys.executable, "-m", "rnn_edge", "train", name, "--qat", "--weights", "4", "--start", start,
         "--out", tmp_path],
        capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "weights of 4 bits" in done.stderr and "seed 0, epoch 1 of at most 40" in done.stderr
    assert "--weights 4" in done.stdout and (tmp_path / name / "float.keras").is_file()
    assert not (tmp_path / ".checkpoints").exists()


def test_where_no_loss_is_smaller_the_weights_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    described, data, ready = power()
    before = ready.model.get_weights()
    monkeypatch.setattr("rnn_edge.qat.refine._RATE_SHARE", 1e-12)
    parts = ready.training, ready.validation
    assert not refine(ready.model, described, data, parts, 0, lambda epoch, epochs, logs: None)
    assert all(np.array_equal(a, b) for a, b in zip(ready.model.get_weights(), before, strict=True))


@pytest.mark.parametrize("options", [["--weights", "4"], ["--start", "a.keras"]])
def test_options_of_quantized_training_without_it_are_refused(options: list[str]) -> None:
    done = CliRunner().invoke(main, ["train", "power", *options])
    assert done.exit_code == 2 and "add --qat" in done.output


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    options = ["--qat", "--start", str(MODELS / "vowels" / "float.keras"), "--out", str(tmp_path)]
    done = CliRunner().invoke(main, ["train", "power", *options])
    assert done.exit_code == 2 and "another network" in done.output
    assert not list(tmp_path.iterdir())


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
