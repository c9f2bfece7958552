"""The operations of a program, one entry each: what it takes, what it computes, what bounds it must keep.

`rule` raises ProgramError where the formats do not fit; `prepare` returns the function from int64 arrays `[batch, n]`
to an int64 array `[batch, n]`, which is the meaning of the operation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import arithmetic, elements
from .arithmetic import IntArray
from .elements import Meaning, require, require_int16, values
from .program import Op, Program, Value


class Requantization(NamedTuple):
    """Per row of a matvec: accumulator * r * 2^-t, and the proven bound of |accumulator|."""

    r: IntArray
    t: IntArray
    bound: IntArray


@dataclass(frozen=True)
class Kind:
    """One row of the operation table."""

    inputs: int
    constants: int
    formula: str  # one line of docs/semantics.md
    ranges: str
    rule: Callable[[Program, Op], None]
    prepare: Callable[[Program, Op], Meaning]
    elementwise: bool = True  # element i of the output reads element i of the inputs and nothing else


# matvec


def requantization(
    weight: IntArray, bias: IntArray, row_scale: NDArray[np.float32], x: Value, y_scale: float
) -> Requantization:
    """Multipliers and bounds of a matvec, in double arithmetic on float32 scales as TensorFlow Lite computes them."""
    pairs = [arithmetic.requantize_multiplier(x.scale * float(scale) / y_scale) for scale in row_scale]
    r, t = (np.array(column, dtype=np.int64) for column in zip(*pairs, strict=True))
    largest = 128 if x.dtype == "int8" else 32768
    return Requantization(r, t, np.abs(weight.astype(np.int64)).sum(axis=1) * largest + np.abs(bias))


def faulty_rows(rows: Requantization) -> IntArray:
    """Indices of rows that could overflow in some runtime: none in a legal program.

    |acc| < 2^31 keeps C in int32; 1 <= t <= 46 is the range all runtimes share; the kernels cut to 32 bits before
    they saturate, CMSIS-NN one bit early: hence t - 1.
    """
    legal = (rows.bound < 1 << 31) & (rows.t >= 1) & (rows.t <= 46)
    t = np.clip(rows.t, 1, 46)
    rounded = np.minimum(rows.bound, 1 << 31) * rows.r + (np.int64(1) << (t - 1))
    legal &= rounded >> (t - 1) < 1 << 31
    return np.flatnonzero(~legal)


def op_requantization(program: Program, op: Op) -> Requantization:
    """The requantization of a matvec of the program."""
    weight, bias, row_scale = (program.constants[name] for name in op.constants)
    (x,), y = values(program, op)
    return requantization(weight, bias, row_scale, x, y.scale)


def _matvec_rule(program: Program, op: Op) -> None:
    (x,), y = values(program, op)
    weight, bias, row_scale = (program.constants[name] for name in op.constants)
    require(x.dtype in ("int8", "int16"), op, f"{x.name!r} is {x.dtype}, not int8 or int16")
    require_int16(op, y)
    require(
        weight.dtype == np.int8 and weight.shape == (y.size, x.size), op, f"weight must be int8[{y.size}, {x.size}]"
    )
    require(bias.dtype == np.int64 and bias.shape == (y.size,), op, f"bias must be int64[{y.size}]")
    require(row_scale.dtype == np.float32 and row_scale.shape == (y.size,), op, f"scale must be float32[{y.size}]")
    require(bool(np.all(np.isfinite(row_scale) & (row_scale > 0))), op, "row scales must be finite and positive")
    require(bool(np.all(weight > -128)), op, "weights must lie in -127 to 127")
    require(bool(np.all((bias > -(1 << 31)) & (bias < 1 << 31))), op, "biases must fit 32 bits")
    faulty = faulty_rows(op_requantization(program, op))
    require(not len(faulty), op, f"row {faulty[0] if len(faulty) else ''} could overflow an accumulator of 32 bits")


def _matvec(program: Program, op: Op) -> Meaning:
    """In float64, whose products are many times faster and exact: integers of which every partial sum is below 2^31."""
    weight, bias, _ = (program.constants[name] for name in op.constants)
    columns, (r, t, _) = np.ascontiguousarray(weight.T, np.float64), op_requantization(program, op)
    return lambda x: arithmetic.requantize((x.astype(np.float64) @ columns).astype(np.int64) + bias, r, t)


KINDS: dict[str, Kind] = {
    "matvec": Kind(
        1,
        3,
        "y = sat16(((W @ x + b) * r + 2^(t-1)) >> t), per row r * 2^-t ~ s_x * s_W / s_y, 2^14 <= r < 2^15",
        "|W @ x + b| < 2^31 proven per row; 1 <= t <= 46; (bound * r + 2^(t-1)) >> (t-1) < 2^31",
        _matvec_rule,
        _matvec,
        elementwise=False,
    ),
    "add": Kind(
        2,
        0,
        "y = sat16(a + b)",
        "equal power-of-two scales",
        elements.sum_rule,
        lambda program, op: lambda a, b: arithmetic.saturate(a + b, 16),
    ),
    "sub": Kind(
        2,
        0,
        "y = sat16(a - b)",
        "equal power-of-two scales",
        elements.sum_rule,
        lambda program, op: lambda a, b: arithmetic.saturate(a - b, 16),
    ),
    "mul": Kind(
        2,
        0,
        "y = sat16(shift_round(a * b, f_a + f_b - f_y)), scales 2^-f",
        "1 <= f_a + f_b - f_y <= 30; |a * b| <= 2^30",
        elements.mul_rule,
        elements.mul,
    ),
    "rescale": Kind(
        1,
        0,
        "y = sat8(shift_round(x, s)), s_x / s_y = 2^-s",
        "1 <= s <= 15",
        elements.rescale_rule,
        elements.rescale,
    ),
    "shift": Kind(
        1, 0, "y = shift_round(x, s), s_x / s_y = 2^-s", "1 <= s <= 15", elements.shift_rule, elements.rescale
    ),
    "sigmoid": Kind(
        1,
        0,
        "y = sigmoid(x) at 2^-15, interpolated in the table SIGMOID",
        "x at 2^-p, 0 <= p <= 12",
        elements.curve_rule,
        elements.sigmoid,
    ),
    "tanh": Kind(
        1,
        0,
        "y = tanh(x) at 2^-15, interpolated in the table SIGMOID",
        "x at 2^-p, 0 <= p <= 12",
        elements.curve_rule,
        elements.tanh,
    ),
    "relu": Kind(
        1, 0, "y = max(x, 0)", "equal scales", elements.relu_rule, lambda program, op: lambda x: np.maximum(x, 0)
    ),
    "maximum": Kind(2, 0, "y = max(a, b)", "equal scales", elements.maximum_rule, lambda program, op: np.maximum),
    "slice": Kind(1, 0, "y = x[begin : begin + n]", "inside x", elements.slice_rule, elements.slice, elementwise=False),
    "concat": Kind(
        2,
        0,
        "y = a, then b",
        "equal scales",
        elements.concat_rule,
        lambda program, op: lambda a, b: np.concatenate([a, b], axis=1),
        elementwise=False,
    ),
    "widen": Kind(
        1,
        0,
        "y = x, int8 to int16",
        "equal scales, zero point 0",
        elements.widen_rule,
        lambda program, op: lambda x: x,
        False,
    ),
    "gather": Kind(
        1,
        1,
        "y = table[token]",
        "0 <= token < rows of the table, kept by the caller",
        elements.gather_rule,
        elements.gather,
        elementwise=False,
    ),
}
