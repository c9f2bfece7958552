"""Endless inputs for a device that nobody resets: its own data, and the hardest that its input format can hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..cells import FloatArray
from ..ir.arithmetic import IntArray
from ..ir.program import Program
from ..ir.quantize_input import from_float

_BLOCK = 5000  # steps that are made at once
_MOST_HELD = 200  # steps for which `switched` keeps one end of the range


@dataclass(frozen=True)
class Sequences:
    """Test sequences `[batch, steps, inputs]` of `lengths` real steps."""

    x: NDArray[np.generic]
    lengths: NDArray[np.int64]


@dataclass(frozen=True)
class Stream:
    """`take(n)`: the next n inputs as integers `[n, inputs]`, and the physical values that they stand for or that the
    sensor gave."""

    name: str
    meaning: str
    take: Callable[[int], tuple[IntArray, FloatArray]]


def all_streams(program: Program, test: Sequences, seed: int) -> list[Stream]:
    """Every stream for the input of a program, each with random numbers of its own; the same for the same seed."""
    makers = [_data(test), *(_numbers(program) if program.tokens is None else _tokens(program.tokens))]
    return [_stream(program, maker, np.random.default_rng([seed, number])) for number, maker in enumerate(makers)]


Block = NDArray[np.generic]
"""Inputs `[steps, inputs]`: integers of the input format (int64), or what a sensor gives."""

Maker = tuple[str, str, Callable[[np.random.Generator], Block]]
"""Name and meaning of a stream, and how its next block is made."""


def _stream(program: Program, maker: Maker, rng: np.random.Generator) -> Stream:
    name, meaning, make = maker
    blocks = _Blocks(rng, make)

    def take(n: int) -> tuple[IntArray, FloatArray]:
        return _read(program, blocks.take(n))

    return Stream(name, meaning, take)


def _data(test: Sequences) -> Maker:
    def make(rng: np.random.Generator) -> Block:
        order = rng.permutation(len(test.x))
        return np.concatenate([test.x[i, : test.lengths[i]] for i in order])

    return "data", "test sequences one after the other, in random order", make


def _tokens(tokens: int) -> list[Maker]:
    return [
        ("noise", "any token", lambda rng: rng.integers(0, tokens, (_BLOCK, 1))),
        ("held", "token 0, held", lambda rng: np.zeros((_BLOCK, 1), dtype=np.int64)),
    ]


def _numbers(program: Program) -> list[Maker]:
    value = program.values[program.input]
    limits = np.iinfo(np.dtype(value.dtype))
    low, high, shape = int(limits.min), int(limits.max), (_BLOCK, value.size)
    rest = from_float(program, program.constants["input_mean"])
    return [
        ("noise", "any value of the input format", lambda rng: rng.integers(low, high + 1, shape)),
        ("switched", "both ends of the format, for a random time", lambda rng: _switched(rng, shape, (low, high))),
        ("high", "the upper end, held", lambda rng: np.full(shape, high)),
        ("low", "the lower end, held", lambda rng: np.full(shape, low)),
        ("rest", "the mean of the training data, held", lambda rng: np.tile(rest, (_BLOCK, 1))),
    ]


def _switched(rng: np.random.Generator, shape: tuple[int, int], ends: tuple[int, int]) -> IntArray:
    """Each input stays at one end for up to `_MOST_HELD` steps."""
    steps, inputs = shape
    columns = []
    for _ in range(inputs):
        side = (np.arange(steps) + rng.integers(2)) % 2
        columns.append(np.repeat(np.array(ends)[side], rng.integers(1, _MOST_HELD, steps))[:steps])
    return np.stack(columns, axis=1)


class _Blocks:
    """Blocks one after the other, as long as they are needed."""

    def __init__(self, rng: np.random.Generator, make: Callable[[np.random.Generator], Block]) -> None:
        self._rng, self._make = rng, make
        self._left = make(rng)

    def take(self, n: int) -> Block:
        while len(self._left) < n:
            self._left = np.concatenate([self._left, self._make(self._rng)])
        taken, self._left = self._left[:n], self._left[n:]
        return taken


def _read(program: Program, block: Block) -> tuple[IntArray, FloatArray]:
    """A block as integers of the input format and as physical values."""
    if program.tokens is not None or block.dtype != np.int64:
        return from_float(program, block), block.astype(np.float64)
    return block.astype(np.int64), _physical(program, block.astype(np.int64))


def _physical(program: Program, q: IntArray) -> FloatArray:
    """What integers of the input format stand for."""
    value = program.values[program.input]
    normalized = (q - value.zero_point) * value.scale
    real: FloatArray = normalized * program.constants["input_deviation"] + program.constants["input_mean"]
    return real
