"""Every cell on the same tasks: accuracy, size and instructions of a step, as a table in Markdown.

`nice python experiments/cells.py > docs/cells.md` needs TensorFlow, gcc for Arm and QEMU. It trains each cell in the
place of the recurrent layer of a bundled model, with the settings of that model, which were chosen for a GRU.
"""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

from rnn_edge import spec
from rnn_edge.bench.measurement import Measurement
from rnn_edge.bench.run import Target, measure
from rnn_edge.bench.subjects import Subject
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
from rnn_edge.source import dataset_of
from rnn_edge.train import save, train

TASKS = ("vowels", "watch")
SEEDS = (0, 1, 2)
BOARD = "mps2-an386"
COLUMNS = ("cell", "float", "int8", "parameters", "flash", "RAM", "instructions a step")

PAGE = f"""# Cells

Each cell in the place of the recurrent layer of a bundled model, with as many units, and the settings of that model,
which were chosen for its GRU. Accuracies are means over the seeds {", ".join(map(str, SEEDS))} on the test split. Flash
(weights, tables, code), RAM (state, stack) and instructions are those of seed {SEEDS[0]} on a Cortex-M4 (`{BOARD}`),
bytes with `-Os`, instructions with `-O2`.

`nice python experiments/cells.py > docs/cells.md` writes this page.
"""


@dataclass(frozen=True)
class Run:
    """One cell on one task with one seed."""

    program: Program
    quality: Quality
    parameters: int


def trained(task: str, cell: str, seed: int, data: Dataset) -> Run:
    """`task` with `cell` in the place of its recurrent layers."""
    described = spec.load(MODELS / task)
    layers = tuple(
        layer.model_copy(update={"layer": cell}) if isinstance(layer, spec.RecurrentSpec) else layer
        for layer in described.network.layers
    )
    network = described.network.model_copy(update={"layers": layers})
    result = train(described.model_copy(update={"network": network}), data, seed, lambda *epoch: None)
    with tempfile.TemporaryDirectory() as folder:
        model = import_keras(save(result, Path(folder)), f"{task}_{cell}")
    ranges = calibrate(model, _steps(data.calibration.x), data.calibration.lengths)
    program = quantize(model, ranges, classes=data.classes)
    found = quality(model, program, _steps(data.test.x), data.test.lengths, data.test.y)
    return Run(program, found, count_parameters(model))


def _steps(x: NDArray[Any]) -> NDArray[Any]:
    return x[..., None] if x.ndim == 2 else x


def row(task: str, cell: str, data: Dataset) -> list[str]:
    runs = [trained(task, cell, seed, data) for seed in SEEDS]
    fast, small = (_measured(runs[0].program, profile) for profile in ("speed", "size"))
    accuracies = [np.mean([getattr(run.quality, name) for run in runs]) for name in ("float_accuracy", "accuracy")]
    flash = small.sizes.code + small.sizes.tables + small.sizes.weights
    shares = [f"{100 * accuracy:.1f} %" for accuracy in accuracies]
    return [cell, *shares, f"{runs[0].parameters:,}", f"{flash:,}", f"{small.ram:,}", f"{fast.mean:,}"]


def _measured(program: Program, profile: str) -> Measurement:
    return measure(Subject(program.name, program.name, program), replace(Target(load(BOARD)), profile=profile))


def main() -> None:
    print(PAGE)
    for task in TASKS:
        described = spec.load(MODELS / task)
        data = dataset_of(described, MODELS / task)
        units = " and ".join(
            str(layer.units) for layer in described.network.layers if isinstance(layer, spec.RecurrentSpec)
        )
        print(f"## {task}: {described.task[0].lower()}{described.task[1:]}, {units} units\n")
        print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
        for cell in all_cells():
            print(f"| {' | '.join(row(task, cell, data))} |", flush=True)
            print(task, cell, file=sys.stderr)
        print()


if __name__ == "__main__":
    main()
