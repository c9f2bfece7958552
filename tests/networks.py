"""Networks for tests: random ones of every cell and shape, and the golden GRU."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rnn_edge.calibrate import calibrate
from rnn_edge.cells import Cell, Linear, all_cells
from rnn_edge.float_model import (
    BidirectionalLayer,
    ConvLayer,
    DenseLayer,
    EmbeddingLayer,
    FloatModel,
    GlobalPoolLayer,
    Layer,
    PoolLayer,
    RecurrentLayer,
)
from rnn_edge.ir.check import check
from rnn_edge.ir.program import Program
from rnn_edge.quantize import quantize
from rnn_edge.rows import Rows

GOLDEN = Path(__file__).parent / "golden" / "gru_16x32.npz"
VOCABULARY = 50


@dataclass(frozen=True)
class Conv:
    """Shape of a convolution, with the pooling behind it."""

    filters: int
    kernel: int
    stride: int = 1
    activation: str = "relu"
    pool: tuple[str, int] | None = None  # kind, size

    @property
    def rate(self) -> int:
        return self.stride * (self.pool[1] if self.pool else 1)


@dataclass(frozen=True)
class Network:
    """Shape of a random network: convolutions, recurrent layers of `cells` with `units`, then dense layers.

    `global_pool`: what is read of all steps of the last recurrent layer; `both_ways`: the only one is bidirectional.
    """

    cells: tuple[str, ...]
    units: tuple[int, ...]
    inputs: int = 5
    embedding: int = 0  # width; 0: numeric input
    dense: tuple[tuple[int, str], ...] = ((4, "softmax"),)
    every_step: bool = False
    front: tuple[Conv, ...] = ()
    global_pool: str = ""
    both_ways: bool = False

    @property
    def id(self) -> str:
        parts = [f"{cell}{units}" for cell, units in zip(self.cells, self.units, strict=True)]
        parts = [f"conv{conv.filters}x{conv.kernel}" for conv in self.front] + parts
        parts += ["both"] * self.both_ways + [self.global_pool] * bool(self.global_pool)
        parts += [f"{activation}{size}" for size, activation in self.dense]
        front = f"embedding{self.embedding}" if self.embedding else f"in{self.inputs}"
        return "-".join([front, *parts, "every" if self.every_step else "last"])


def one_of_each_cell() -> list[Network]:
    return [Network((name,), (7,)) for name in all_cells()]


GRU = Network(("gru",), (7,))

STACKS = [
    Network(("lstm", "gru"), (6, 3), inputs=3, dense=((6, "relu"), (5, "softmax"))),
    Network(("gru", "gru"), (4, 5), dense=((3, "tanh"),), every_step=True),
    Network(("lstm",), (7,), embedding=6),
    Network(("gru",), (8,), embedding=3, dense=((4, "linear"),), every_step=True),
    Network(("simple_rnn",), (1,), inputs=1, dense=((1, "sigmoid"),)),
    Network(("gru",), (9,), inputs=2, dense=()),
    Network(("lstm", "simple_rnn"), (5, 4), inputs=1, dense=((3, "sigmoid"), (2, "linear")), every_step=True),
    Network(("min_gru", "fast_grnn", "mgu"), (6, 5, 4), dense=((3, "linear"),), every_step=True),
    Network(("gru",), (6,), inputs=3, front=(Conv(5, 3, pool=("max", 2)),)),
    Network(("lstm",), (5,), inputs=4, front=(Conv(6, 2, 2, "tanh"), Conv(4, 1, 1, "linear")), every_step=True),
    Network(("gru", "mgu"), (5, 4), front=(Conv(4, 3, pool=("sum", 2)), Conv(3, 2, 1, "sigmoid")), global_pool="max"),
    Network(("gru",), (7,), inputs=2, global_pool="sum", dense=((3, "linear"),)),
    Network(("lstm",), (5,), inputs=3, both_ways=True, dense=((3, "relu"), (4, "softmax"))),
]

NETWORKS = [*one_of_each_cell(), *STACKS]


def float_model(network: Network, seed: int = 0, gain: float = 1.0, name: str = "net") -> FloatModel:
    """Random weights: `gain` 1 keeps gates in their linear range, larger ones saturate them."""
    rng = np.random.default_rng(seed)
    layers: list[Layer] = []
    width = network.inputs
    if network.embedding:
        width = network.embedding
        layers.append(EmbeddingLayer("embedding0", rng.normal(size=(VOCABULARY, width))))
    for index, conv in enumerate(network.front):
        linear = _linear(conv.filters, conv.kernel * width, rng, 1.5 * gain)
        layers.append(ConvLayer(f"conv{index}", index, linear, width, conv.stride, conv.activation))
        layers += [PoolLayer(f"pool{index}", conv.pool[1], conv.pool[0])] if conv.pool else []
        width = conv.filters
    for index, (cell_name, units) in enumerate(zip(network.cells, network.units, strict=True)):
        layers.append(_recurrent(cell_name, index, width, units, rng, gain))
        if network.both_ways:
            sides = [_recurrent(cell_name, side, width, units, rng, gain) for side in (0, 1)]
            layers[-1] = BidirectionalLayer("bidirectional0", *sides)
        width = units * (1 + network.both_ways)
    if network.global_pool:
        layers.append(GlobalPoolLayer("pool9", width, network.global_pool))
    for index, (size, activation) in enumerate(network.dense):
        layers.append(DenseLayer(f"dense{index}", _linear(size, width, rng, 2.0), activation))
        width = size
    numeric = not network.embedding
    mean = rng.normal(size=network.inputs) if numeric else np.zeros(1)
    deviation = rng.uniform(0.5, 2.0, network.inputs) if numeric else np.ones(1)
    rows = Rows(math.prod(conv.rate for conv in network.front), network.both_ways)
    mean, deviation = (np.tile(one, 2 if rows.mirrored else rows.rate) for one in (mean, deviation))
    return FloatModel(name, len(mean), mean, deviation, tuple(layers), network.every_step, rows)


def _recurrent(name: str, index: int, width: int, units: int, rng: np.random.Generator, gain: float) -> RecurrentLayer:
    cell = all_cells()[name]
    products = random_products(cell, width, units, rng, gain)
    constants = {
        name: constant.value(constant.start + rng.normal(size=units) * 0.3) for name, constant in cell.constants.items()
    }
    return RecurrentLayer(f"{cell.name}{index}", index, cell, units, products, constants)


def random_products(cell: Cell, width: int, units: int, rng: np.random.Generator, gain: float) -> dict[str, Linear]:
    return {
        name: _linear(len(product.gates) * units, product.columns(width, units), rng, 1.5 * gain)
        for name, product in cell.products.items()
    }


def _linear(rows: int, columns: int, rng: np.random.Generator, gain: float) -> Linear:
    return Linear(rng.normal(size=(rows, columns)) * gain / np.sqrt(columns), rng.normal(size=rows) * 0.3)


def samples(
    model: FloatModel, count: int = 32, steps: int = 30, seed: int = 1
) -> tuple[NDArray[np.generic], NDArray[np.int64]]:
    """Raw sequences `[count, steps, inputs]` and their lengths."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, steps + 1, count)
    lengths[0] = steps
    if model.vocabulary is not None:
        return rng.integers(0, model.vocabulary, (count, steps, 1)).astype(np.int32), lengths
    return (rng.normal(size=(count, steps, model.inputs)) * model.deviation + model.mean).astype(np.float32), lengths


def movements(model: FloatModel, seed: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Sequences of twelve channels that three movements make, as sensors on one body have them."""
    rng = np.random.default_rng(seed)
    three = np.cumsum(rng.normal(size=(64, 20, 3)), axis=1) / 3
    mixed = three @ np.random.default_rng(0).normal(size=(3, 12)) + 0.1 * rng.normal(size=(64, 20, 12))
    return mixed * model.deviation + model.mean, np.full(64, 20)


def program(
    network: Network,
    scheme: str = "int8",
    output: str = "int16",
    seed: int = 0,
    gain: float = 1.0,
    weight_bits: int = 8,
) -> Program:
    model = float_model(network, seed, gain)
    classes = [f"class {i}" for i in range(network.dense[-1][0])] if network.dense else []
    ranges = calibrate(model, *samples(model), weight_bits=weight_bits)
    return quantize(model, ranges, scheme, output, classes, weight_bits=weight_bits)


def golden_program() -> Program:
    """The golden GRU (16 inputs, 32 units, gates at 2^-12) from its committed integers."""
    golden = np.load(GOLDEN, allow_pickle=False)
    made = program(Network(("gru",), (32,), inputs=16, dense=()))
    constants = {
        "input_mean": np.zeros(16),
        "input_deviation": np.ones(16),
        **{
            f"gru0_g{operand}_{role}": golden[key]
            for operand in "xh"
            for role, key in (("weight", f"W{operand}"), ("bias", f"b{operand}"), ("scale", f"W{operand}_scale"))
        },
    }
    gate = made.values["gru0_gx"].scale
    values = {
        name: replace(value, scale=2.0**-12) if value.scale == gate else value for name, value in made.values.items()
    }
    values["x"] = replace(values["x"], scale=float(golden["input_scale"]), zero_point=0)
    return check(replace(made, name="golden", constants=constants, values=values))
