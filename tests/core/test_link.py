"""The Python side of the link against a board in Python: frames, every call, every way to lose or damage an answer."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnn_edge import link as link_module
from rnn_edge.errors import LinkError, UserError
from rnn_edge.ir.interpret import InterpreterSession
from rnn_edge.link import Link, play
from rnn_edge.link.frames import Frame, Request, Status, cobs_decode, cobs_encode
from rnn_edge.script import random_inputs
from rnn_edge.vectors import Command
from rnn_edge.vectors import play as play_session
from tests import fake_device as wire
from tests.fake_device import FakeDevice
from tests.networks import GRU, STACKS, Network, program

LAST, EVERY, TOKENS = STACKS[0], STACKS[1], STACKS[3]
DOCS = Path(__file__).parents[2] / "docs" / "link_protocol.md"

blocks = st.lists(st.one_of(st.binary(max_size=4), st.integers(250, 260).map(lambda n: b"\x01" * n)), max_size=6)
any_bytes = st.one_of(st.binary(max_size=300), blocks.map(b"\0".join), blocks.map(b"".join))


@given(any_bytes)
def test_cobs_has_no_zeros_and_is_undone(data: bytes) -> None:
    coded = cobs_encode(data)
    assert 0 not in coded and len(coded) <= len(data) + len(data) // 254 + 1
    assert coded == wire.encode(data)
    assert cobs_decode(coded) == data and wire.decode(coded) == (data, True)


@given(any_bytes.map(lambda data: data.replace(b"\0", b"\x02")))
def test_cobs_of_anything_is_decoded_or_refused(coded: bytes) -> None:
    data, whole = wire.decode(coded)
    if whole:
        assert cobs_decode(coded) == data
    else:
        with pytest.raises(ValueError, match="cut off"):
            cobs_decode(coded)


@given(st.integers(0, 255), st.integers(0, 255), any_bytes)
def test_frames(sequence: int, command: int, payload: bytes) -> None:
    coded = Frame(sequence, command, payload).to_wire()
    assert coded == b"\0" + wire.encode(wire.request(sequence, command, payload)) + b"\0"
    assert Frame.from_wire(coded[1:-1]) == Frame(sequence, command, payload)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"\1\1\0\0", "too short"),
        (wire.request(1, 1)[:-1] + b"\0", "wrong CRC"),
        (wire.with_crc(b"\1\1\1\0"), "another length"),
        (b"", "too short"),
    ],
)
def test_broken_frames_are_refused(body: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Frame.from_wire(cobs_encode(body))


@pytest.mark.parametrize("network", [LAST, EVERY, TOKENS, STACKS[6]], ids=lambda network: network.id)
def test_a_script_gives_the_results_of_the_interpreter(network: Network) -> None:
    made = program(network)
    rng = np.random.default_rng(0)
    sizes = [made.values[state.name].size for state in made.states]
    commands = [Command("run", 0, random_inputs(made, rng, 70)), Command("step", 1, random_inputs(made, rng, 1))]
    commands += [Command("load", 1, None, tuple(rng.integers(-32768, 32768, size) for size in sizes))]
    commands += [Command("step", 1, random_inputs(made, rng, 1)), Command("label", 0, label=2), Command("reset", 0)]
    commands += [Command("run", i, random_inputs(made, rng, 3)) for i in (0, 1)]
    device = FakeDevice(made)
    device.states[0][0][:] = 7  # left by whoever used the board before
    found = play(Link(device), made, commands)
    expected = list(play_session(InterpreterSession(made), made, commands))
    assert [each.tolist() for each in found] == [each.tolist() for each in expected]
    assert {each.dtype for each in found} == {np.dtype(np.int64)}


def test_what_a_board_says_about_itself() -> None:
    made = program(TOKENS)
    with Link(FakeDevice(made, 300, "Cortex-M0", flags=1)) as link:
        info = link.info()
        assert (info.payload, info.tokens, info.every_step, info.tables_ok, info.self_test_ok) == (
            300,
            50,
            True,
            True,
            False,
        )
        assert (info.program_hash, info.model, info.core) == (made.hash, "net", "Cortex-M0")
        assert info.steps_per_frame == min(299 // 4, (299 - info.state_bytes) // 8)
        assert (link.self_test(), link.cycles(), link.stack()) == ((False, 16), (0, 0), (0, 0))


# trouble


def quick(device: FakeDevice, monkeypatch: pytest.MonkeyPatch) -> Link:
    monkeypatch.setattr(link_module, "_CONNECT_SECONDS", 0.01)
    return Link(device, timeout=0.05)


def test_a_board_remembers_the_sequence_number_of_another_host() -> None:
    device = FakeDevice(program(LAST))
    for _ in range(3):
        assert Link(device).info().model == "net"  # sequence 1, then 2, then 1


def test_sequence_numbers_wrap_without_zero() -> None:
    device = FakeDevice(program(LAST))
    link = Link(device)
    for _ in range(600):
        link.reset(0)
    sequences = [wire.decode(coded)[0][0] for coded in device.received]
    assert sequences == [i % 255 + 1 for i in range(601)]


def test_banner_and_noise_before_the_first_answer_are_dropped() -> None:
    device = FakeDevice(program(LAST))
    device.sent = b"ESP-ROM:\xff\x80\r\nrnn_edge 0.1.0 model net\r\n\0\0\x05ab\0"
    assert Link(device).info().core == "fake"


def test_a_board_that_boots_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    device = FakeDevice(program(LAST))
    late: list[float] = []

    def boots(data: bytes) -> None:
        late.append(time.monotonic())
        if len(late) > 2:
            device.__class__.write(device, data)

    monkeypatch.setattr(device, "write", boots)
    monkeypatch.setattr(link_module, "_CONNECT_SECONDS", 0.01)
    assert Link(device).info().model == "net" and len(late) >= 3


def test_a_request_that_arrives_damaged_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    device = FakeDevice(program(LAST))
    link = Link(device)
    link.info()
    spoils = [1, 1, 0, 1, 1, 1]

    def line(data: bytes) -> None:
        device.__class__.write(device, data[:4] + bytes([data[4] ^ 2]) + data[5:] if spoils.pop(0) else data)

    monkeypatch.setattr(device, "write", line)
    link.reset(1)
    with pytest.raises(LinkError, match="refused `reset`: it arrived damaged; check the cable"):
        link.reset(1)


def test_late_answers_are_dropped() -> None:
    device = FakeDevice(program(LAST))
    link = Link(device)
    link.info()
    device.sent += b"\0" + wire.encode(wire.request(1, 0x81, b"\0late")) + b"\0"
    device.sent += b"\0" + wire.encode(wire.request(2, 0x82, b"")) + b"\0"  # an answer without status is none
    assert link.stack() == (0, 0)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda coded: b"", "gave no answer within 0.05 s; check that it is flashed"),
        (lambda coded: coded[:-1], "gave no answer but 1 broken frames within 0.05 s"),
    ],
)
def test_silence_is_one_sentence(spoil: Callable[[bytes], bytes], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    device = FakeDevice(program(LAST))
    link = quick(device, monkeypatch)
    link.info()
    device.spoil = spoil
    with pytest.raises(LinkError, match=said) as caught:
        link.reset(0)
    assert caught.value.exit_code == 3
    with pytest.raises(LinkError, match="gave no answer"):
        quick(device, monkeypatch).info()


def test_a_lost_answer_is_not_taken_for_done() -> None:
    device = FakeDevice(program(LAST))
    link = Link(device)
    link.info()
    device._last = 2  # as if the board had executed the next request, and its answer got lost
    with pytest.raises(LinkError, match="refused `reset`: it was done before and its answer was lost"):
        link.reset(0)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda link: link.reset(2), "refused `reset`: instance, number of values or a token"),
        (lambda link: link.step(0, np.array([50])), "refused `step`: instance"),
        (lambda link: link.run(0, np.zeros((0, 1), dtype=np.int64)), "refused `run`: instance"),
        (lambda link: link.load(0, np.zeros(3, dtype=np.int64)), "refused `load`: instance"),
        (lambda link: link._ask(Request.SAVE, b""), "refused `save`"),
    ],
)
def test_refusals_are_sentences(call: Callable[[Link], Any], said: str) -> None:
    with pytest.raises(LinkError, match=said):
        call(Link(FakeDevice(program(TOKENS))))


def test_damaged_tables_and_unknown_status() -> None:
    device = FakeDevice(program(LAST), flags=0)
    with pytest.raises(LinkError, match="refused `step`: the tables in its flash are damaged; flash it again"):
        Link(device).step(0, np.zeros(3, dtype=np.int64))
    assert set(link_module._MEANING) == set(Status) - {Status.OK}
    device.answer = lambda coded: wire.request(1, 0x81, b"\x63")  # type: ignore[method-assign]
    with pytest.raises(LinkError, match="refused `info`: unknown status 99"):
        Link(device).info()


@pytest.mark.parametrize(
    ("data", "said"), [(b"", "version 1"), (b"\2" + bytes(80), "version 1"), (b"\1" + bytes(40), "damaged")]
)
def test_another_protocol_is_refused(data: bytes, said: str) -> None:
    device = FakeDevice(program(LAST))
    device.answer = lambda coded: wire.request(1, 0x81, b"\0" + data)  # type: ignore[method-assign]
    with pytest.raises(LinkError, match=said):
        Link(device).info()


def test_integers_that_do_not_fit_and_other_programs_are_refused() -> None:
    made = program(LAST)
    with pytest.raises(UserError, match="integers of 8 bits here; the largest given is 200"):
        Link(FakeDevice(made)).step(0, np.array([1, 200, 3]))
    with pytest.raises(LinkError, match=f"runs program {made.hash[:12]} of net, not .*; flash it"):
        play(Link(FakeDevice(made)), program(EVERY), [])


# the page


def test_the_frames_of_the_page_are_right() -> None:
    rows = dict(re.findall(r"^(request|answer) +([0-9a-f ]+)\nsent", DOCS.read_text(), re.MULTILINE))
    sent = [bytes.fromhex(row) for row in re.findall(r"^sent +([0-9a-f ]+)$", DOCS.read_text(), re.MULTILINE)]
    request, answer = Frame.from_wire(sent[0][1:-1]), Frame.from_wire(sent[1][1:-1])
    assert (request, answer) == (Frame(7, 3, b"\0\1\xfe\0"), Frame(7, 0x83, b"\0\x2c\1\xff\xff"))
    assert [frame.to_wire() for frame in (request, answer)] == sent
    assert [bytes.fromhex(rows[key]) for key in ("request", "answer")] == [cobs_decode(each[1:-1]) for each in sent]


class Port:
    """What the client of the page needs of pyserial."""

    def __init__(self, device: FakeDevice) -> None:
        self.write = device.write
        self._device, self._rest = device, b""

    def read_until(self, end: bytes) -> bytes:
        while end not in self._rest and (piece := self._device.read(0)):
            self._rest += piece
        line, zero, self._rest = self._rest.partition(end)
        return line + zero


def test_the_client_of_the_page_works() -> None:
    made = program(GRU)
    client: dict[str, Any] = {}
    exec(re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)[0], client)
    x = random_inputs(made, np.random.default_rng(0), 30)
    device = FakeDevice(made, payload=400)
    device.sent = b"rnn_edge\r\n\0"
    port = Port(device)
    status, info = client["ask"](port, 1, 1)
    assert status == 0 and bytes.fromhex(made.hash) in info
    outputs = [client["step"](port, 2 + i, 1, row.tolist()) for i, row in enumerate(x)]
    run = client["ask"](port, 90, 4, b"\1" + x.astype("<i1").tobytes())
    assert run[0] == 0
    expected = play_session(InterpreterSession(made), made, [Command("step", 0, row[None]) for row in x])
    size = made.values[made.output].size
    assert [list(y) for y in outputs] == [each.tolist()[:size] for each in expected]
    with pytest.raises(AssertionError, match="refused with status 4"):
        client["step"](port, 99, 5, x[0].tolist())
    device.spoil = lambda coded: b""
    with pytest.raises(TimeoutError):
        client["ask"](port, 100, 1)


@given(any_bytes)
def test_the_cobs_of_the_page_is_right(data: bytes) -> None:
    client: dict[str, Any] = {}
    exec(re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)[0], client)
    assert client["cobs"](data) == cobs_encode(data) and client["uncobs"](client["cobs"](data)) == data
