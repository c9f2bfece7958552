"""Frames damaged in every way, thousands at once, under the sanitizers: each is answered as by the board in Python."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from rnn_edge.ir.program import Program
from tests import fake_device as wire
from tests.c.builds import inputs, limits_of
from tests.c.devices import CORE, build_device, frames_of
from tests.fake_device import FakeDevice
from tests.networks import GRU, STACKS, Network, program

FRAMES = 2500
PAYLOAD = 120
MEASURED = (wire.CYCLES | 0x80, wire.STACK | 0x80)

CASES = [(GRU, "gcc", True), (STACKS[0], "clang", False), (STACKS[1], "gcc", False), (STACKS[3], "clang", True)]
"""Network, compiler, and whether the firmware counts what saturates."""


def requests(made: Program, rng: np.random.Generator) -> Iterator[bytes]:
    """Good requests and nearly good ones, before they are coded; sequence numbers that sometimes repeat."""
    dtype = f"<i{np.dtype(made.values[made.input].dtype).itemsize}"
    states = 2 * sum(made.values[state.name].size for state in made.states)
    while True:
        command = int(rng.integers(1, 12)) if rng.random() < 0.9 else int(rng.integers(256))
        x = inputs(made, int(rng.choice([1, 1, 2, 3, 12])), rng).astype(dtype).tobytes()
        start = int(rng.integers(8)).to_bytes(4, "little")
        payload = {wire.STEP: x, wire.RUN: x, wire.LOAD: rng.bytes(states), wire.COUNTERS: start}.get(command, b"")
        if wire.RESET <= command <= wire.LOAD:
            flag = 0x80 if command in (wire.STEP, wire.RUN) and rng.random() < 0.5 else 0
            payload = bytes([int(rng.choice([0, 1, 0, 1, 2])) | flag]) + payload
        if rng.random() < 0.1:
            payload = payload[: rng.integers(len(payload) + 1)] + rng.bytes(int(rng.integers(4)))
        yield wire.request(int(rng.integers(256)) if rng.random() < 0.8 else 1, command, payload)


def spoiled(frame: bytes, before: bytes, payload: int, rng: np.random.Generator) -> bytes:
    """What is sent for a request: most often itself, coded, otherwise something broken."""
    coded = wire.encode(frame)
    place = int(rng.integers(len(coded)))
    match rng.choice(["good", "good", "good", "good", "random", "bits", "cut", "cut", "long", "zero", "again", "says"]):
        case "random":
            return rng.bytes(int(rng.integers(1, 300)))
        case "bits":
            return coded[:place] + bytes([coded[place] ^ 1 << int(rng.integers(8))]) + coded[place + 1 :]
        case "cut":
            return coded[:place] if rng.random() < 0.5 else coded[place:]
        case "long":
            return wire.encode(
                wire.request(frame[0], wire.RUN, rng.bytes(int(rng.choice([payload, payload + 1, 3000]))))
            )
        case "zero":
            return coded[:place] + b"\0" + coded[place:]
        case "again":
            return before
        case "says":
            return wire.encode(wire.with_crc(frame[:2] + struct.pack("<H", int(rng.integers(300))) + frame[4:-4]))
    return coded


def pieces(made: Program, payload: int, count: int) -> list[bytes]:
    """What is sent for `count` requests, and then two good ones, for a board that takes `payload` bytes at once."""
    rng = np.random.default_rng(11)
    sent = [b""]
    for frame in islice(requests(made, rng), count):
        sent.append(spoiled(frame, sent[-1], payload, rng))
    return [*sent, wire.encode(wire.request(7, wire.CYCLES)), wire.encode(wire.request(8, wire.SAVE, b"\0"))]


def assert_answers(answers: list[bytes], sent: bytes, fake: FakeDevice) -> Counter[int]:
    """The answers are those of the board in Python; how often each status was among them."""
    expected = [fake.answer(coded) for coded in sent.split(b"\0") if coded]
    for found, wanted in zip(answers, expected, strict=True):
        measured = wanted[1] in MEASURED and wanted[4] == wire.OK
        assert found[:5] == wanted[:5] if measured else found == wanted
    assert answers[-1][:5] == bytes([8, wire.SAVE | 0x80, len(answers[-1]) - 8, 0, wire.OK])
    return Counter(answer[4] for answer in expected)


@pytest.mark.parametrize(("network", "compiler", "counts"), CASES, ids=lambda value: getattr(value, "id", value))
def test_every_frame_has_its_answer(network: Network, compiler: str, counts: bool, tmp_path: Path) -> None:
    made = program(network)
    limits = limits_of(made) if counts else None
    sent = b"\0".join(pieces(made, PAYLOAD, FRAMES)) + b"\0"
    binary = build_device(made, tmp_path, compiler, PAYLOAD, limits=limits)
    answers = [wire.decode(coded)[0] for coded in frames_of(binary, sent)]
    statuses = assert_answers(answers[1:], sent, FakeDevice(made, PAYLOAD, CORE, limits=limits))
    # A sixth is fine: two of the requests are refused by a board that does not count.
    assert all(statuses[status] > 50 for status in range(6)) and statuses[wire.OK] > FRAMES // 6
    assert (statuses[wire.NO_COUNTERS] > 50) != counts
