"""Files of recordings: every format read, every refusal one sentence."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rnn_edge.errors import UserError
from rnn_edge.recordings import Stream, csv_file, wav_file
from tests.core.recordings import wav

ROWS = [[0.5, -1.0], [1.5, 2.0], [2.5, 4e-3]]


def chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def riff(
    tag: int, bits: int, data: bytes, channels: int = 1, extra: bytes = b"", frame_bytes: int | None = None
) -> bytes:
    size = channels * bits // 8 if frame_bytes is None else frame_bytes
    layout = struct.pack("<HHIIHH", tag, channels, 8000, 8000 * size, size, bits) + extra
    body = b"WAVE" + chunk(b"LIST", b"odd") + chunk(b"fmt ", layout) + chunk(b"data", data)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def steps(path: Path, reader: Callable[[Path], Stream] = csv_file.open_file) -> list[list[float]]:
    return [row for part in reader(path).chunks() for row in part.tolist()]


@pytest.mark.parametrize(
    ("text", "names", "dropped", "rate"),
    [
        ("0.5,-1\n1.5,2\n2.5,4e-3\n", ("channel 1", "channel 2"), None, None),
        ("ax,ay\r\n0.5,-1\r\n1.5,2\r\n2.5,4e-3\r\n", ("ax", "ay"), None, None),
        ("\ufeffax;ay\n0,5;-1,0\n\n1,5;2\n2,5;0,004\n", ("ax", "ay"), None, None),
        ('# made by hand\n"ax"\t"ay"\n"0.5"\t-1\n1.5\t2\n2.5\t4e-3', ("ax", "ay"), None, None),
        ("time_ms,ax,ay\n0,0.5,-1\n20,1.5,2\n40,2.5,4e-3\n", ("ax", "ay"), "time_ms", 50.0),
        ("ax,t [s],ay\n0.5,1.0,-1\n1.5,1.5,2\n2.5,2,4e-3\n", ("ax", "ay"), "t [s]", 2.0),
        ("Timestamp,ax,ay\n2026-01-01 10:00,0.5,-1\n2026-01-01 10:01,1.5,2\n2026-01-01 10:02,2.5,4e-3\n",
         ("ax", "ay"), "Timestamp", None),
    ],
)  # fmt: skip
def test_csv(tmp_path: Path, text: str, names: tuple[str, ...], dropped: str | None, rate: float | None) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text, encoding="utf-8", newline="")
    stream = csv_file.open_file(path)
    assert (stream.channels, stream.dropped) == (names, dropped)
    assert stream.rate_hz == (None if rate is None else pytest.approx(rate))
    assert steps(path) == np.array(ROWS, np.float32).tolist()


@pytest.mark.parametrize(
    ("header", "last", "dropped"),
    [
        ("t,T", 3, "t"),
        ("date,time_ms,T", 3, "date, time_ms"),
        ("T,time", 3, "time"),
        ("T,time", 1, None),  # it falls, so it is no time
        ("t_out,ay", 3, None),
        ("sample value,ay", 3, None),
        ("sample,ay", 3, "sample"),
    ],
)
def test_csv_time_by_its_name(tmp_path: Path, header: str, last: int, dropped: str | None) -> None:
    path = tmp_path / "a.csv"
    rows = (",".join([str(value)] * len(header.split(","))) for value in (1, 2, last))
    path.write_text("\n".join([header, *rows]))
    stream = csv_file.open_file(path)
    assert stream.dropped == dropped
    assert stream.channels == tuple(name for name in header.split(",") if name not in (dropped or "").split(", "))


def test_csv_time_without_a_name_climbs_evenly(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    for start, dropped in (("{}", "column 1"), ("{}.5", "column 1"), ("{0}{0}", "column 1"), ("-{}", None)):
        path.write_text("".join(f"{start.format(i + 1)},{i % 3}\n" for i in range(9)))
        assert csv_file.open_file(path).dropped == dropped
    path.write_text("".join(f"{i * i},{i % 3}\n" for i in range(9)))
    assert csv_file.open_file(path).channels == ("channel 1", "channel 2")


def test_csv_row_numbers_reach_across_blocks(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text("\n# note\n" + "1,2\n" * 9000 + "1,?\n")
    with pytest.raises(UserError, match="long.csv, row 9003: column 2 holds '\\?', a finite number is needed"):
        steps(path)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("ax,ay\n", "has a header and no row"),
        ("ax,ax\n1,2\n", "row 1 has two columns named 'ax'"),
        ("time\n1\n2\n", "has no column but the time"),
        ("ax,ay\n1,2\n1,nan\n", "row 3: ay holds 'nan', a finite number is needed"),
        ("ax,ay\n1,2\n-inf,1\n", "row 3: ax holds '-inf'"),
        ("ax,ay\n1,2\n\n1e39,1\n", "row 4: ax holds '1e39'"),
        ("ax,ay\n1,2\n1,\n", "row 3: ay is empty"),
        ("ax,ay\n1,2\n1_0,2\n", "row 3: ax holds '1_0'"),
        ("1,x\n1,2\n", "row 1: column 2 holds 'x'"),
        ("ax,ay\n1,2\n1,2,3\n", "row 3 has 3 cells, the first row has 2"),
        ("ax,ay\n1,2\n1", "row 3 has 1 cells, the first row has 2"),
        ("t_ms,ax\n10,2\n20,3\n1\n", "row 4 has 1 cells, the first row has 2"),
        ("t_ms,ax\n10,2\nx,3\n", "row 3: t_ms holds 'x', a number is needed as in the first row"),
        ("1,2\n" + "1" * 70000 + ",2\n", "row 2 is longer than"),
        (b"\xff\xfe1,2", "is not UTF-8 text"),
    ],
)
def test_csv_refused(tmp_path: Path, text: str | bytes, sentence: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(UserError, match=f"bad.csv.*{sentence}") as caught:
        steps(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("tag", "bits", "data", "expected"),
    [
        (1, 8, bytes([0, 128, 255]), [-1, 0, 127 / 128]),
        (1, 16, struct.pack("<3h", -32768, 0, 32767), [-1, 0, 32767 / 32768]),
        (1, 24, b"\0\0\x80\0\0\0\xff\xff\x7f", [-1, 0, (2**23 - 1) / 2**23]),
        (1, 32, struct.pack("<3i", -(2**31), 0, 2**30), [-1, 0, 0.5]),
        (3, 32, struct.pack("<3f", -1, 0, 1.5), [-1, 0, 1.5]),
    ],
)
def test_wav(tmp_path: Path, tag: int, bits: int, data: bytes, expected: list[float]) -> None:
    path = tmp_path / "a.wav"
    for content in (
        riff(tag, bits, data),
        riff(0xFFFE, bits, data, extra=struct.pack("<HHIH", 22, bits, 0, tag) + bytes(14)),
    ):
        path.write_bytes(content)
        stream = wav_file.open_file(path)
        assert (stream.channels, stream.rate_hz) == (("channel 1",), 8000.0)
        assert steps(path, wav_file.open_file) == [[value] for value in expected]


def test_wav_as_python_writes_it(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).integers(-(2**15), 2**15, (100_000, 3)).astype(np.int16)
    read_back = np.array(steps(wav(tmp_path / "a.wav", samples), wav_file.open_file))
    assert np.array_equal(read_back * 32768, samples)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"RIFX" + riff(1, 16, b"12")[4:], "is not a WAV file"),
        (riff(1, 16, b"12")[:20], "ends before its samples"),
        (riff(1, 16, b"12" * 50)[:-40], "is cut short, it says 100 bytes of samples and has 60"),
        (riff(1, 16, b""), "holds no sample"),
        (riff(6, 8, b"12"), "samples of format 6 with 8 bits, accepted are PCM"),
        (riff(1, 12, b"12"), "samples of format 1 with 12 bits"),
        (riff(1, 16, b"12", channels=0), "says 0 channels"),
        (riff(1, 16, b"12", frame_bytes=7), "7 bytes a frame, which cannot be"),
        (riff(3, 32, struct.pack("<3f", 0, 0, np.nan)), "sample 2 is not a finite number"),
        (b"RIFF\0\0\0\0WAVE" + chunk(b"data", b"12"), "has samples before their format"),
        (b"RIFF\0\0\0\0WAVE" + chunk(b"fmt ", b"12") + chunk(b"data", b"12"), "has a damaged format chunk"),
    ],
)
def test_wav_refused(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "bad.wav").write_bytes(content)
    with pytest.raises(UserError, match=f"bad.wav.*{sentence}"):
        steps(tmp_path / "bad.wav", wav_file.open_file)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(
        [riff(1, 24, bytes(30)), riff(3, 32, bytes(32), channels=2), b"time_ms,ax\n1,2\n3,4\n", b"1;2\n3;4"]
    ),
    st.lists(st.tuples(st.integers(0, 120), st.integers(0, 255)), max_size=4),
    st.integers(0, 120),
)
def test_damaged_files_are_read_or_refused(
    tmp_path: Path, content: bytes, changes: list[tuple[int, int]], length: int
) -> None:
    damaged = bytearray(content)
    for position, value in changes:
        damaged[position % len(damaged)] = value
    path = tmp_path / "odd"
    path.write_bytes(damaged[: max(length, 1)])
    for reader in (csv_file.open_file, wav_file.open_file):
        try:
            assert np.isfinite(steps(path, reader)).all()
        except UserError as error:
            assert "\n" not in str(error)
