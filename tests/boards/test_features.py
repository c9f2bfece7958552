"""Features on emulated boards: the same integers as their definition, and what a frame takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile
from numpy.typing import NDArray

from rnn_edge import board
from rnn_edge.backends import c_features
from rnn_edge.backends.c_text import table
from rnn_edge.bench.counter import counter_of
from rnn_edge.board import Board
from rnn_edge.features import LogMel, Statistics
from tests import listening, signals
from tests.boards import avr
from tests.boards.programs import compiled, printed

HERE = Path(__file__).parent
SPEECH = LogMel()
SMALL = LogMel(rate_hz=4000, window=64, hop=32, fft=128, mels=5, low_hz=100, high_hz=2000)
RAM = 0x20000000
MOTION = Statistics(channels=6, window=50, hop=25)

MOST = {
    "mps2-an386": 60_000,
    "mps2-an385": 60_000,
    "mps3-an547": 60_000,
    "qemu-microbit": 150_000,
    "qemu-riscv32-virt": 80_000,
}
"""Instructions that a frame of speech may take, compiled with -O2."""

CASES = [pytest.param(name, SPEECH, 30_000) for name in MOST]
CASES += [pytest.param("mps2-an386", features, 30_000) for features in (SMALL, MOTION)]
CASES += [pytest.param("simavr-mega", features, 3000, marks=avr.NEEDS) for features in (SPEECH, SMALL, MOTION)]


@pytest.mark.parametrize("level", ["-Os", "-O2"])
@pytest.mark.parametrize(("name", "features", "samples"), CASES)
def test_boards_compute_the_definition(
    name: str, features: LogMel | Statistics, samples: int, level: str, tmp_path: Path
) -> None:
    at = board.load(name)
    x = np.concatenate([signals.speech(samples // 15 * 6, 20000), signals.extremes(samples // 30)["random signs"]])
    x = np.concatenate([x, signals.extremes(600)["quarter"]])[: len(x) // 6 * 6]
    expected = features.frames(x.reshape(-1, 6) if isinstance(features, Statistics) else x)
    elf = program(at, x, c_features.write(features, "model"), [level], tmp_path)
    most = frames(at, elf, list(expected))
    print(f"{name} {features.kind} of {features.window} {level}: {most:,} {counter_of(at).unit} a frame at most")
    if features == SPEECH and level == "-O2" and name in MOST:
        assert most < MOST[name]


def test_a_network_that_listens(tmp_path: Path) -> None:
    """Sizes are those of all symbols that another program with the same port has not."""
    at = board.load("mps2-an386")
    network = listening.network()
    x = np.concatenate([signals.speech(12000, 20000, seed) for seed in (1, 2)])
    scores, detections = listening.heard(network, x)
    expected = list(np.column_stack([scores, detections]).astype(np.int16))
    others = {name for name, *_ in sizes(program(at, x[:6], c_features.write(MOTION, "model"), ["-Os"], tmp_path))}
    for level in ("-Os", "-O2"):
        folder = tmp_path / level
        folder.mkdir()
        flags = [level, "-DLISTEN", "-fdata-sections", "-fstack-usage"]
        elf = program(at, x, listening.files(network), flags, folder)
        most = frames(at, elf, expected)
        own = [(size, in_ram) for name, size, in_ram in sizes(elf) if name not in others]
        flash, ram = (sum(size for size, in_ram in own if in_ram is kind) for kind in (False, True))
        stack = deepest(folder)
        print(f"listening {level}: {most:,} instructions a frame at most; flash {flash:,}, ", end="")
        print(f"variables {ram:,}, stack {stack:,} bytes")
        assert most < 128_000 and ram + stack < 4 << 10
        assert flash < 12 << 10 or level == "-O2"


@pytest.mark.parametrize("name", ["mps2-an386", "qemu-microbit"])
def test_another_compiler(name: str, tmp_path: Path) -> None:
    x = signals.extremes(20_000)["chirp"]
    elf = program(board.load(name), x, c_features.write(SPEECH, "model"), ["-O2"], tmp_path, "zig")
    frames(board.load(name), elf, list(SPEECH.frames(x)))


def program(
    at: Board,
    x: NDArray[np.int16],
    files: Mapping[str, str],
    flags: Sequence[str],
    folder: Path,
    compiler: str = "gcc",
) -> Path:
    """An ELF file of features_main.c, these files and a stream."""
    for name, text in {**files, "stream.h": stream(x)}.items():
        (folder / name).write_text(text)
    sources = [folder / name for name in files if name.endswith(".c")]
    return compiled(at, compiler, flags, [*sources, HERE / "features_main.c"], folder)


def frames(at: Board, elf: Path, expected: Sequence[NDArray[np.int16]]) -> int:
    """What a frame counts at most; fails where one is not as expected."""
    counter = counter_of(at)
    first, *lines = ([int(word, 16) for word in line.split()] for line in printed(at, elf, 60.0, counter.icount))
    assert [found for found, _ in lines] == [checksum(row) for row in expected]
    counter.check(at, first[1], first[0])
    return max(counter.count(ticks - first[0]) for _, ticks in lines)


def sizes(elf: Path) -> list[tuple[str, int, bool]]:
    """Every symbol with its bytes, and whether they are in RAM."""
    with elf.open("rb") as opened:
        symbols = ELFFile(opened).get_section_by_name(".symtab").iter_symbols()
        return [(one.name, one["st_size"], one["st_value"] >= RAM) for one in symbols]


def deepest(folder: Path) -> int:
    """Bytes of stack of the deepest chain of calls: that to the features, with the largest function that they call."""
    lines = [line.split("\t") for path in folder.glob("*.su") for line in path.read_text().splitlines()]
    frame = {place.rpartition(":")[2]: int(size) for place, size, _ in lines}
    leaves = (frame.get(name, 0) for name in ("butterfly", "put_windowed", "turn_of"))
    return sum(frame[name] for name in ("listen", "kws_features_frame", "rnn_log_mel_frame")) + max(leaves)


def stream(x: NDArray[np.int16]) -> str:
    made = table("int16_t", "stream", x.astype(np.int64))
    head = f'#include "rnn_core.h"\nenum {{ STREAM = {len(x)} }};\n'
    return f"{head}static const RNN_FLASH int16_t stream[STREAM] = {{\n{made.lines}\n}};\n"


def checksum(frame: NDArray[np.int16]) -> int:
    """FNV-1a of its bytes, little-endian."""
    total = 2166136261
    for byte in frame.astype("<i2").tobytes():
        total = (total ^ byte) * 16777619 % 2**32
    return total
