"""Damaged frames on real instruction sets: a board answers each as the board in Python does, and goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from rnn_edge import emulators
from rnn_edge.board import load
from rnn_edge.errors import MissingError
from rnn_edge.link import Transport
from rnn_edge.link.device_info import DeviceInfo
from tests import fake_device as wire
from tests.boards.bundled import bundled
from tests.c.test_device_fuzz import assert_answers, pieces
from tests.fake_device import FakeDevice

FRAMES = 500
SECONDS = 30.0
INFO = wire.encode(wire.request(201, wire.INFO))


class Board:
    """The frames that a board answers."""

    def __init__(self, transport: Transport) -> None:
        self._transport, self._rest = transport, b""

    def answers(self, sent: bytes, count: int, seconds: float = SECONDS) -> list[bytes]:
        """As many as `count` to what is sent; fewer where the board is silent for `seconds`."""
        self._transport.write(sent)
        found: list[bytes] = []
        while len(found) < count and (came := self._transport.read(seconds)):
            *frames, self._rest = (self._rest + came).split(b"\0")
            found += [wire.decode(frame)[0] for frame in frames if frame and not frame.startswith(b"rnn_edge")]
        return found


@pytest.mark.parametrize("board_id", ["qemu-microbit", "mps2-an386", "mps3-an547", "qemu-riscv32-virt", "simavr-uno"])
def test_every_frame_has_its_answer(board_id: str, tmp_path: Path) -> None:
    at, source = load(board_id), bundled("power")
    image = source.build(at, tmp_path / "made").image
    try:
        with emulators.emulator(at, image) as emulated:
            board, info = Board(emulated.open()), list[bytes]()
            while not info:  # what is sent while it boots is lost
                info = board.answers(b"\0" + INFO + b"\0", 1, 1.0)
            info += board.answers(b"", FRAMES, 1.0)  # what was asked twice is answered twice
            device = DeviceInfo.from_bytes(info[0][5:-4])
            sent = pieces(source.program, device.payload, FRAMES)
            answers: list[bytes] = []
            for piece in sent:  # one at a time: a board does not read while it computes and answers
                answers += board.answers(piece + b"\0", sum(1 for coded in piece.split(b"\0") if coded))
    except MissingError as error:
        pytest.skip(str(error))
    fake = FakeDevice(source.program, device.payload, at.family.core)
    fake.self_test_steps = 8
    fake.answer(INFO)
    statuses = assert_answers(answers, b"\0".join(sent) + b"\0", fake)
    assert all(statuses[status] > 4 for status in range(6))
