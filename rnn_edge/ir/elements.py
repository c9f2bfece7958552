"""Rules and meanings of the operations that work element by element or move elements."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from ..errors import ProgramError
from . import arithmetic
from .arithmetic import IntArray
from .program import Op, Program, Value

Meaning = Callable[..., IntArray]

UNIT_SCALE = 2.0**-15
"""Scale of everything bounded by one: gates, hidden states."""


def values(program: Program, op: Op) -> tuple[list[Value], Value]:
    return [program.values[name] for name in op.inputs], program.values[op.output]


def require(condition: bool, op: Op, sentence: str) -> None:
    if not condition:
        raise ProgramError(f"Operation {op.output!r} ({op.kind}): {sentence}; export the model again.")


def require_int16(op: Op, *values: Value) -> None:
    for value in values:
        require(value.dtype == "int16" and value.zero_point == 0, op, f"{value.name!r} must be int16 around zero")


def require_size(op: Op, output: Value, *inputs: Value) -> None:
    for value in inputs:
        require(value.size == output.size, op, f"{value.name!r} has {value.size} elements, not {output.size}")


# element by element

_OF_ONE_INT16: dict[str, Callable[[IntArray, int], IntArray]] = {
    "rescale": lambda x, shift: arithmetic.saturate(arithmetic.shift_round(x, shift), 8),
    "shift": arithmetic.shift_round,  # at most half of x: nothing saturates
    "sigmoid": arithmetic.sigmoid,
    "tanh": arithmetic.tanh,
}


@cache
def tabulated(kind: str, parameter: int) -> Meaning:
    """A function of one int16, computed once for all of them: the interpreter then only looks up."""
    results = _OF_ONE_INT16[kind](np.arange(-32768, 32768), parameter)
    return lambda x: results[x + 32768]


def sum_rule(program: Program, op: Op) -> None:
    (a, b), y = values(program, op)
    require_int16(op, a, b, y)
    require_size(op, y, a, b)
    require(a.scale == b.scale == y.scale, op, "all scales must be equal")
    _ = y.fraction


def mul_shift(program: Program, op: Op) -> int:
    """Bits by which a mul shifts its product."""
    (a, b), y = values(program, op)
    return a.fraction + b.fraction - y.fraction


def mul_rule(program: Program, op: Op) -> None:
    (a, b), y = values(program, op)
    require_int16(op, a, b, y)
    require_size(op, y, a, b)
    require(1 <= mul_shift(program, op) <= 30, op, f"shift {mul_shift(program, op)} is outside 1 to 30")


def mul(program: Program, op: Op) -> Meaning:
    shift = mul_shift(program, op)
    return lambda a, b: arithmetic.saturate(arithmetic.shift_round(a * b, shift), 16)


def rescale_shift(program: Program, op: Op) -> int:
    """Bits by which a rescale or a shift shifts its input."""
    (x,), y = values(program, op)
    return Value("ratio", "int16", 1, x.scale / y.scale).fraction


def rescale_rule(program: Program, op: Op) -> None:
    (x,), y = values(program, op)
    require_int16(op, x)
    require(y.dtype == "int8" and y.zero_point == 0, op, f"{y.name!r} must be int8 around zero")
    require_size(op, y, x)
    require(1 <= rescale_shift(program, op) <= 15, op, f"shift {rescale_shift(program, op)} is outside 1 to 15")


def rescale(program: Program, op: Op) -> Meaning:
    return tabulated(op.kind, rescale_shift(program, op))


def shift_rule(program: Program, op: Op) -> None:
    (x,), y = values(program, op)
    require_int16(op, x, y)
    require_size(op, y, x)
    require(1 <= rescale_shift(program, op) <= 15, op, f"shift {rescale_shift(program, op)} is outside 1 to 15")


def curve_rule(program: Program, op: Op) -> None:
    (x,), y = values(program, op)
    require_int16(op, x, y)
    require_size(op, y, x)
    require(y.scale == UNIT_SCALE, op, f"output scale must be 2^-15, not {y.scale!r}")
    require(0 <= x.fraction <= 12, op, f"input scale must be 2^0 to 2^-12, not {x.scale!r}")


def sigmoid(program: Program, op: Op) -> Meaning:
    return tabulated("sigmoid", program.values[op.inputs[0]].fraction)


def tanh(program: Program, op: Op) -> Meaning:
    return tabulated("tanh", program.values[op.inputs[0]].fraction)


def maximum_rule(program: Program, op: Op) -> None:
    (a, b), y = values(program, op)
    require_int16(op, a, b, y)
    require_size(op, y, a, b)
    require(a.scale == b.scale == y.scale, op, "all scales must be equal")


def relu_rule(program: Program, op: Op) -> None:
    (x,), y = values(program, op)
    require_int16(op, x, y)
    require_size(op, y, x)
    require(x.scale == y.scale, op, "both scales must be equal")


# moving elements


def slice_rule(program: Program, op: Op) -> None:
    """An int8 slice is one of the input alone: what a step computes in int8 has a layout of its own in C."""
    (x,), y = values(program, op)
    if x.name != program.input or x.dtype != "int8":
        require_int16(op, x, y)
    require(x.scale == y.scale, op, "both scales must be equal")
    require((x.dtype, x.zero_point) == (y.dtype, y.zero_point), op, "both formats must be equal")
    require(
        op.begin >= 0 and op.begin + y.size <= x.size, op, f"elements {op.begin} to {op.begin + y.size} of {x.size}"
    )


def slice(program: Program, op: Op) -> Meaning:
    end = op.begin + program.values[op.output].size
    return lambda x: x[:, op.begin : end]


def concat_rule(program: Program, op: Op) -> None:
    (a, b), y = values(program, op)
    require_int16(op, a, b, y)
    require(y.size == a.size + b.size, op, f"{a.size} and {b.size} elements are not {y.size}")
    require(a.scale == b.scale == y.scale, op, "all scales must be equal")


def widen_rule(program: Program, op: Op) -> None:
    """Of the input alone, as an int8 slice."""
    (x,), y = values(program, op)
    require(x.name == program.input and x.dtype == "int8", op, f"{x.name!r} must be an int8 input")
    require(x.zero_point == 0, op, f"{x.name!r} must lie around zero")
    require_int16(op, y)
    require_size(op, y, x)
    require(x.scale == y.scale, op, "both scales must be equal")


def gather_rule(program: Program, op: Op) -> None:
    (token,), y = values(program, op)
    table = program.constants[op.constants[0]]
    require(token.dtype == "int32" and token.size == 1, op, f"{token.name!r} must be one int32 token")
    require(y.dtype == "int8" and y.zero_point == 0, op, f"{y.name!r} must be int8 around zero")
    require(
        table.dtype == np.int8 and table.ndim == 2 and table.shape[1] == y.size and len(table) > 0,
        op,
        f"the table must be int8[tokens, {y.size}]",
    )


def gather(program: Program, op: Op) -> Meaning:
    table = program.constants[op.constants[0]].astype(np.int64)
    return lambda token: table[token[:, 0]]
