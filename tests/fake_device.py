"""A board in Python: the protocol as docs/link_protocol.md tells it, written apart from rnn_edge and device.c."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

import numpy as np

from rnn_edge import __version__
from rnn_edge.features import LogMel
from rnn_edge.ir.arithmetic import IntArray, softmax, softmax_multiplier
from rnn_edge.ir.counters import Counters, Counting
from rnn_edge.ir.interpret import InterpreterSession
from rnn_edge.ir.program import Program
from rnn_edge.ir.quantize_input import from_raw
from rnn_edge.vectors import INSTANCES

OK, DAMAGED, WRONG_LENGTH, UNKNOWN, BAD_ARGUMENT, REPEATED, TABLES_DAMAGED, NO_COUNTERS = range(8)
INFO, RESET, STEP, RUN, SAVE, LOAD, SELF_TEST, CYCLES, STACK, COUNTERS, CLEAR = range(1, 12)
HEAR = 13


def encode(data: bytes) -> bytes:
    """COBS: the zeros of `data` and one behind its end are replaced by distances."""
    coded, block = b"", b""
    for byte in data + b"\0":
        block += bytes([byte])
        if byte == 0 or len(block) == 254:
            coded += bytes([len(block) + (byte != 0)]) + block.rstrip(b"\0")
            block = b""
    return coded


def decode(coded: bytes) -> tuple[bytes, bool]:
    """What was encoded, and whether the last block is whole."""
    data, left, zero = b"", 0, False
    for byte in coded:
        if left:
            data, left = data + bytes([byte]), left - 1
        else:
            data, left, zero = data + b"\0" * zero, byte - 1, byte != 0xFF
    return data, left == 0


def with_crc(body: bytes) -> bytes:
    return body + struct.pack("<I", zlib.crc32(body))


def request(sequence: int, command: int, payload: bytes = b"") -> bytes:
    """A request before it is coded."""
    return with_crc(struct.pack("<BBH", sequence, command, len(payload)) + payload)


class FakeDevice:
    """Answers frames as a board does; also a transport, with `spoil` to damage what goes over the wire.

    It counts what saturates where it is given `limits`, those of calibration.
    """

    def __init__(
        self,
        program: Program,
        payload: int = 256,
        core: str = "fake",
        flags: int = 3,
        limits: Counters | None = None,
    ) -> None:
        self.program, self.payload, self.core, self.flags = program, payload, core, flags
        x, y = program.values[program.input], program.values[program.output]
        self._x, self._y = np.dtype(f"<{np.dtype(x.dtype).str[1:]}"), np.dtype(f"<{np.dtype(y.dtype).str[1:]}")
        self._inputs, self._outputs = x.size, y.size
        self._sizes = [program.values[state.name].size for state in program.states]
        self._counts, self.counting = limits is not None, Counting(program, limits)
        self._session = InterpreterSession(program, self.counting.observe)
        self.states = [[np.zeros(size, dtype=np.int64) for size in self._sizes] for _ in range(INSTANCES)]
        self._last: int | None = None
        self._received, self.sent = b"", b""
        self.spoil: Callable[[bytes], bytes] = lambda coded: coded  # an answer on its way
        self.received: list[bytes] = []
        self.self_test_steps = 16
        self.cycles_of_a_frame = 1000
        self._begin_stream()

    # transport

    def write(self, data: bytes) -> None:
        *frames, self._received = (self._received + data).split(b"\0")
        for coded in filter(None, frames):
            self.received.append(coded)
            self.sent += b"\0" + self.spoil(encode(self.answer(coded))) + b"\0"

    def read(self, timeout: float) -> bytes:
        piece, self.sent = self.sent[:7], self.sent[7:]
        return piece

    def close(self) -> None:
        self.read = self.write = None  # type: ignore[assignment]

    # protocol

    def answer(self, coded: bytes) -> bytes:
        """The answer to a frame, before it is coded."""
        frame, whole = decode(coded)
        status = self._check(frame, whole)
        if status != OK:
            return with_crc(struct.pack("<BBHB", 0, 0x80, 1, status))
        sequence, command = frame[:2]
        status, data = (REPEATED, b"") if sequence == self._last else self._obey(command, frame[4:-4])
        if status == OK:
            self._last = sequence
        return with_crc(struct.pack("<BBHB", sequence, command | 0x80, 1 + len(data), status) + data)

    def _check(self, frame: bytes, whole: bool) -> int:
        if len(frame) > 8 + self.payload:
            return WRONG_LENGTH
        if not whole or len(frame) < 8 or with_crc(frame[:-4]) != frame:
            return DAMAGED
        return OK if int.from_bytes(frame[2:4], "little") == len(frame) - 8 else WRONG_LENGTH

    def _obey(self, command: int, payload: bytes) -> tuple[int, bytes]:
        if command == HEAR and self._features is not None:
            return self._hear(payload)
        if RESET <= command <= LOAD:
            return self._obey_on_instance(command, payload[0], payload[1:]) if payload else (BAD_ARGUMENT, b"")
        if not INFO <= command <= CLEAR:
            return UNKNOWN, b""
        if command in (COUNTERS, CLEAR):
            return self._obey_on_counters(command, payload) if self._counts else (NO_COUNTERS, b"")
        if payload:
            return BAD_ARGUMENT, b""
        passed = struct.pack("<BH", self.flags == 3, self.self_test_steps)
        facts = {SELF_TEST: passed, CYCLES: bytes(8), STACK: bytes(8)}
        return OK, facts.get(command) or self._info()

    def _obey_on_counters(self, command: int, payload: bytes) -> tuple[int, bytes]:
        if len(payload) != (4 if command == COUNTERS else 0):
            return BAD_ARGUMENT, b""
        if command == CLEAR:
            self.counting.clear()
            return OK, b""
        now = self.counting.counters()
        counts = [now.steps, *now.saturated, *now.saturated_inputs, *now.outside]
        data = np.array(counts, "<u4").tobytes() + np.array([*now.low, *now.high], "<i2").tobytes()
        rest = data[int.from_bytes(payload, "little") :][: self.payload - 1]
        return (OK, rest) if rest else (BAD_ARGUMENT, b"")

    def _obey_on_instance(self, command: int, instance: int, data: bytes) -> tuple[int, bytes]:
        computes = command in (STEP, RUN)
        index = instance & 0x7F if computes else instance
        if index >= INSTANCES:
            return BAD_ARGUMENT, b""
        if computes:
            return self._compute(command, index, instance > index, data)
        if len(data) != (2 * sum(self._sizes) if command == LOAD else 0):
            return BAD_ARGUMENT, b""
        if command == SAVE:
            return OK, np.concatenate(self.states[index]).astype("<i2").tobytes()
        loaded = (
            np.frombuffer(data, "<i2").astype(np.int64) if command == LOAD else np.zeros(sum(self._sizes), np.int64)
        )
        self.states[index] = np.split(loaded, np.cumsum(self._sizes)[:-1])
        return OK, b""

    def _compute(self, command: int, index: int, all_states: bool, data: bytes) -> tuple[int, bytes]:
        row, every = self._inputs * self._x.itemsize, self.program.every_step
        steps, rest = divmod(len(data), row)
        answer = (steps if every else 1) * self._outputs * self._y.itemsize + 2 * sum(self._sizes) * all_states
        if not self.flags & 1:
            return TABLES_DAMAGED, b""
        if steps == 0 or rest or (command == STEP and steps > 1) or 1 + answer > self.payload:
            return BAD_ARGUMENT, b""
        x = np.frombuffer(data, self._x).astype(np.int64).reshape(steps, -1)
        if self.program.tokens is not None and not ((x >= 0) & (x < self.program.tokens)).all():
            return BAD_ARGUMENT, b""
        play = self._session.step if command == STEP else self._session.run
        y, self.states[index] = play(x[0] if command == STEP else x, self.states[index])
        states: list[IntArray] = self.states[index] if all_states else []
        return OK, y.astype(self._y).tobytes() + b"".join(state.astype("<i2").tobytes() for state in states)

    def _begin_stream(self) -> None:
        """Samples that were not used yet, the network's states, scores that were smoothed, steps to rest."""
        features, decision = self.program.features, self.program.decision
        self._features = None if features is None or decision is None else LogMel.from_dict(features)
        self._decision = decision or {}
        self._samples = np.zeros(0, np.int16)
        self._heard = [np.zeros(size, np.int64) for size in self._sizes]
        self._smoothed, self._wait = [0] * self._outputs, 0

    def _hear(self, payload: bytes) -> tuple[int, bytes]:
        assert self._features is not None
        samples = np.frombuffer(payload[1:], "<i2") if len(payload) % 2 else None
        if not self.flags & 1:
            return TABLES_DAMAGED, b""
        if samples is None or len(samples) > self._features.hop or payload[0] > 1:
            return BAD_ARGUMENT, b""
        if payload[0]:
            self._begin_stream()
        self._samples = np.concatenate([self._samples, samples])
        if len(self._samples) < self._features.window:
            return OK, b""
        bands = self._features.frames(self._samples[: self._features.window])[0]
        self._samples = self._samples[self._features.hop :]
        y, self._heard = self._session.step(from_raw(self.program, bands[None])[0], self._heard)
        scores = softmax(y, softmax_multiplier(self.program.values[self.program.output].scale))
        return OK, struct.pack(
            f"<{len(scores)}HhI", *scores.tolist(), self._decide(scores.tolist()), self.cycles_of_a_frame
        )

    def _decide(self, scores: list[int]) -> int:
        for i, score in enumerate(scores):
            self._smoothed[i] += (256 * score - self._smoothed[i]) >> self._decision["smoothing"]
        best = self._smoothed.index(max(self._smoothed))
        if self._wait:
            self._wait -= 1
        elif best not in self._decision["ignored"] and self._smoothed[best] >= 256 * self._decision["threshold"]:
            self._wait = self._decision["rest"]
            return best
        return -1

    def _info(self) -> bytes:
        bits, tokens = [8 * dtype.itemsize for dtype in (self._x, self._y)], self.program.tokens or 0
        facts = [1, INSTANCES, self.payload, self._inputs, bits[0], self._outputs, bits[1]]
        facts += [int(self.program.every_step), tokens, 2 * sum(self._sizes), self.flags | 4 * self._counts]
        names = "\0".join([self.program.name, __version__, self.core, ""])
        return struct.pack("<BBHHBHBBIHB", *facts) + bytes.fromhex(self.program.hash) + names.encode()
