"""Does skipping zeros, or a low rank, pay in the recurrent matrix of a GRU? Train, quantize, count, print a table.

`nice python experiments/recurrent_structure.py` needs TensorFlow, gcc for Arm and QEMU. docs/sparsity.md is about
what it found.
"""

from __future__ import annotations

import dataclasses
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import matvec_count
import tensorflow as tf

from rnn_edge import spec
from rnn_edge.calibrate import calibrate, run_float
from rnn_edge.cells import Linear, Product, without_bias
from rnn_edge.cells.gru import CELL
from rnn_edge.datasets import Dataset, Split, shuffled_by_class
from rnn_edge.float_model import FloatModel, RecurrentLayer
from rnn_edge.keras_import import import_keras
from rnn_edge.paths import MODELS
from rnn_edge.quality import measure
from rnn_edge.quantize import quantize
from rnn_edge.readings import FloatReading, Signal
from rnn_edge.source import dataset_of
from rnn_edge.train import TrainedModel, padded, save, train

MODEL = "vowels"
SEEDS = (0, 1, 2)
RAMP_EPOCHS = 25  # in which the structure comes in bit by bit
HOLD_EPOCHS = 25  # in which it stays; the epoch with the least validation loss is kept
TUNING_RATE = 0.2  # of the learning rate in training
MIDDLE_PEAK = 15.0  # pre-activations are int16 at 2^-11 where calibration stays below 16

Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class Dense:
    """Everything is kept."""

    name: str
    layout: int = matvec_count.DENSE

    def project(self, kernel: Matrix, progress: float) -> Matrix:
        return kernel


@dataclass(frozen=True)
class Blocks:
    """A share of the blocks of 4 rows x `columns` is zero: those of the smallest norm."""

    columns: int
    zeros: float

    @property
    def name(self) -> str:
        return f"{self.zeros:.0%} zeros, 4x{self.columns}"

    @property
    def layout(self) -> int:
        return {1: matvec_count.BLOCKS_4X1, 4: matvec_count.BLOCKS_4X4}[self.columns]

    def project(self, kernel: Matrix, progress: float) -> Matrix:
        """The nearest matrix `[units, gates * units]` with the share of zeros that `progress`, 0 to 1, asks for."""
        rows, columns = kernel.T.shape
        blocks = kernel.T.reshape(rows // 4, 4, columns // self.columns, self.columns).copy()
        norms = (blocks**2).sum(axis=(1, 3))
        smallest = np.argsort(norms, axis=None)[: round(self.zeros * _ramp(progress) * norms.size)]
        kept = np.ones(norms.size, np.float32)
        kept[smallest] = 0
        blocks *= kept.reshape(norms.shape)[:, None, :, None]
        return blocks.reshape(rows, columns).T


@dataclass(frozen=True)
class LowRank:
    """The matrix is a product [3 units, rank] x [rank, units] of two; `rank` is units / `part`."""

    part: int
    layout: int = matvec_count.DENSE

    @property
    def name(self) -> str:
        return f"rank units/{self.part}"

    def project(self, kernel: Matrix, progress: float) -> Matrix:
        """The nearest matrix `[units, gates * units]` of the rank that `progress`, 0 to 1, asks for."""
        units = len(kernel)
        rank = round(units - (units - units // self.part) * _ramp(progress))
        left, singular, right = np.linalg.svd(kernel, full_matrices=False)
        return np.asarray((left[:, :rank] * singular[:rank]) @ right[:rank], np.float32)


Structure = Dense | Blocks | LowRank

AS_TRAINED = Dense("dense, as trained")
CONTROL = Dense("dense, control")  # tuned for as long as those with a structure
SPARSE = (Blocks(1, 0.25), Blocks(1, 0.5), Blocks(1, 0.75), Blocks(4, 0.5), Blocks(4, 0.75))
STUDY: dict[int, tuple[Structure, ...]] = {
    12: (AS_TRAINED,),
    16: (AS_TRAINED, CONTROL, *SPARSE, LowRank(2), LowRank(4)),
    24: (AS_TRAINED,),
    32: (AS_TRAINED, CONTROL, *SPARSE, LowRank(2), LowRank(4)),
}


@dataclass(frozen=True)
class Result:
    """One seed: accuracies are shares of the test split."""

    float_accuracy: float
    accuracy: float
    cost: matvec_count.Cost


def _ramp(progress: float) -> float:
    """Fast at first, slow at the end (Zhu and Gupta, To prune, or not to prune, 2017)."""
    return float(1 - (1 - progress) ** 3)


# training


def study_seed(described: spec.ModelSpec, data: Dataset, seed: int, structures: Sequence[Structure]) -> list[Result]:
    """Train once as `rnn-edge train` does, then bring each structure into a copy of the result."""
    trained = train(described, data, seed, lambda *step: None)
    start = trained.model.get_weights()
    results = []
    for structure in structures:
        keras.utils.set_random_seed(seed)
        trained.model.set_weights(start)
        if structure != AS_TRAINED:
            _bring_in(structure, trained.model, _parts(data, seed, described.train.validation), described.train)
        results.append(_judge(structure, trained, data, described.export.input_percentile))
        print(f"seed {seed}, {structure.name}: {results[-1]}", file=sys.stderr)
    return results


def _parts(data: Dataset, seed: int, validation: float) -> tuple[Split, Split]:
    """Training and validation split, the same as in `train`."""
    order = shuffled_by_class(data.train.y, seed)
    held = round(validation * len(order))
    return data.train.take(order[held:]), data.train.take(order[:held])


def _bring_in(structure: Structure, model: Any, parts: tuple[Split, Split], options: spec.TrainSpec) -> None:
    """Gradient steps, each followed by the projection onto what the structure allows at that epoch."""
    kernel = next(layer for layer in model.layers if isinstance(layer, keras.layers.GRU)).cell.recurrent_kernel
    progress = 0.0

    def begin_epoch(epoch: int, logs: Any) -> None:
        nonlocal progress
        progress = (epoch + 1) / RAMP_EPOCHS

    def project(batch: int, logs: Any) -> None:
        kernel.assign(structure.project(kernel.numpy(), progress))

    after_batch = keras.callbacks.LambdaCallback(on_train_batch_end=project)
    ramp = keras.callbacks.LambdaCallback(on_epoch_begin=begin_epoch)
    best = keras.callbacks.EarlyStopping(patience=HOLD_EPOCHS, restore_best_weights=True)
    training, validation = parts
    rate = options.learning_rate * TUNING_RATE
    model.compile(keras.optimizers.Adam(rate, global_clipnorm=options.gradient_clip), loss=options.loss)
    for epochs, callbacks in ((RAMP_EPOCHS, [ramp, after_batch]), (HOLD_EPOCHS, [after_batch, best])):
        model.fit(
            padded(training),
            training.y,
            validation_data=(padded(validation), validation.y),
            epochs=epochs,
            batch_size=options.batch,
            callbacks=callbacks,
            verbose=0,
        )


# judging


def _judge(structure: Structure, trained: TrainedModel, data: Dataset, percentile: float) -> Result:
    with tempfile.TemporaryDirectory() as folder:
        model = import_keras(save(trained, Path(folder)), MODEL)
    seen = data.calibration
    if isinstance(structure, LowRank):
        model = factored(model, model.layers[0], structure.part, seen)
    ranges = calibrate(model, seen.x, seen.lengths, percentile)
    program = quantize(model, ranges)
    quality = measure(model, program, data.test.x, data.test.lengths, data.test.y)
    assert quality.float_accuracy is not None and quality.accuracy is not None
    cost = matvec_count.count(program, model.layers[0].name, structure.layout)
    return Result(quality.float_accuracy, quality.accuracy, cost)


def _equations(s: Any, x: Any, h: Any) -> tuple[Any, ...]:
    middle = s.product("gm", h).m

    def product(name: str, operand: Any) -> Any:
        return s.product(name, middle if name == "gh" else operand)

    return CELL.equations(_Redirected(s, product), x, h)


@dataclass(frozen=True)
class _Redirected:
    """A reading in which `product` is another function."""

    reading: Any
    product: Callable[[str, Any], Any]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.reading, name)


LOW_RANK_GRU = dataclasses.replace(
    CELL, name="gru_low_rank", products={**CELL.products, "gm": Product("h", ("m",))}, equations=_equations, keras=None
)


def factored(model: FloatModel, gru: Any, part: int, seen: Split) -> FloatModel:
    """The same network with its recurrent matrix, which has the rank units / `part` already, as two products.

    Every component between them is scaled to use the range of its format on the sequences `seen`.
    """
    weight, bias = gru.products["gh"]
    rank = gru.units // part
    left, singular, right = np.linalg.svd(weight, full_matrices=False)
    second, first = left[:, :rank] * singular[:rank], right[:rank]

    def network(scale: NDArray[np.float64]) -> FloatModel:
        factors = {"gm": without_bias(first * scale[:, None]), "gh": Linear(second / scale, bias)}
        layer = RecurrentLayer(gru.name, gru.index, LOW_RANK_GRU, gru.units, {**gru.products, **factors})
        return dataclasses.replace(model, layers=(layer, *model.layers[1:]))

    reading = _MiddlePeaks(f"{gru.name}_gm", rank)
    run_float(network(np.ones(rank)), seen.x, seen.lengths, reading)
    return network(MIDDLE_PEAK / reading.components)


class _MiddlePeaks(FloatReading):
    """Keeps the largest magnitude of every component of one value."""

    def __init__(self, watched: str, size: int) -> None:
        super().__init__()
        self._watched = watched
        self.components = np.zeros(size)

    def emit(self, kind: str, name: str, form: str, inputs: Sequence[Signal], **constants: Any) -> Signal:
        signal = super().emit(kind, name, form, inputs, **constants)
        if name == self._watched:
            self.components = np.maximum(self.components, np.abs(signal.payload).max(axis=0))
        return signal


# the table


def _row(units: int, structure: Structure, results: Sequence[Result]) -> str:
    def shares(values: Sequence[float]) -> str:
        return f"{np.mean(values):.2%} ({min(values):.1%} to {max(values):.1%})"

    flash = np.mean([result.cost.flash for result in results])
    instructions = np.mean([result.cost.instructions for result in results])
    accuracies = (
        shares([result.float_accuracy for result in results]),
        shares([result.accuracy for result in results]),
    )
    return f"| {units} | {structure.name} | {' | '.join(accuracies)} | {flash:,.0f} | {instructions:,.0f} |"


def main() -> None:
    os.nice(10)
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    folder = MODELS / MODEL
    described = spec.load(folder)
    data = dataset_of(described, folder)
    print("| units | recurrent matrix | float | int8 | flash bytes | instructions |\n|---|---|---|---|---|---|")
    for units, structures in STUDY.items():
        recurrent, *rest = described.network.layers
        layers = (recurrent.model_copy(update={"units": units}), *rest)
        network = described.network.model_copy(update={"layers": layers})
        sized = described.model_copy(update={"network": network})
        seeds = [study_seed(sized, data, seed, structures) for seed in SEEDS]
        for structure, *results in zip(structures, *seeds, strict=True):
            print(_row(units, structure, results), flush=True)


if __name__ == "__main__":
    main()
