"""The operations of a program, one entry each: what it takes, what it computes, what bounds it must keep.

`rule` raises ProgramError where the formats do not fit; `prepare` returns the function from int64 arrays `[batch, n]`
to an int64 array `[batch, n]`, which is the meaning of the operation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import ProgramError
from . import arithmetic
from .arithmetic import IntArray
from .program import Op, Program, Value

Meaning = Callable[..., IntArray]

UNIT_SCALE = 2.0**-15
"""Scale of everything bounded by one: gates, hidden states."""


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


def _values(program: Program, op: Op) -> tuple[list[Value], Value]:
    return [program.values[name] for name in op.inputs], program.values[op.output]


def _require(condition: bool, op: Op, sentence: str) -> None:
    if not condition:
        raise ProgramError(f"Operation {op.output!r} ({op.kind}): {sentence}; export the model again.")


def _require_int16(op: Op, *values: Value) -> None:
    for value in values:
        _require(value.dtype == "int16" and value.zero_point == 0, op, f"{value.name!r} must be int16 around zero")


def _require_size(op: Op, output: Value, *inputs: Value) -> None:
    for value in inputs:
        _require(value.size == output.size, op, f"{value.name!r} has {value.size} elements, not {output.size}")


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
    (x,), y = _values(program, op)
    return requantization(weight, bias, row_scale, x, y.scale)


def _matvec_rule(program: Program, op: Op) -> None:
    (x,), y = _values(program, op)
    weight, bias, row_scale = (program.constants[name] for name in op.constants)
    _require(x.dtype in ("int8", "int16"), op, f"{x.name!r} is {x.dtype}, not int8 or int16")
    _require_int16(op, y)
    _require(
        weight.dtype == np.int8 and weight.shape == (y.size, x.size), op, f"weight must be int8[{y.size}, {x.size}]"
    )
    _require(bias.dtype == np.int64 and bias.shape == (y.size,), op, f"bias must be int64[{y.size}]")
    _require(row_scale.dtype == np.float32 and row_scale.shape == (y.size,), op, f"scale must be float32[{y.size}]")
    _require(bool(np.all(np.isfinite(row_scale) & (row_scale > 0))), op, "row scales must be finite and positive")
    _require(bool(np.all(weight > -128)), op, "weights must lie in -127 to 127")
    _require(bool(np.all((bias > -(1 << 31)) & (bias < 1 << 31))), op, "biases must fit 32 bits")
    faulty = faulty_rows(op_requantization(program, op))
    _require(not len(faulty), op, f"row {faulty[0] if len(faulty) else ''} could overflow an accumulator of 32 bits")


def _matvec(program: Program, op: Op) -> Meaning:
    """In float64, whose products are many times faster and exact: integers of which every partial sum is below 2^31."""
    weight, bias, _ = (program.constants[name] for name in op.constants)
    columns, (r, t, _) = np.ascontiguousarray(weight.T, np.float64), op_requantization(program, op)
    return lambda x: arithmetic.requantize((x.astype(np.float64) @ columns).astype(np.int64) + bias, r, t)


# element by element

_OF_ONE_INT16: dict[str, Callable[[IntArray, int], IntArray]] = {
    "rescale": lambda x, shift: arithmetic.saturate(arithmetic.shift_round(x, shift), 8),
    "sigmoid": arithmetic.sigmoid,
    "tanh": arithmetic.tanh,
}


@cache
def _tabulated(kind: str, parameter: int) -> Meaning:
    """A function of one int16, computed once for all of them: the interpreter then only looks up."""
    results = _OF_ONE_INT16[kind](np.arange(-32768, 32768), parameter)
    return lambda x: results[x + 32768]


def _sum_rule(program: Program, op: Op) -> None:
    (a, b), y = _values(program, op)
    _require_int16(op, a, b, y)
    _require_size(op, y, a, b)
    _require(a.scale == b.scale == y.scale, op, "all scales must be equal")
    _ = y.fraction


def mul_shift(program: Program, op: Op) -> int:
    """Bits by which a mul shifts its product."""
    (a, b), y = _values(program, op)
    return a.fraction + b.fraction - y.fraction


def _mul_rule(program: Program, op: Op) -> None:
    (a, b), y = _values(program, op)
    _require_int16(op, a, b, y)
    _require_size(op, y, a, b)
    _require(1 <= mul_shift(program, op) <= 30, op, f"shift {mul_shift(program, op)} is outside 1 to 30")


def _mul(program: Program, op: Op) -> Meaning:
    shift = mul_shift(program, op)
    return lambda a, b: arithmetic.saturate(arithmetic.shift_round(a * b, shift), 16)


def rescale_shift(program: Program, op: Op) -> int:
    """Bits by which a rescale shifts its input."""
    (x,), y = _values(program, op)
    return Value("ratio", "int16", 1, x.scale / y.scale).fraction


def _rescale_rule(program: Program, op: Op) -> None:
    (x,), y = _values(program, op)
    _require_int16(op, x)
    _require(y.dtype == "int8" and y.zero_point == 0, op, f"{y.name!r} must be int8 around zero")
    _require_size(op, y, x)
    _require(1 <= rescale_shift(program, op) <= 15, op, f"shift {rescale_shift(program, op)} is outside 1 to 15")


def _rescale(program: Program, op: Op) -> Meaning:
    return _tabulated("rescale", rescale_shift(program, op))


def _curve_rule(program: Program, op: Op) -> None:
    (x,), y = _values(program, op)
    _require_int16(op, x, y)
    _require_size(op, y, x)
    _require(y.scale == UNIT_SCALE, op, f"output scale must be 2^-15, not {y.scale!r}")
    _require(0 <= x.fraction <= 12, op, f"input scale must be 2^0 to 2^-12, not {x.scale!r}")


def _sigmoid(program: Program, op: Op) -> Meaning:
    return _tabulated("sigmoid", program.values[op.inputs[0]].fraction)


def _tanh(program: Program, op: Op) -> Meaning:
    return _tabulated("tanh", program.values[op.inputs[0]].fraction)


def _relu_rule(program: Program, op: Op) -> None:
    (x,), y = _values(program, op)
    _require_int16(op, x, y)
    _require_size(op, y, x)
    _require(x.scale == y.scale, op, "both scales must be equal")


# moving elements


def _slice_rule(program: Program, op: Op) -> None:
    (x,), y = _values(program, op)
    _require_int16(op, x, y)
    _require(x.scale == y.scale, op, "both scales must be equal")
    _require(
        op.begin >= 0 and op.begin + y.size <= x.size, op, f"elements {op.begin} to {op.begin + y.size} of {x.size}"
    )


def _slice(program: Program, op: Op) -> Meaning:
    end = op.begin + program.values[op.output].size
    return lambda x: x[:, op.begin : end]


def _gather_rule(program: Program, op: Op) -> None:
    (token,), y = _values(program, op)
    table = program.constants[op.constants[0]]
    _require(token.dtype == "int32" and token.size == 1, op, f"{token.name!r} must be one int32 token")
    _require(y.dtype == "int8" and y.zero_point == 0, op, f"{y.name!r} must be int8 around zero")
    _require(
        table.dtype == np.int8 and table.ndim == 2 and table.shape[1] == y.size and len(table) > 0,
        op,
        f"the table must be int8[tokens, {y.size}]",
    )


def _gather(program: Program, op: Op) -> Meaning:
    table = program.constants[op.constants[0]].astype(np.int64)
    return lambda token: table[token[:, 0]]


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
        _sum_rule,
        lambda program, op: lambda a, b: arithmetic.saturate(a + b, 16),
    ),
    "sub": Kind(
        2,
        0,
        "y = sat16(a - b)",
        "equal power-of-two scales",
        _sum_rule,
        lambda program, op: lambda a, b: arithmetic.saturate(a - b, 16),
    ),
    "mul": Kind(
        2,
        0,
        "y = sat16(shift_round(a * b, f_a + f_b - f_y)), scales 2^-f",
        "1 <= f_a + f_b - f_y <= 30; |a * b| <= 2^30",
        _mul_rule,
        _mul,
    ),
    "rescale": Kind(
        1,
        0,
        "y = sat8(shift_round(x, s)), s_x / s_y = 2^-s",
        "1 <= s <= 15",
        _rescale_rule,
        _rescale,
    ),
    "sigmoid": Kind(
        1,
        0,
        "y = sigmoid(x) at 2^-15, interpolated in the table SIGMOID",
        "x at 2^-p, 0 <= p <= 12",
        _curve_rule,
        _sigmoid,
    ),
    "tanh": Kind(
        1,
        0,
        "y = tanh(x) at 2^-15, interpolated in the table SIGMOID",
        "x at 2^-p, 0 <= p <= 12",
        _curve_rule,
        _tanh,
    ),
    "relu": Kind(1, 0, "y = max(x, 0)", "equal scales", _relu_rule, lambda program, op: lambda x: np.maximum(x, 0)),
    "slice": Kind(1, 0, "y = x[begin : begin + n]", "inside x", _slice_rule, _slice, elementwise=False),
    "gather": Kind(
        1,
        1,
        "y = table[token]",
        "0 <= token < rows of the table, kept by the caller",
        _gather_rule,
        _gather,
        elementwise=False,
    ),
}
