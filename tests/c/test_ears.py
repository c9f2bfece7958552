"""The ears of the device firmware: scores and detections of a stream over the link, always under the sanitizers."""

from __future__ import annotations

import struct
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from rnn_edge.errors import LinkError
from rnn_edge.ir.program import Program
from rnn_edge.link import HeardFrame
from tests import fake_device as wire
from tests import listening, signals
from tests.c.devices import CORE, build_device, frames_of, start
from tests.c.test_device import HERE, altered
from tests.fake_device import FakeDevice
from tests.networks import GRU, program

PAYLOAD = 1 + 2 * listening.FEATURES.hop
SPEECH = signals.speech(20000, 20000, seed=7)


@pytest.fixture(scope="module")
def made() -> Program:
    return listening.hearing()


@pytest.fixture(scope="module", params=["gcc", "clang"])
def device(request: pytest.FixtureRequest, made: Program, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_device(made, tmp_path_factory.mktemp("ears"), request.param, PAYLOAD)


@pytest.mark.parametrize("sizes", ["hop", "any", "one"])
def test_a_stream_is_heard_as_the_interpreter_hears_it(made: Program, device: Path, sizes: str) -> None:
    count = {"hop": len(SPEECH), "any": len(SPEECH), "one": 1500}[sizes]
    scores, detected = listening.heard(made, SPEECH[:count])
    rng = np.random.default_rng(0)
    steps = {"hop": np.array([320]), "any": rng.integers(0, 321, 1000), "one": np.array([1])}[sizes]
    cuts = [0, *(int(cut) for cut in np.cumsum(np.resize(steps, count)) if cut < count), count]
    with start(device) as link:
        for _ in range(2):  # a new stream forgets the old one
            frames = [link.hear(SPEECH[a:b], begins=i == 0) for i, (a, b) in enumerate(pairwise(cuts))]
            found = [frame for frame in frames if frame is not None]
            assert [frame.scores.tolist() for frame in found] == scores.tolist()
            assert [frame.detected for frame in found] == detected.tolist()
            assert all(0 < frame.cycles < 2**31 for frame in found)
        assert not link.save(0).any() and not link.save(1).any()
    assert len(found) > 2 and (count < 2000 or (detected >= 0).any())


def test_ears_and_instances_are_apart(made: Program, device: Path) -> None:
    scores, _ = listening.heard(made, SPEECH[:2000])
    with start(device) as link:
        found: list[HeardFrame] = []
        for at in range(0, 1920, 320):
            frame = link.hear(SPEECH[at : at + 320], begins=at == 0)
            found += [] if frame is None else [frame]
            link.step(0, np.full(16, 100))
            link.reset(1)
    assert [frame.scores.tolist() for frame in found] == scores[: len(found)].tolist() and len(found) == 5


def test_every_request_to_hear_has_its_answer(made: Program, device: Path) -> None:
    """Good ones and wrong ones, against the board in Python; cycles are measured, so they are left out."""
    rng = np.random.default_rng(3)
    sent = []
    for number in range(600):
        flag = bytes([int(rng.choice([0, 0, 0, 0, 1, 2]))])
        samples = rng.integers(-32768, 32768, int(rng.choice([0, 100, 319, 320, 320, 321]))).astype("<i2").tobytes()
        payload = b"" if number % 50 == 7 else flag + samples[: len(samples) - int(rng.choice([0, 0, 0, 1]))]
        sent.append(wire.encode(wire.request(number % 255 + 1, wire.HEAR, payload)))
    answers = [wire.decode(coded)[0] for coded in frames_of(device, b"\0" + b"\0".join(sent) + b"\0")][1:]
    fake = FakeDevice(made, PAYLOAD, CORE)
    expected = [fake.answer(coded) for coded in sent]
    heard = 5 + 2 * listening.CLASSES + 2
    assert [answer[:heard] for answer in answers if len(answer) > 12] == [
        answer[:heard] for answer in expected if len(answer) > 12
    ]
    assert [answer for answer in answers if len(answer) <= 12] == [answer for answer in expected if len(answer) <= 12]
    statuses = [answer[4] for answer in expected]
    assert statuses.count(wire.OK) > 200 and statuses.count(wire.BAD_ARGUMENT) > 100
    assert sum(len(answer) == heard + 8 for answer in answers) > 50


def test_damaged_tables_hear_nothing(made: Program, tmp_path: Path) -> None:
    crc = altered("kws.h", rf"{HERE}TABLES_CRC UINT32_C\(0x[A-F]*(?=\d)")
    binary = build_device(made, tmp_path, payload=PAYLOAD, change=crc)
    with start(binary) as link, pytest.raises(LinkError, match="`hear`: the tables in its flash are damaged"):
        link.hear(SPEECH[:320], begins=True)


def test_without_features_there_are_no_ears(tmp_path: Path) -> None:
    binary = build_device(program(GRU), tmp_path)
    with start(binary) as link, pytest.raises(LinkError, match="`hear`: its firmware does not know it"):
        link.hear(SPEECH[:100], begins=True)
    (answer,) = [wire.decode(coded)[0] for coded in frames_of(binary, wire.encode(wire.request(1, wire.HEAR)) + b"\0")][
        1:
    ]
    assert answer[:5] == struct.pack("<BBHB", 1, wire.HEAR | 0x80, 1, wire.UNKNOWN)
