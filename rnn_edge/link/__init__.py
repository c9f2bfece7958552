"""The link: what a board is asked over its serial port, and what it answers (docs/link_protocol.md)."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from types import TracebackType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import LinkError, UserError
from ..ir.arithmetic import IntArray
from ..ir.counters import Counters, channels, watched
from ..ir.program import Program
from ..processes import INTERRUPTED
from ..vectors import INSTANCES, Command, Result
from .device_info import DeviceInfo
from .frames import ANSWER, Frame, Request, Status

ATTEMPTS = 3
"""How often a request is sent that arrives damaged."""

_ALL_STATES = 0x80
_CONNECT_SECONDS = 0.5  # a board that boots loses what it is asked, so that it is asked again


_MEANING = {
    Status.DAMAGED: "it arrived damaged; check the cable and the baud rate",
    Status.WRONG_LENGTH: "it arrived with a wrong length, or is longer than the board takes",
    Status.UNKNOWN: "its firmware does not know it; flash it again",
    Status.BAD_ARGUMENT: "instance, number of values or a token is out of range",
    Status.REPEATED: "it was done before and its answer was lost; reset the instance and begin anew",
    Status.TABLES_DAMAGED: "the tables in its flash are damaged; flash it again",
    Status.NO_COUNTERS: "its firmware does not count what saturates; flash it with --counters",
}


class Transport(Protocol):
    """Bytes to a board and back."""

    def write(self, data: bytes) -> None:
        """Send all of it; LinkError when the other end is gone."""

    def read(self, timeout: float) -> bytes:
        """At least one byte, or none after `timeout` seconds; LinkError when the other end is gone."""

    def close(self) -> None:
        """Let go of the other end; nothing more can be sent or read."""


@dataclass(frozen=True)
class HeardFrame:
    """What a board made of one frame of sound.

    `scores`: 0 to 32767, uint16 `[classes]`. `detected`: the class, or -1. `cycles`: core cycles that it took, from its
    first sample on.
    """

    scores: NDArray[np.uint16]
    detected: int
    cycles: int


class Link:
    """One board, asked one thing at a time. Every call raises LinkError where the board does not answer or refuses."""

    def __init__(self, transport: Transport, timeout: float = 5.0) -> None:
        self._transport, self._timeout = transport, timeout
        self._sequence = 1
        self._received = bytearray()
        self._broken_frames = 0

    def __enter__(self) -> Link:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the transport."""
        self._transport.close()

    def info(self) -> DeviceInfo:
        """What the board said about itself when it was first asked."""
        return self._device

    def reset(self, instance: int) -> None:
        """Start a new sequence."""
        self._ask(Request.RESET, bytes([instance]))

    def step(self, instance: int, x: IntArray, states: bool = False) -> Result:
        """One step on `x`, `[inputs]`: the outputs, and behind them all states where they are asked for."""
        return self._compute(Request.STEP, instance, x, states)

    def run(self, instance: int, x: IntArray, states: bool = False) -> Result:
        """Steps over `x`, `[steps, inputs]`, in as many requests as it takes: the outputs of a network that has them at
        every step, otherwise the last; behind them all states where they are asked for.
        """
        length = self.info().steps_per_frame
        *parts, last = [x[start : start + length] for start in range(0, max(len(x), 1), length)]
        results = [self._compute(Request.RUN, instance, part, False) for part in parts]
        results = results if self.info().every_step else []
        return np.concatenate([*results, self._compute(Request.RUN, instance, last, states)])

    def save(self, instance: int) -> IntArray:
        """All states, one after the other."""
        return _integers(self._ask(Request.SAVE, bytes([instance])), 16)

    def load(self, instance: int, states: IntArray) -> None:
        """Go on from these states, in the order in which `save` gives them."""
        self._ask(Request.LOAD, bytes([instance]) + _bytes(states, 16))

    def self_test(self) -> tuple[bool, int]:
        """Has the board computed its built-in test steps right, and how many are they?"""
        passed, steps = struct.unpack("<BH", self._ask(Request.SELF_TEST))
        return bool(passed), steps

    def cycles(self) -> tuple[int, int]:
        """Core cycles of the last step or run (the last request of a long one), and the core's clock in Hz."""
        cycles, clock = struct.unpack("<II", self._ask(Request.CYCLES))
        return cycles, clock

    def stack(self) -> tuple[int, int]:
        """Bytes of stack used since boot at most, and bytes there are."""
        used, size = struct.unpack("<II", self._ask(Request.STACK))
        return used, size

    def counters(self, program: Program) -> Counters:
        """What the board counted since boot or `clear_counters`; it runs `program`."""
        form = _counters_form(program)
        data = b""
        while len(data) < form.size:
            part = self._ask(Request.COUNTERS, struct.pack("<I", len(data)))
            if not part:
                raise LinkError(f"The board's counters are not those of {program.name}; flash it again.")
            data += part
        numbers = iter(form.unpack(data[: form.size]))
        sizes = [len(watched(program)), *[channels(program)] * 4]
        return Counters(next(numbers), *(tuple(islice(numbers, size)) for size in sizes))

    def clear_counters(self) -> None:
        """Let the board count anew."""
        self._ask(Request.CLEAR)

    def hear(self, samples: NDArray[np.int16], begins: bool) -> HeardFrame | None:
        """The next samples `[n]` of the stream, or the first where it `begins`: the frame that they complete.

        At most as many as the features move on from frame to frame, and `info().samples_at_once`.
        """
        data = self._ask(Request.HEAR, bytes([begins]) + samples.astype("<i2").tobytes())
        if not data:
            return None
        *scores, detected, cycles = struct.unpack(f"<{self.info().outputs}HhI", data)
        return HeardFrame(np.array(scores, np.uint16), detected, cycles)

    def reply(self, index: int) -> str:
        """The text with which the board answers class `index`; one whose network has no replies refuses."""
        return self._ask(Request.REPLY, struct.pack("<H", index)).decode(errors="replace")

    def _compute(self, request: Request, instance: int, x: IntArray, states: bool) -> Result:
        device = self.info()
        data = self._ask(request, bytes([instance | (_ALL_STATES if states else 0)]) + _bytes(x, device.input_bits))
        end = len(data) - device.state_bytes if states else len(data)
        return np.concatenate([_integers(data[:end], device.output_bits), _integers(data[end:], 16)])

    # frames

    @cached_property
    def _device(self) -> DeviceInfo:
        """Found out by asking until the board is up. The board may know our sequence number from another."""
        deadline = time.monotonic() + self._timeout
        while True:
            left = deadline - time.monotonic()
            answer = self._exchange(Request.INFO, b"", min(left, _CONNECT_SECONDS))
            if answer is None and left < _CONNECT_SECONDS:
                raise self._silence()
            if answer is not None and answer[0] != Status.REPEATED:
                return DeviceInfo.from_bytes(_accepted(Request.INFO, *answer))
            if answer is not None:
                self._sequence += 1

    def _ask(self, request: Request, payload: bytes = b"") -> bytes:
        """The data of the answer."""
        if INTERRUPTED.is_set():
            raise LinkError("The board was not asked further: the command was interrupted.")
        self.info()
        self._sequence = self._sequence % 255 + 1  # 0 belongs to answers to what nobody could read
        answer = self._exchange(request, payload, self._timeout)
        if answer is None:
            raise self._silence()
        return _accepted(request, *answer)

    def _exchange(self, request: Request, payload: bytes, timeout: float) -> tuple[int, bytes] | None:
        """Status and data of the answer, None where there is none in time; what arrives damaged is sent again."""
        deadline = time.monotonic() + timeout
        sent = Frame(self._sequence, request, payload)
        self._broken_frames = 0
        answer = None
        for _ in range(ATTEMPTS):
            self._transport.write(sent.to_wire())
            answer = self._answer(sent, deadline)
            if answer is None or answer.sequence == sent.sequence:
                break
        return None if answer is None else (answer.payload[0], answer.payload[1:])

    def _answer(self, sent: Frame, deadline: float) -> Frame | None:
        """The next frame that answers what was sent, or says that it could not be read. Others are too late."""
        expected = {(sent.sequence, sent.command | ANSWER), (0, ANSWER)}
        while (frame := self._next_frame(deadline)) is not None:
            if (frame.sequence, frame.command) in expected and frame.payload:
                return frame
        return None

    def _next_frame(self, deadline: float) -> Frame | None:
        """The next good frame, None at the deadline. What is none, such as the banner at boot, is dropped."""
        while True:
            coded, zero, rest = self._received.partition(b"\0")
            if zero:
                self._received = rest
                try:
                    if coded:
                        return Frame.from_wire(bytes(coded))
                except ValueError:
                    self._broken_frames += 1
                continue
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            self._received += self._transport.read(left)

    def _silence(self) -> LinkError:
        what = (
            "gave no answer" if not self._broken_frames else f"gave no answer but {self._broken_frames} broken frames"
        )
        return LinkError(
            f"The board {what} within {self._timeout:g} s; "
            "check that it is flashed and has power, its port and its baud rate."
        )


def _accepted(request: Request, status: int, data: bytes) -> bytes:
    if status == Status.OK:
        return data
    meaning = _MEANING.get(Status(status)) if status in list(Status) else f"unknown status {status}"
    raise LinkError(f"The board refused `{request.name.lower()}`: {meaning}.")


def _counters_form(program: Program) -> struct.Struct:
    """Counts, then the ends of the ranges."""
    return struct.Struct(f"<{1 + len(watched(program)) + 2 * channels(program)}I{2 * channels(program)}h")


def _bytes(array: IntArray, bits: int) -> bytes:
    """Integers as the board holds them; UserError where they have more bits."""
    packed = np.asarray(array).astype(f"<i{bits // 8}")
    if not np.array_equal(packed, array):
        raise UserError(f"The board takes integers of {bits} bits here; the largest given is {np.abs(array).max()}.")
    return packed.tobytes()


def _integers(data: bytes, bits: int) -> IntArray:
    return np.frombuffer(data, dtype=f"<i{bits // 8}").astype(np.int64)


def play(link: Link, program: Program, commands: Iterable[Command]) -> list[Result]:
    """The results of the steps and runs of a script, both instances reset before; LinkError for another program."""
    device = link.info()
    if device.program_hash != program.hash:
        raise LinkError(
            f"The board runs program {device.program_hash[:12]} of {device.model}, not {program.hash[:12]} "
            f"of {program.name}; flash it."
        )
    for instance in range(INSTANCES):
        link.reset(instance)
    results = []
    for command in commands:
        match command.verb:
            case "reset":
                link.reset(command.instance)
            case "load":
                link.load(command.instance, np.concatenate(command.states))
            case "step" | "run" as verb:
                assert command.x is not None
                compute = link.step if verb == "step" else link.run
                results.append(compute(command.instance, command.x, states=True))
    return results
