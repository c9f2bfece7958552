"""Plays all streams at once through the interpreter and the float network, each with its own states."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..calibrate import normalize
from ..cells import FloatArray
from ..float_model import FloatModel
from ..ir.arithmetic import IntArray
from ..ir.interpret import Interpreter
from ..ir.program import Program
from ..readings import INPUT, FloatReading, read_body, state_names, state_starts
from .streams import Stream

PARTS = 10
"""A stream is judged in so many parts of equal length."""

GROWTH = 1.5
"""A deviation grows where that of the last part is more than this times the largest of the first half, and above one
step. Linear growth is twice as large by then; a state that slowly comes to rest is past that."""

_CHUNK = 500  # steps of all streams that are in memory at once
_LIMIT = 32767


@dataclass(frozen=True)
class Stress:
    """One stream. Deviations are of all states, in units of one step (2^-15 for a state between -1 and 1)."""

    stream: str
    meaning: str
    steps: int
    rms: tuple[float, ...]  # of each part
    signal_rms: float  # of the float states
    largest: float
    largest_at: int  # step
    saturated_gates: float  # share of what sigmoid and tanh read that stands at the ends of int16
    saturated_states: float
    clipped_inputs: float  # share of input values at the ends of their format

    @property
    def grows(self) -> bool:
        return self.rms[-1] > GROWTH * max(*self.rms[: PARTS // 2], 1.0)

    @property
    def snr_db(self) -> float:
        noise = float(np.sqrt(np.mean(np.square(self.rms))))
        return float("inf") if noise == 0 else 20 * float(np.log10(self.signal_rms / noise))


def stress(
    program: Program,
    model: FloatModel,
    streams: Sequence[Stream],
    steps: int,
    done: Callable[[int], None] = lambda steps: None,
) -> list[Stress]:
    """Each stream for `steps` steps, at least PARTS. `done` is told how many steps of all streams have been taken."""
    integer, real = _Integers(program, len(streams)), _Floats(program, model, len(streams))
    sums = [_Sums(PARTS) for _ in streams]
    taken = 0
    while taken < steps:
        n = min(_CHUNK, steps - taken)
        inputs = [stream.take(n) for stream in streams]
        deviations, signal = [], []
        q = np.stack([quantized for quantized, _ in inputs])
        for now, exact in zip(integer.run(q), real.run(np.stack([x for _, x in inputs])), strict=True):
            deviations.append(now - exact)
            signal.append(exact)
        parts = (np.arange(taken, taken + n) * PARTS) // steps
        for row, one in enumerate(sums):
            one.add(np.stack(deviations)[:, row], np.stack(signal)[:, row], parts, taken)
        taken += n
        done(taken)
    shares = integer.shares(steps)
    return [
        one.result(stream, steps, shares[:, row]) for row, (stream, one) in enumerate(zip(streams, sums, strict=True))
    ]


class _Integers:
    """The interpreter over all streams; it counts what stands at the ends of its format."""

    def __init__(self, program: Program, streams: int) -> None:
        self._interpreter = Interpreter(program)
        self._states = self._interpreter.start_states(streams)
        self._next = [state.next for state in program.states]
        self._gates = sorted({op.inputs[0] for op in program.ops if op.kind in ("sigmoid", "tanh")})
        limits = np.iinfo(np.dtype(program.values[program.input].dtype))
        self._ends = () if program.tokens is not None else (int(limits.min), int(limits.max))
        self._sizes = np.array([self._size(program, names) for names in (self._gates, self._next, [program.input])])
        self._counts = np.zeros((3, streams), dtype=np.int64)

    @staticmethod
    def _size(program: Program, names: list[str]) -> int:
        return sum(program.values[name].size for name in names)

    def run(self, q: IntArray) -> Iterator[IntArray]:
        """`[streams, steps, inputs]` -> at every step all states side by side, `[streams, units]`."""
        self._counts[2] += np.isin(q, self._ends).sum(axis=(1, 2))
        for t in range(q.shape[1]):
            values = self._interpreter.trace(q[:, t], self._states)
            self._states = [values[name] for name in self._next]
            self._counts[0] += sum(_at_the_ends(values[name]) for name in self._gates if name in values)
            self._counts[1] += sum(_at_the_ends(state) for state in self._states)
            yield np.concatenate(self._states, axis=1)

    def shares(self, steps: int) -> FloatArray:
        """Of gates, states and inputs `[3, streams]`, what stood at the ends of the format."""
        share: FloatArray = self._counts / np.maximum(self._sizes, 1)[:, None] / steps
        return share


def _at_the_ends(values: IntArray) -> NDArray[np.int64]:
    count: NDArray[np.int64] = ((values >= _LIMIT) | (values < -_LIMIT)).sum(axis=1)
    return count


class _Floats:
    """The float network over all streams."""

    def __init__(self, program: Program, model: FloatModel, streams: int) -> None:
        self._model, self._reading = model, FloatReading()
        self._names = [(name, form) for name, form, _ in state_names(model)]
        slots = zip(state_names(model), state_starts(model), strict=True)
        self._states = [np.full((streams, size), start) for (_, _, size), start in slots]
        self._scales = [program.values[state.name].scale for state in program.states]

    def run(self, x: FloatArray) -> Iterator[FloatArray]:
        """`[streams, steps, inputs]` -> at every step all states in steps of their formats, `[streams, units]`."""
        signals = normalize(self._model, x)
        for t in range(x.shape[1]):
            reading = self._reading
            given = [reading.given(*name, state) for name, state in zip(self._names, self._states, strict=True)]
            _, following = read_body(reading, self._model, reading.given("x", INPUT, signals[:, t]), given)
            self._states = [signal.payload for signal in following]
            pairs = zip(self._states, self._scales, strict=True)
            yield np.concatenate([state / scale for state, scale in pairs], axis=1)


class _Sums:
    """What is kept of one stream."""

    def __init__(self, parts: int) -> None:
        self._squares, self._values = np.zeros(parts), np.zeros(parts)
        self._signal = self._largest = 0.0
        self._at = 0

    def add(self, deviation: FloatArray, signal: FloatArray, parts: NDArray[np.int64], begin: int) -> None:
        """`deviation`, `signal` [steps, units] and the part of each step, from step `begin` on."""
        np.add.at(self._squares, parts, np.square(deviation).sum(axis=1))
        np.add.at(self._values, parts, deviation.shape[1])
        self._signal += float(np.square(signal).sum())
        peaks = np.abs(deviation).max(axis=1)
        if peaks.max() > self._largest:
            self._largest, self._at = float(peaks.max()), begin + int(peaks.argmax())

    def result(self, stream: Stream, steps: int, shares: FloatArray) -> Stress:
        return Stress(
            stream=stream.name,
            meaning=stream.meaning,
            steps=steps,
            rms=tuple(np.sqrt(self._squares / self._values).tolist()),
            signal_rms=float(np.sqrt(self._signal / self._values.sum())),
            largest=self._largest,
            largest_at=self._at,
            saturated_gates=float(shares[0]),
            saturated_states=float(shares[1]),
            clipped_inputs=float(shares[2]),
        )
