"""Is this program legal? Run right after a program is made or read; nothing runs or is written before."""

from __future__ import annotations

import math
import re

import numpy as np

from ..errors import ProgramError
from .ops import KINDS
from .program import DTYPES, SEMANTICS, Op, Program, Value
from .replies import fault_of_all

SCHEMES = ("int8", "int16x8")
_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_LIMIT_SIZE = 1 << 16


def check(program: Program) -> Program:
    """Return the program, or raise ProgramError with the first rule it breaks."""
    _require(program.semantics == SEMANTICS, f"has semantics version {program.semantics}, not {SEMANTICS}")
    _require(program.scheme in SCHEMES, f"has scheme {program.scheme!r}; known are {', '.join(SCHEMES)}")
    _require(_is_identifier(program.name), f"has the name {program.name!r}, which is no C identifier")
    _require(bool(program.ops) and bool(program.states), "has no operation or no state")
    for name, value in program.values.items():
        _check_value(name, value)
    _check_order(program)
    for op in program.ops:
        KINDS[op.kind].rule(program, op)
    _check_edges(program)
    _check_head(program)
    return program


def _require(condition: bool, sentence: str) -> None:
    if not condition:
        raise ProgramError(f"The program {sentence}; export the model again.")


def _is_identifier(name: object) -> bool:
    return isinstance(name, str) and len(name) <= 64 and _IDENTIFIER.fullmatch(name) is not None


def _check_value(name: str, value: Value) -> None:
    _require(name == value.name and _is_identifier(name), f"has a value named {name!r}, which is no C identifier")
    _require(value.dtype in DTYPES, f"has {name!r} of type {value.dtype!r}; known are {', '.join(DTYPES)}")
    _require(isinstance(value.size, int) and 1 <= value.size <= _LIMIT_SIZE, f"has {name!r} of size {value.size!r}")
    scale = value.scale
    finite = isinstance(scale, float) and math.isfinite(scale) and scale > 0 and float(np.float32(scale)) == scale
    _require(finite, f"has {name!r} with scale {scale!r}, which is no positive float32")
    zero_point = value.zero_point
    allowed = range(-128, 128) if value.dtype == "int8" else range(1)
    _require(isinstance(zero_point, int) and zero_point in allowed, f"has {name!r} with zero point {zero_point!r}")


def _check_order(program: Program) -> None:
    known = {program.input, *(state.name for state in program.states)}
    _require(len(known) == 1 + len(program.states), "names its input and states twice")
    for op in program.ops:
        _check_shape_of(op, program)
        missing = [name for name in op.inputs if name not in known]
        _require(not missing, f"reads {missing} in {op.output!r} before it is computed")
        _require(op.output not in known, f"computes {op.output!r} twice")
        known.add(op.output)
    _require(known == set(program.values), f"has values that nothing computes: {sorted(set(program.values) ^ known)}")
    _require(program.output in known, f"has an output {program.output!r} that nothing computes")


def _check_shape_of(op: Op, program: Program) -> None:
    _require(op.kind in KINDS, f"has an operation {op.kind!r}; known are {', '.join(KINDS)}")
    kind = KINDS[op.kind]
    _require(len(op.inputs) == kind.inputs, f"gives {op.kind} {len(op.inputs)} inputs, not {kind.inputs}")
    _require(len(op.constants) == kind.constants, f"gives {op.kind} {len(op.constants)} constants")
    _require(isinstance(op.begin, int), f"has a slice that begins at {op.begin!r}")
    missing = [name for name in op.constants if name not in program.constants]
    _require(not missing, f"names constants that are not there: {missing}")
    _require(op.output in program.values, f"computes {op.output!r}, which has no format")


def _check_edges(program: Program) -> None:
    for state in program.states:
        _require(state.next in program.values, f"has a state {state.name!r} whose next value is missing")
        old, new = program.values[state.name], program.values[state.next]
        same = (old.dtype, old.size, old.scale) == (new.dtype, new.size, new.scale) == ("int16", old.size, old.scale)
        _require(same and old.zero_point == 0, f"has a state {state.name!r} whose next value has another format")
        in_range = isinstance(state.start, int) and -32768 <= state.start <= 32767
        _require(in_range, f"has a state {state.name!r} that starts at {state.start!r}")
    _require(program.values[program.output].dtype != "int32", f"has tokens as its output {program.output!r}")
    gathered = any(op.kind == "gather" for op in program.ops)
    _require(program.values[program.input].dtype != "int32" or gathered, "takes tokens but has no table for them")
    if program.softmax:
        _require(program.values[program.output].zero_point == 0, "has softmax logits with a zero point")
    _require(len(program.classes) in (0, program.values[program.output].size), "has classes that do not fit its output")
    wrong = fault_of_all(program.replies, len(program.classes))
    _require(not wrong, f"has replies that {wrong}")
    for name in ("input_mean", "input_deviation"):
        array = program.constants.get(name)
        size = program.values[program.input].size
        fits = array is not None and array.dtype == np.float64 and array.shape == (size,) and np.isfinite(array).all()
        _require(bool(fits), f"has no finite float64[{size}] {name!r}")
    _require(bool(np.all(program.constants["input_deviation"] > 0)), "has an input deviation that is not positive")
    size = program.values[program.input].size
    fits = isinstance(program.rate, int) and program.rate >= 1 and size % program.rate == 0
    _require(fits, f"has a rate of {program.rate!r} rows, which {size} inputs are not made of")
    fits = isinstance(program.mirrored, bool) and (not program.mirrored or (size % 2 == 0 and program.rate == 1))
    _require(fits, "reads rows from both ends, which its inputs are not made of")
    _require(math.isfinite(program.raw_unit) and program.raw_unit > 0, f"has a raw unit {program.raw_unit!r}")


def _check_head(program: Program) -> None:
    _require(0 < program.body_ops <= len(program.ops), f"has a body of {program.body_ops!r} operations")
    head = program.ops[program.body_ops :]
    given = {state.next for state in program.states} | {op.output for op in head}
    outside = sorted({name for op in head for name in op.inputs} - given)
    _require(not outside, f"has a head that reads {outside}, which are no next states")
    if program.every_step:
        _require(program.output not in {op.output for op in head}, "computes the output of every step in its head")
    else:
        _require(program.output in given, f"has an output {program.output!r} that does not follow from its next states")
