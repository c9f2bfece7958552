"""Cells on the same tasks: accuracy, size and instructions of a step, as a table in Markdown.

`nice python experiments/cells.py > docs/cells.md` needs TensorFlow, gcc for Arm and QEMU. It trains each cell in the
place of the recurrent layer of a bundled model, with the settings of that model, which were chosen for a GRU, and
stacks that were chosen to be small. `python experiments/cells.py vowels` makes the table of one task alone.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

from rnn_edge import spec
from rnn_edge.bench.run import Target, measure
from rnn_edge.bench.subjects import of_program
from rnn_edge.board import load
from rnn_edge.calibrate import calibrate
from rnn_edge.cells import all_cells
from rnn_edge.datasets import Dataset
from rnn_edge.ir.program import Program
from rnn_edge.keras_import import import_keras
from rnn_edge.metrics import count_parameters
from rnn_edge.paths import MODELS
from rnn_edge.quality import Quality
from rnn_edge.quality import measure as quality
from rnn_edge.quantize import quantize
from rnn_edge.rows import with_channels
from rnn_edge.source import dataset_of
from rnn_edge.train import save, train

GRU = "gru"
SEEDS = (0, 1, 2)
BOARD = "mps2-an386"
COLUMNS = ("cell", "units", "float", "int8", "parameters", "flash", "of the GRU's", "RAM", "instructions a step")

PAGE = f"""# Cells

Each cell in the place of the recurrent layer of a bundled model, with as many units, and the settings of that model,
which were chosen for its GRU. Where two numbers of units are given, there are two layers, with less dropout; they were
chosen for their size, by the test figures of a few, so theirs are a little optimistic. Accuracies are means over the
seeds {", ".join(map(str, SEEDS))} on the test split. Flash (weights, tables, code), RAM (state, stack) and instructions
are those of seed {SEEDS[0]} on a Cortex-M4 (`{BOARD}`), bytes with `-Os`, instructions with `-O2`.

`nice python experiments/cells.py > docs/cells.md` writes this page.
"""


@dataclass(frozen=True)
class Stack:
    """Recurrent layers of one cell, `units` each; `dropout` is that of the model where it is None."""

    cell: str
    units: tuple[int, ...]
    dropout: float | None = None


# Beside the GRU of the model; the second task takes minutes a row, so it has the smallest cell alone.
TASKS: dict[str, tuple[Stack, ...]] = {
    "vowels": tuple(Stack(cell, (16,)) for cell in all_cells() if cell != GRU),
    "workout": (Stack("min_gru", (16, 16), 0.1), Stack("min_gru", (24,))),
}


@dataclass(frozen=True)
class Run:
    """One cell on one task with one seed."""

    program: Program
    quality: Quality
    parameters: int


def trained(task: str, stack: Stack, seed: int, data: Dataset) -> Run:
    """`task` with `stack` in the place of its recurrent layers."""
    described = spec.load(MODELS / task)
    kept = described.network
    recurrent = tuple(spec.RecurrentSpec(layer=stack.cell, units=units) for units in stack.units)
    layers = *recurrent, *(layer for layer in kept.layers if not isinstance(layer, spec.RecurrentSpec))
    dropout = kept.dropout if stack.dropout is None else stack.dropout
    network = kept.model_copy(update={"layers": layers, "dropout": dropout})
    result = train(described.model_copy(update={"network": network}), data, seed, lambda *epoch: None)
    with tempfile.TemporaryDirectory() as folder:
        model = import_keras(save(result, Path(folder)), f"{task}_{stack.cell}")
    ranges = calibrate(model, with_channels(data.calibration.x), data.calibration.lengths)
    program = quantize(model, ranges, classes=data.classes)
    found = quality(model, program, with_channels(data.test.x), data.test.lengths, data.test.y)
    return Run(program, found, count_parameters(model))


@dataclass(frozen=True)
class Row:
    """Means of the accuracies over the seeds, and the costs of the first one; bytes and instructions."""

    stack: Stack
    accuracies: tuple[float, float]
    parameters: int
    flash: int
    ram: int
    instructions: int

    def text(self, gru: Row) -> str:
        shares = [f"{100 * accuracy:.1f} %" for accuracy in self.accuracies]
        units = " + ".join(map(str, self.stack.units))
        flash = [f"{self.flash:,}", f"{self.flash / gru.flash:.0%}".replace("%", " %")]
        numbers = [f"{self.parameters:,}", *flash, f"{self.ram:,}", f"{self.instructions:,}"]
        return f"| {' | '.join([self.stack.cell, units, *shares, *numbers])} |"


def measured(task: str, stack: Stack, data: Dataset) -> Row:
    runs = [trained(task, stack, seed, data) for seed in SEEDS]
    fast, small = (measure(of_program(runs[0].program), Target(load(BOARD), profile)) for profile in ("speed", "size"))
    means = [float(np.mean([getattr(run.quality, name) for run in runs])) for name in ("float_accuracy", "accuracy")]
    flash = small.sizes.code + small.sizes.tables + small.sizes.weights
    return Row(stack, (means[0], means[1]), runs[0].parameters, flash, small.ram, fast.mean)


def table(task: str) -> None:
    described = spec.load(MODELS / task)
    data = dataset_of(described, MODELS / task)
    units = tuple(layer.units for layer in described.network.layers if isinstance(layer, spec.RecurrentSpec))
    print(f"## {task}: {described.task[0].lower()}{described.task[1:]}\n")
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    gru = None
    for stack in (Stack(GRU, units), *TASKS[task]):
        row = measured(task, stack, data)
        gru = gru or row
        print(row.text(gru), flush=True)
    print()


def main(tasks: Sequence[str]) -> None:
    if not tasks:
        print(PAGE)
    for task in tasks or TASKS:
        table(task)


if __name__ == "__main__":
    main(sys.argv[1:])
