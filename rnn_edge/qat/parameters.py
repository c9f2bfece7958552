"""The integers of a program that training moves, and the real numbers that they stand for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..ir.arithmetic import IntArray
from ..ir.program import Op, Program
from ..ir.short_rows import LARGEST_BIAS, LARGEST_WEIGHT, TABLE_STEP, bias_shift

Reals = NDArray[np.float64]


class _Part(NamedTuple):
    """One array: its integers, the least and the most that each may become, and how much one is as a real number."""

    now: IntArray
    least: IntArray
    most: IntArray
    step: Reals


@dataclass(frozen=True)
class Parameters:
    """Weights, biases and embeddings of a program, one after the other `[n]`.

    `now`, `least` and `most` are int64: what each is, and what it may become; one more adds `step` to the real number.
    A `free` one is a bias, which may move by many at once. `shapes`: of the arrays, in their order. `bits` of a weight.
    """

    bits: int
    shapes: Mapping[str, tuple[int, ...]]
    now: IntArray
    least: IntArray
    most: IntArray
    step: Reals
    free: NDArray[np.bool_]

    def joined(self, arrays: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        """Arrays `[batch, ...]` as `[batch, n]`."""
        return np.concatenate([arrays[name].reshape(len(arrays[name]), -1) for name in self.shapes], axis=1)

    def parted(self, flat: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """`[n]` as arrays."""
        sizes = [int(np.prod(shape)) for shape in self.shapes.values()]
        parts = np.split(flat, np.cumsum(sizes)[:-1])
        return {name: part.reshape(shape) for (name, shape), part in zip(self.shapes.items(), parts, strict=True)}


def parameters_of(program: Program, bits: int) -> Parameters:
    """All that training moves in a program with weights of 8 or 4 bits.

    The largest weight of 8 bits in a row stays: the scale of the row is made from it, when the program is made again.
    """
    parts: dict[str, _Part] = {}
    for op in _learned(program).values():
        output = program.values[op.output]
        if op.kind == "gather":
            table, step = program.constants[op.constants[0]].astype(np.int64), _element_step(bits)
            parts[op.constants[0]] = _weights(table // step, np.full(table.shape, step * output.scale), bits)
            continue
        weight, bias, scale = (program.constants[name] for name in op.constants)
        real = scale.astype(np.float64)
        steps = np.broadcast_to(real[:, None], weight.shape)
        parts[op.constants[0]] = _weights(weight.astype(np.int64), steps, bits)
        shift, most = _bias_format(bias, bits)
        parts[op.constants[1]] = _Part(
            bias.astype(np.int64) >> shift,
            np.full(bias.shape, -most),
            np.full(bias.shape, most),
            real * program.values[op.inputs[0]].scale * (1 << shift),
        )
    biases = {op.constants[1] for op in _learned(program).values() if op.kind == "matvec"}
    free = [np.full(part.now.size, name in biases) for name, part in parts.items()]
    now, least, most, step = (
        np.concatenate([array.ravel() for array in arrays]) for arrays in zip(*parts.values(), strict=True)
    )
    shapes = {name: part.now.shape for name, part in parts.items()}
    return Parameters(bits, shapes, now, least, most, step, np.concatenate(free))


def _weights(now: IntArray, step: Reals, bits: int) -> _Part:
    most = LARGEST_WEIGHT if bits == 4 else 126
    ends = np.abs(now) > most
    return _Part(now, np.where(ends, now, -most), np.where(ends, now, most), step)


def moved(program: Program, parameters: Parameters, by: IntArray) -> Program:
    """The program whose parameters have gone as far as `by` `[n]` says.

    Where the zero of an operand is another integer, its share in the bias follows the weights.
    """
    constants, moves, bits = dict(program.constants), parameters.parted(by), parameters.bits
    for op in _learned(program).values():
        now = constants[op.constants[0]]
        change = moves[op.constants[0]] * (_element_step(bits) if op.kind == "gather" else 1)
        constants[op.constants[0]] = (now + change).astype(now.dtype)
        if op.kind == "matvec":
            bias = constants[op.constants[1]]
            shift, most = _bias_format(bias, bits)
            share = np.rint(program.values[op.inputs[0]].zero_point * change.sum(axis=1) / (1 << shift))
            steps = (bias.astype(np.int64) >> shift) + moves[op.constants[1]] - share.astype(np.int64)
            constants[op.constants[1]] = (np.clip(steps, -most, most) << shift).astype(bias.dtype)
    return replace(program, constants=constants)


def real_arrays(program: Program) -> dict[str, Reals]:
    """Weights, biases and embeddings as the real numbers that the integers stand for, by the names of the constants."""
    found: dict[str, Reals] = {}
    for op in _learned(program).values():
        if op.kind == "gather":
            found[op.constants[0]] = program.constants[op.constants[0]] * program.values[op.output].scale
            continue
        weight, bias, scale = (program.constants[name].astype(np.float64) for name in op.constants)
        x = program.values[op.inputs[0]]
        found[op.constants[0]] = weight * scale[:, None]
        found[op.constants[1]] = (bias + x.zero_point * weight.sum(axis=1)) * scale * x.scale
    return found


def _learned(program: Program) -> dict[str, Op]:
    """Name of weights -> the first operation that holds them. Weights of zeros alone hold a constant of a cell."""
    found: dict[str, Op] = {}
    for op in program.ops:
        if op.kind in ("matvec", "gather") and program.constants[op.constants[0]].any():
            found.setdefault(op.constants[0], op)
    return found


def _element_step(bits: int) -> int:
    """Between two elements of an embedding."""
    return TABLE_STEP if bits == 4 else 1


def _bias_format(bias: NDArray[Any], bits: int) -> tuple[int, int]:
    """A bias is at most so many times 2^shift: shift, and how many."""
    return (bias_shift(bias.astype(np.int64)), LARGEST_BIAS) if bits == 4 else (0, 1 << 30)
