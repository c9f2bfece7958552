"""The device firmware over its link: every command, every error, whole scripts; always under the sanitizers."""

from __future__ import annotations

import ctypes
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rnn_edge import __version__
from rnn_edge.backends import c
from rnn_edge.calibrate import calibrate
from rnn_edge.errors import LinkError, RnnEdgeError
from rnn_edge.ir.interpret import InterpreterSession
from rnn_edge.ir.program import Program
from rnn_edge.ir.quantize_input import from_float
from rnn_edge.link import play
from rnn_edge.link.device_info import least_payload
from rnn_edge.paths import FIRMWARE, Artifacts
from rnn_edge.quantize import quantize
from rnn_edge.runtimes.c_host import compile_c
from rnn_edge.script import interpret
from rnn_edge.script import script as vectors_script
from rnn_edge.source import open_source
from rnn_edge.vectors import Command
from rnn_edge.vectors import play as play_session
from tests import fake_device as wire
from tests.c.builds import FAST, inputs, script, usable
from tests.c.devices import CORE, PAYLOAD, Files, build_device, frames_of, start
from tests.networks import NETWORKS, STACKS, Network, program

LAST, EVERY, TOKENS = STACKS[0], STACKS[1], STACKS[3]
"""The output read at the end, read at every step, and that with tokens."""


@pytest.fixture(scope="module", params=[LAST, EVERY, TOKENS], ids=lambda network: network.id)
def device(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Program, Path]:
    made = program(request.param, "int16x8" if request.param == EVERY else "int8")
    return made, build_device(made, tmp_path_factory.mktemp("device"))


@pytest.mark.parametrize("turn, network", list(enumerate(NETWORKS[::2])))
def test_scripts_are_exact_through_the_link(turn: int, network: Network, tmp_path: Path) -> None:
    scheme, output = ("int8", "int16x8")[turn % 2], ("int16", "int8")[turn // 2 % 2]
    made = program(network, scheme, output)
    binary = build_device(made, tmp_path, ("gcc", "clang")[turn % 2], least_payload(made, CORE))
    expected = list(play_session(InterpreterSession(made), made, script(made)))
    with start(binary) as link:
        assert [found.tolist() for found in play(link, made, script(made))] == [each.tolist() for each in expected]
        assert link.self_test() == (True, 16)


def test_info_and_banner(device: tuple[Program, Path]) -> None:
    made, binary = device
    x, y = made.values[made.input], made.values[made.output]
    with start(binary) as link:
        info = link.info()
    assert (info.protocol, info.instances, info.payload) == (1, 2, PAYLOAD)
    assert (info.inputs, info.input_bits) == (x.size, 8 * np.dtype(x.dtype).itemsize)
    assert (info.outputs, info.output_bits, info.every_step) == (y.size, 16, made.every_step)
    assert (info.tokens, info.program_hash) == (made.tokens or 0, made.hash)
    assert info.state_bytes == 2 * sum(made.values[state.name].size for state in made.states)
    assert (info.tables_ok, info.self_test_ok) == (True, True)
    assert (info.model, info.version, info.core) == (made.name, __version__, CORE)
    (banner,) = frames_of(binary, b"")
    facts = f"rnn_edge {__version__} model net program {made.hash[:12]} core {CORE}"
    assert banner.decode() == f"{facts} tables ok self-test ok (16 steps)\r\n"


def test_states_move_to_the_other_instance_and_stay_apart(device: tuple[Program, Path]) -> None:
    made, binary = device
    rng = np.random.default_rng(0)
    x = inputs(made, 12, rng)
    with start(binary) as link:
        assert not link.save(0).any() and not link.save(1).any()
        for row in x[:5]:
            link.step(0, row)
        saved = link.save(0)
        assert saved.any() and not link.save(1).any()
        link.load(1, saved)
        first, second = ([link.step(i, row, states=True).tolist() for row in x[5:]] for i in (0, 1))
        assert first == second
        link.reset(0)
        assert not link.save(0).any() and link.save(1).tolist() == second[-1][-len(saved) :]
        drawn = rng.integers(-32768, 32768, len(saved))
        link.load(0, drawn)
        assert link.save(0).tolist() == drawn.tolist()


def test_instances_in_turn(device: tuple[Program, Path]) -> None:
    made, binary = device
    both = [inputs(made, 20, np.random.default_rng(seed)) for seed in (0, 1)]
    with start(binary) as link:
        alone = []
        for x in both:
            link.reset(0)
            alone.append([link.step(0, row).tolist() for row in x])
        link.reset(0)
        in_turn = [[link.step(i, x[t]).tolist() for i, x in enumerate(both)] for t in range(20)]
    assert [list(each) for each in zip(*in_turn, strict=True)] == alone


def test_a_run_is_its_steps_and_its_parts(device: tuple[Program, Path], tmp_path: Path) -> None:
    made, binary = device
    x = inputs(made, 150, np.random.default_rng(0))
    large = build_device(made, tmp_path, payload=4096)
    with start(binary) as small_link, start(large) as large_link:
        assert small_link.info().steps_per_frame < len(x) <= large_link.info().steps_per_frame
        whole, split = (link.run(0, x, states=True).tolist() for link in (large_link, small_link))
        steps = [small_link.step(1, row).tolist() for row in x]
        last = small_link.step(1, x[0], states=True)
        assert whole == split
        expected = [value for step in steps for value in step] if made.every_step else steps[-1]
        assert whole[: len(expected)] == expected
        assert small_link.step(0, x[0], states=True).tolist() == last.tolist()


def test_cycles_and_stack(device: tuple[Program, Path]) -> None:
    made, binary = device
    x = inputs(made, 20, np.random.default_rng(0))
    with start(binary) as link:
        assert link.cycles() == (0, 10**9)
        link.run(0, x)
        cycles, _ = link.cycles()
        assert 0 < cycles < 10**9
        link.reset(0)
        assert link.cycles() == (cycles, 10**9)
        assert link.stack() == (100, 1024)  # what the host port says that it uses


def bundled(name: str, folder: Path) -> tuple[Program, list[Command]]:
    """A bundled model and the script of its vectors.txt."""
    source = open_source(name, Artifacts(folder / "nothing", name), None)
    ranges = calibrate(source.model, source.calibration.x, source.calibration.lengths, source.input_percentile)
    made = quantize(source.model, ranges, "int8", source.output, source.classes, source.raw_unit)
    test = source.test
    return made, vectors_script(made, from_float(made, test.x), test.lengths, test.labels)


@pytest.mark.parametrize("name", ["vowels", "power"])
def test_bundled_models_play_their_whole_script(name: str, tmp_path: Path) -> None:
    made, commands = bundled(name, tmp_path)
    expected = interpret(made, commands)
    with start(build_device(made, tmp_path, "clang" if name == "power" else "gcc", 1024)) as link:
        found = play(link, made, commands)
    assert len(found) == len(expected) > 500
    assert sum(not np.array_equal(a, b) for a, b in zip(found, expected, strict=True)) == 0


def test_crc_is_that_of_zlib(tmp_path: Path) -> None:
    library = tmp_path / "kernels.so"
    source = FIRMWARE / "kernels" / "rnn_kernels.c"
    compile_c(usable(FAST[0]).compiler, [*c.WARNINGS, "-O1", "-shared", "-fPIC"], [source], library)
    crc = ctypes.CDLL(str(library)).rnn_crc32
    crc.restype = ctypes.c_uint32
    assert crc(0, b"123456789", 9) == 0xCBF43926 and crc(5, b"", 0) == 5
    data = np.random.default_rng(0).bytes(1000)
    for n in range(0, 1000, 37):
        assert crc(crc(0, data, n), data[n:], 1000 - n) == zlib.crc32(data)


# errors


def talk(binary: Path, frames: list[bytes]) -> list[tuple[int, int, int, bytes]]:
    """Sequence, command, status and data of the answers to coded frames."""
    sent = b"".join(b"\0" + coded + b"\0" for coded in frames)
    answers = []
    for coded in frames_of(binary, sent)[1:]:
        frame, whole = wire.decode(coded)
        assert whole and wire.with_crc(frame[:-4]) == frame and frame[2:4] == struct.pack("<H", len(frame) - 8)
        answers.append((frame[0], frame[1], frame[4], frame[5:-4]))
    return answers


def bad_requests(made: Program) -> list[tuple[str, bytes, int]]:
    """What is wrong, the frame before COBS, the status it has to get; sequence 9 where one can be read."""
    x = inputs(made, 1, np.random.default_rng(1)).astype(f"<i{np.dtype(made.values['x'].dtype).itemsize}").tobytes()
    good = wire.request(9, wire.STEP, b"\0" + x)
    longer = wire.with_crc(bytes([9, wire.STEP]) + struct.pack("<H", len(x)) + b"\0" + x)
    too_long = wire.request(9, wire.RUN, bytes(PAYLOAD + 1))
    rows = [
        (f"bit {i}", good[:i] + bytes([good[i] ^ 1 << i % 8]) + good[i + 1 :], wire.DAMAGED) for i in range(len(good))
    ]
    rows += [(f"cut to {n}", good[:n], wire.DAMAGED) for n in range(len(good))]
    rows += [(f"{n} bytes", wire.with_crc(bytes(n)), wire.DAMAGED) for n in range(4)]
    rows += [("other length", longer, wire.WRONG_LENGTH), ("too long", too_long, wire.WRONG_LENGTH)]
    rows += [(f"no counters {n}", wire.request(9, n, p), 7) for n in (10, 11) for p in (b"", b"\0", bytes(4))]
    rows += [("far too long", wire.request(9, wire.RUN, bytes(70_000)[:65_535]), wire.WRONG_LENGTH)]
    rows += [(f"command {n}", wire.request(9, n, b"\0"), wire.UNKNOWN) for n in (0, 12, 127, 128, 0x83, 255)]
    wrong = [(wire.INFO, b"\0"), (wire.SELF_TEST, b"\0"), (wire.CYCLES, b"\0"), (wire.STACK, b"\0"), (wire.RESET, b"")]
    wrong += [(command, b"\2") for command in (wire.RESET, wire.SAVE)] + [(wire.RESET, b"\x80"), (wire.RESET, b"\0\0")]
    wrong += [(wire.SAVE, b""), (wire.SAVE, b"\x80"), (wire.SAVE, b"\0\0"), (wire.LOAD, b""), (wire.LOAD, b"\0")]
    wrong += [(wire.LOAD, bytes(made_bytes)) for made_bytes in (state_bytes(made), state_bytes(made) + 2)]
    wrong += [(command, byte + x) for command in (wire.STEP, wire.RUN) for byte in (b"\2", b"\x7f", b"\x82", b"\xff")]
    wrong += [(wire.STEP, b""), (wire.STEP, b"\0"), (wire.STEP, b"\0" + x[:-1]), (wire.STEP, b"\0" + x + x)]
    wrong += [(wire.RUN, b""), (wire.RUN, b"\0"), (wire.RUN, b"\0" + x + b"\0")]
    if made.tokens is not None:
        tokens = (made.tokens, -1, -(2**31), 2**31 - 1)
        wrong += [(wire.RUN, b"\0" + x + struct.pack("<i", token)) for token in tokens]
    return rows + [(f"argument {c} {p.hex()}", wire.request(9, c, p), wire.BAD_ARGUMENT) for c, p in wrong]


def state_bytes(made: Program) -> int:
    return 2 * sum(made.values[state.name].size for state in made.states)


def test_every_error_has_its_status_and_changes_nothing(device: tuple[Program, Path]) -> None:
    made, binary = device
    bad = bad_requests(made)
    states = np.random.default_rng(2).integers(-32768, 32768, state_bytes(made) // 2).astype("<i2").tobytes()
    loads = [wire.request(i + 1, wire.LOAD, bytes([i]) + states) for i in (0, 1)]
    asked = [wire.request(4, wire.SAVE, b"\0"), wire.request(5, wire.SAVE, b"\1")]
    frames = [*loads, *(frame for _, frame, _ in bad), *asked]
    first, second, *answers, kept, also_kept = talk(binary, [wire.encode(frame) for frame in frames if frame])
    assert [first[2], second[2]] == [wire.OK, wire.OK]
    for (what, frame, status), answer in zip([row for row in bad if row[1]], answers, strict=True):
        readable = status not in (wire.DAMAGED, wire.WRONG_LENGTH)
        assert answer == ((9, frame[1] | 0x80) if readable else (0, 0x80)) + (status, b""), what
    assert kept == (4, 0x80 | wire.SAVE, wire.OK, states) and also_kept[3] == states


def test_a_cut_off_cobs_block_is_damaged(device: tuple[Program, Path]) -> None:
    coded = wire.encode(wire.request(1, wire.INFO))
    answers = talk(device[1], [coded[:-1], b"\xff" + coded, coded])
    assert [answer[:3] for answer in answers] == [(0, 0x80, 1), (0, 0x80, 1), (1, 0x81, 0)]


def test_a_repeated_request_is_not_executed_again(device: tuple[Program, Path]) -> None:
    made, binary = device
    x = inputs(made, 1, np.random.default_rng(1)).astype(f"<i{np.dtype(made.values['x'].dtype).itemsize}").tobytes()
    step, save = (wire.request(7, wire.STEP, b"\x80" + x), wire.request(8, wire.SAVE, b"\0"))
    refused = wire.request(9, wire.RESET, b"\2")
    frames = [step, step, wire.request(7, wire.RESET, b"\0"), save, refused, refused, save, wire.request(0, wire.INFO)]
    answers = talk(binary, [wire.encode(frame) for frame in frames])
    assert [answer[2] for answer in answers] == [wire.OK, 5, 5, wire.OK, 4, 4, 5, wire.OK]
    assert answers[0][3][-state_bytes(made) :] == answers[3][3]
    assert talk(binary, [wire.encode(wire.request(0, wire.INFO))])[0][2] == wire.OK  # nothing came before


def test_a_request_without_an_instance_reads_none(device: tuple[Program, Path]) -> None:
    # the byte there is of the CRC, and over all sequence numbers sometimes a good instance
    frames = [wire.request(i, command) for command in (wire.STEP, wire.RUN, wire.LOAD) for i in range(256)]
    assert {frame[4] for frame in frames} >= {0, 1}
    assert {answer[2] for answer in talk(device[1], [wire.encode(frame) for frame in frames])} == {wire.BAD_ARGUMENT}


def test_answers_of_every_cobs_block(tmp_path: Path) -> None:
    made = program(Network(("gru",), (300,), dense=()))
    states = [b"\1" * n + b"\0" + b"\2" * (599 - n) for n in range(240, 260)]
    states += [b"\1" * n + b"\0" * (600 - n) for n in (0, 1, 249, 250, 503, 504, 505, 600)]
    frames = [wire.request(2 * i, wire.LOAD, b"\0" + state) for i, state in enumerate(states)]
    frames = [frame for i, each in enumerate(frames) for frame in (each, wire.request(2 * i + 1, wire.SAVE, b"\0"))]
    answers = talk(build_device(made, tmp_path, payload=1300), [wire.encode(frame) for frame in frames])
    assert [answer[3] for answer in answers[1::2]] == states


def test_more_outputs_than_an_answer_holds_are_refused(tmp_path: Path) -> None:
    made = program(EVERY)
    x, y, states = 5, 6, state_bytes(made)
    payload = states + 14 * y  # an answer with states is one byte too long: its status
    with start(build_device(made, tmp_path, payload=payload)) as link:
        most, with_states = (payload - 1) // y, (payload - 1 - states) // y
        assert (payload - 1) // x > most > with_states == link.info().steps_per_frame
    rows = [(most, 0), (most + 1, 0), (with_states, 0x80), (with_states + 1, 0x80)]
    frames = [wire.request(i + 1, wire.RUN, bytes([flag]) + bytes(n * x)) for i, (n, flag) in enumerate(rows)]
    answers = talk(tmp_path / f"device-gcc-{payload}", [wire.encode(frame) for frame in frames])
    assert [answer[2] for answer in answers] == [wire.OK, wire.BAD_ARGUMENT, wire.OK, wire.BAD_ARGUMENT]


# what is found at boot


def altered(name: str, before: str) -> Callable[[Files], None]:
    """Changes the lowest bit of the number behind the first `before` in a generated file."""

    def change(files: Files) -> None:
        files[name], count = re.subn(
            rf"({before})(-?\d+)", lambda match: f"{match[1]}{int(match[2]) ^ 1}", files[name], count=1
        )
        assert count == 1

    return change


HERE = r"defined\(RNN_WIDE\)[\s\S]*?"  # the layout that the host compiles
CRC = altered("net.h", rf"{HERE}TABLES_CRC UINT32_C\(0x[A-F]*(?=\d)")
TABLES = {
    table: altered("net_tables.h", rf"{HERE}_{table}\[.*\{{\s*") for table in ("weight", "bias", "multiplier")
} | {"table": altered("net_tables.h", r"_table\[.*\{\s*")}


@pytest.mark.parametrize("what", ["crc", *TABLES])
def test_damaged_tables_are_found_and_steps_refused(what: str, tmp_path: Path) -> None:
    made = program(TOKENS)
    binary = build_device(made, tmp_path, change=TABLES.get(what, CRC))
    (banner,) = frames_of(binary, b"")
    assert b" tables DAMAGED self-test FAILED (16 steps)" in banner
    states = np.arange(state_bytes(made) // 2)
    with start(binary) as link:
        assert (link.info().tables_ok, link.info().self_test_ok) == (False, False)
        link.load(0, states)
        for compute in (link.step, link.run):
            with pytest.raises(LinkError, match="the tables in its flash are damaged; flash it again"):
                compute(0, np.array([[1]]))
        assert link.save(0).tolist() == states.tolist() and link.self_test() == (False, 16)


@pytest.mark.parametrize("what", ["outputs", "states"])
def test_a_failing_self_test_is_found(what: str, tmp_path: Path) -> None:
    made = program(LAST)
    binary = build_device(made, tmp_path, change=altered("model_self_test.h", rf"_{what}\[.*\{{\s*"))
    (banner,) = frames_of(binary, b"")
    assert b" tables ok self-test FAILED (16 steps)" in banner
    with start(binary) as link:
        assert (link.info().tables_ok, link.info().self_test_ok) == (True, False)
        assert link.self_test() == (False, 16)


@pytest.mark.parametrize("network", [LAST, EVERY, TOKENS, STACKS[5]], ids=lambda network: network.id)
def test_a_payload_that_is_too_small_does_not_compile(network: Network, tmp_path: Path) -> None:
    made = program(network)
    with pytest.raises(RnnEdgeError, match="device_payload_holds"):
        build_device(made, tmp_path, payload=least_payload(made, CORE) - 1)
