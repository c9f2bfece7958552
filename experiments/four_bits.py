"""Weights of 4 bits on the bundled models: accuracy before and after quantization-aware training, bytes, instructions.

`nice python experiments/four_bits.py > docs/four_bits.md` needs TensorFlow, gcc for Arm and QEMU; with names it
measures these models alone. It starts from their stored weights, so nothing is trained but the program of 4 bits.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

from rnn_edge import quality, spec
from rnn_edge.bench.measurement import Measurement
from rnn_edge.bench.run import Target, measure
from rnn_edge.bench.subjects import of_program
from rnn_edge.board import load
from rnn_edge.calibrate import calibrate
from rnn_edge.datasets import Dataset
from rnn_edge.float_model import FloatModel
from rnn_edge.ir.program import Program
from rnn_edge.keras_import import import_keras
from rnn_edge.paths import MODELS
from rnn_edge.qat.folded import folded
from rnn_edge.qat.refine import refine
from rnn_edge.quality import Quality
from rnn_edge.quantize import quantize
from rnn_edge.rows import with_channels
from rnn_edge.source import dataset_of
from rnn_edge.train import begun, prepare, save

SEED = 0
BOARD = "mps2-an386"
COLUMNS = (
    "model", "float", "8 bits", "4 bits", "4 bits, trained", "same class", "signal to noise",
    "weights", "flash", "instructions a step",
)  # fmt: skip

CORES = {
    "Cortex-M0": "qemu-microbit",
    "Cortex-M3": "qemu-stm32vldiscovery",
    "Cortex-M4": BOARD,
    "Cortex-M55": "mps3-an547",
    "RISC-V": "qemu-riscv32-virt",
    "AVR": "simavr-mega",
}
FLAGS = {"size": "-Os", "speed": "-O2"}

PAGE = f"""# Weights of 4 bits

`[export] weights = 4` in a model.toml, or `--weights 4`, stores two weights in a byte. Each to the nearest would cost
half a point to two points of accuracy. The exporter rounds them for what they meet in calibration instead: column after
column, and those that follow make up for what one lost, as far as their operands go together (GPTQ, Frantar et al.,
ICLR 2023); biases take up what changes in the mean; an embedding is rounded for the products that read it
(`rnn_edge/rounding.py`). Quantization-aware training (`rnn-edge train MODEL --qat --weights 4`, see
[training.md](training.md)) then moves those integers that bring the outputs nearest to the float network's.

Everything that is learned shrinks with the weights: a row keeps an int16 of bias and a byte of scale in place of four
and four, and two elements of an embedding share a byte. Scales are rounded to five significant bits, which weights of
4 bits do not feel.

Each row starts from the stored float weights of a bundled model, seed {SEED}. Accuracies are shares of the test split
(R2 for `demand`); float is that of the stored weights. Same class and signal to noise compare the trained program of
4 bits with the float network of the stored weights; the latter before training, too. Bytes of weights (with biases,
scales and embeddings) and of flash (weights, tables, code with `-Os`), and instructions (with `-O2`) are those of a
Cortex-M4 (`{BOARD}`): 8 bits first, then 4, and what share that is.

Here no model loses more than 0.6 points after training, 0.2 in the mean. A test split decides to half a point or so:
370 sequences of `vowels`, 488 of `watch`, 960 of `kws`. `kws` had 91.77 % and 92.29 % when the sequences of each round
were drawn with the seeds 1 and 2.

`nice python experiments/four_bits.py > docs/four_bits.md` writes this page; with names of models it measures these.
"""

FLASH = """
## All of flash

Weights, tables and code with 4 bits as a share of those with 8 bits, on emulated boards. What is learned takes half
everywhere. Tables stay (512 bytes), and so does most code with `-Os`: small networks gain little. With `-O2` the
products of 8 bits are unrolled and those of 4 bits are not.
"""

STEPS = """
## Instructions of a step

With 4 bits as a share of those with 8 bits, of the same programs; on the AVR, cycles.
"""


@dataclass(frozen=True)
class Task:
    """A bundled model and what it is measured on."""

    name: str
    described: spec.ModelSpec
    data: Dataset

    def program(self, model: FloatModel, bits: int) -> Program:
        """As export makes it."""
        calibration, export = self.data.calibration, self.described.export
        ranges = calibrate(model, with_channels(calibration.x), calibration.lengths, export.input_percentile, (), bits)
        return quantize(model, ranges, classes=self.data.classes, weight_bits=bits)

    def quality(self, model: FloatModel, program: Program) -> Quality:
        test = self.data.test
        return quality.measure(model, program, with_channels(test.x), test.lengths, test.y)


def refined(task: Task) -> FloatModel:
    """The stored weights after quantization-aware training with weights of 4 bits."""
    export = task.described.export.model_copy(update={"weights": 4})
    described = task.described.model_copy(update={"export": export})
    start = begun(described, task.data, SEED, MODELS / task.name / "float.keras")
    ready = prepare(described, task.data, SEED)
    model = folded(start.model)
    refine(model, described, task.data, (ready.training, ready.validation), SEED, lambda *epoch: None)
    with TemporaryDirectory() as folder:
        return import_keras(save(replace(start, model=model), Path(folder)), task.name)


def row(name: str) -> str:
    described = spec.load(MODELS / name)
    task = Task(name, described, dataset_of(described, MODELS / name))
    stored, trained = import_keras(MODELS / name / "float.keras", name), refined(task)
    programs = [task.program(stored, 8), task.program(stored, 4), task.program(trained, 4)]
    eight, rounded = (task.quality(stored, program) for program in programs[:2])
    four = task.quality(stored, programs[2])
    accuracies = [_percent(one) for one in (eight.float_accuracy, eight.accuracy, rounded.accuracy, four.accuracy)]
    small = [measure(of_program(program), Target(load(BOARD), "size")) for program in (programs[0], programs[2])]
    fast = [measure(of_program(program), Target(load(BOARD), "speed")).mean for program in (programs[0], programs[2])]
    costs = [_change(each) for each in ([one.sizes.weights for one in small], list(map(_flash, small)), fast)]
    nearer = f"{rounded.snr_db:.1f} to {four.snr_db:.1f} dB"
    cells = [f"`{name}`", *accuracies, _percent(four.agreement), nearer, *costs]
    return f"| {' | '.join(cells)} |"


def shares(name: str) -> tuple[str, str]:
    """What 4 bits take of what 8 take, by core and flags: rows of all of flash, and of a step."""
    described = spec.load(MODELS / name)
    task = Task(name, described, dataset_of(described, MODELS / name))
    stored = import_keras(MODELS / name / "float.keras", name)
    subjects = [of_program(task.program(stored, bits)) for bits in (8, 4)]
    flash, steps = [], []
    for board in CORES.values():
        for profile in FLAGS:
            eight, four = (measure(subject, Target(load(board), profile)) for subject in subjects)
            flash.append(f"{_flash(four) / _flash(eight):.0%}")
            steps.append(f"{four.mean / eight.mean:.0%}")
    return f"| `{name}` | {' | '.join(flash)} |", f"| `{name}` | {' | '.join(steps)} |"


def _flash(measured: Measurement) -> int:
    sizes = measured.sizes
    return sizes.code + sizes.tables + sizes.weights


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.2f} %"


def _change(values: Sequence[int]) -> str:
    eight, four = values
    return f"{eight:,} to {four:,} ({four / eight:.0%})"


def main(names: Sequence[str]) -> None:
    names = names or sorted(path.parent.name for path in MODELS.glob("*/model.toml"))
    print(PAGE)
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    for name in names:
        print(row(name), flush=True)
    targets = [f"{core} `{flags}`" for core in CORES for flags in FLAGS.values()]
    for text, rows in zip((FLASH, STEPS), zip(*map(shares, names), strict=True), strict=True):
        print(f"{text}\n| model | {' | '.join(targets)} |\n|{'---|' * (1 + len(targets))}")
        print("\n".join(rows))


if __name__ == "__main__":
    main(sys.argv[1:])
