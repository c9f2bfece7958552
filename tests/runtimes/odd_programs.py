"""Programs that no cell makes: any scale, size and fraction, uneven slices; and single operations at full width."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnn_edge.cells import Linear
from rnn_edge.ir.check import check
from rnn_edge.ir.program import Op, Program, State, Value
from rnn_edge.quantize_weights import quantize_rows


@dataclass(frozen=True)
class Shape:
    """What `odd_program` is made of; fractions p stand for scales 2^-p."""

    inputs: int
    units: int
    extra: int
    wide: bool  # int16 input
    x_scale: float
    gate: int
    state: int
    product: int
    narrowing: int
    weights: float  # magnitude of the weights
    every_step: bool
    seed: int


def odd_program(shape: Shape) -> Program:
    """One state; UserError where the weights cannot be quantized, ProgramError where a shift is out of range."""
    n, rng = shape.units, np.random.default_rng(shape.seed)
    state, gate, product = 2.0**-shape.state, 2.0**-shape.gate, 2.0**-shape.product
    values = [
        Value("x", "int16" if shape.wide else "int8", shape.inputs, shape.x_scale),
        Value("h0", "int16", n, state),
        Value("g", "int16", n + shape.extra, gate),
        *(Value(name, "int16", n, gate) for name in "ab"),
        *(Value(name, "int16", n, 2.0**-15) for name in "st"),
        *(Value(name, "int16", n, product) for name in ("m", "k", "d", "r")),
        *(Value(name, "int16", n, state) for name in ("q", "h0_next")),
        Value("y8", "int8", n, state * 2.0**shape.narrowing),
    ]
    formats = {value.name: value for value in values}
    weight = rng.normal(size=(n + shape.extra, shape.inputs)) * shape.weights
    weight[0] = 0  # an empty row
    rows = quantize_rows(Linear(weight, rng.normal(size=n + shape.extra) * shape.weights), formats["x"], gate, "g")
    begin = int(rng.integers(shape.extra + 1))
    ops = [
        Op("matvec", "g", ("x",), ("g_weight", "g_bias", "g_scale")),
        Op("slice", "a", ("g",), (), begin),
        Op("slice", "b", ("g",), (), shape.extra - begin),
        Op("sigmoid", "s", ("a",)),
        Op("tanh", "t", ("b",)),
        Op("mul", "m", ("s", "h0")),
        Op("mul", "k", ("t", "s")),
        Op("sub", "d", ("m", "k")),
        Op("relu", "r", ("d",)),
        Op("mul", "q", ("d", "t")),
        Op("add", "h0_next", ("q", "h0")),
        Op("rescale", "y8", ("h0_next",)),
    ]
    constants: dict[str, NDArray[np.generic]] = {"g_weight": rows[0], "g_bias": rows[1], "g_scale": rows[2]}
    return _program(formats, constants, ops, "y8", shape.every_step)


def _program(
    values: dict[str, Value], constants: dict[str, NDArray[np.generic]], ops: list[Op], output: str, every_step: bool
) -> Program:
    size = values["x"].size
    return check(
        Program(
            name="odd",
            scheme="int8",
            values=values,
            constants={**constants, "input_mean": np.zeros(size), "input_deviation": np.ones(size)},
            ops=tuple(ops),
            body_ops=len(ops) if every_step else len(ops) - 1,
            input="x",
            states=(State("h0", "h0_next"),),
            output=output,
            every_step=every_step,
            softmax=False,
            classes=(),
            raw_unit=1.0,
        )
    )


def all_inputs_program(fraction: int) -> Program:
    """Sigmoid, tanh, every rescale and products of a state that holds every int16 at 2^-`fraction`."""
    size = 1 << 16
    scale = 2.0**-fraction
    formats = {
        "x": Value("x", "int8", 1, 1.0),
        **{name: Value(name, "int16", size, scale) for name in ("h0", "h0_next")},
        **{name: Value(name, "int16", size, 2.0**-15) for name in ("s", "t")},
    }
    ops = [Op("sigmoid", "s", ("h0",)), Op("tanh", "t", ("h0",))]
    for shift in range(1, 16):
        formats[f"n{shift}"] = Value(f"n{shift}", "int8", size, scale * 2.0**shift)
        ops.append(Op("rescale", f"n{shift}", ("h0",)))
    for shift in (1, 2, 7, 14, 15, 16, 29, 30):
        formats[f"m{shift}"] = Value(f"m{shift}", "int16", size, 2.0 ** (shift - fraction - 15))
        ops.append(Op("mul", f"m{shift}", ("h0", "s")))
        formats[f"q{shift}"] = Value(f"q{shift}", "int16", size, 2.0 ** (shift - 2 * fraction))
        ops.append(Op("mul", f"q{shift}", ("h0", "h0")))
    return _program(formats, {}, [*ops, Op("relu", "h0_next", ("h0",))], "h0_next", True)
