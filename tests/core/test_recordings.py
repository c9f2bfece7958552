"""Folders of recordings: every format read, every refusal one sentence, long files never held."""

from __future__ import annotations

import struct
import tracemalloc
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from rnn_edge.datasets import Dataset
from rnn_edge.errors import UserError
from rnn_edge.recordings import Stream, csv_file, wav_file
from rnn_edge.recordings import read as reading
from rnn_edge.recordings.read import read
from rnn_edge.recordings.windows import Cutting

ROWS = [[0.5, -1.0], [1.5, 2.0], [2.5, 4e-3]]


def csv(path: Path, rows: int = 40, seed: int = 0, header: str = "ax,ay\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(seed).normal(size=(rows, 2))
    path.write_text(header + "".join(f"{a:.5f},{b:.5f}\n" for a, b in values))
    return path


def wav(path: Path, samples: NDArray[np.int16], rate: int = 8000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())
    return path


def chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def riff(
    tag: int, bits: int, data: bytes, channels: int = 1, extra: bytes = b"", frame_bytes: int | None = None
) -> bytes:
    size = channels * bits // 8 if frame_bytes is None else frame_bytes
    layout = struct.pack("<HHIIHH", tag, channels, 8000, 8000 * size, size, bits) + extra
    body = b"WAVE" + chunk(b"LIST", b"odd") + chunk(b"fmt ", layout) + chunk(b"data", data)
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of four CSV recordings, 40 steps each."""
    for label in ("run", "walk"):
        for k in range(4):
            csv(tmp_path / "own" / label / f"{k}.csv", seed=k + 10 * (label == "run"))
    return tmp_path / "own"


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


def groups_of(data: Dataset) -> tuple[set[str], set[str]]:
    assert data.train.group is not None and data.test.group is not None
    train, test = ({data.groups[i] for i in part.tolist()} for part in (data.train.group, data.test.group))
    return train, test


def test_folder_of_whole_recordings(folder: Path) -> None:
    (folder / "notes.txt").write_text("mine")
    (folder / "run" / ".DS_Store").write_text("hidden")
    csv(folder / "run" / "5.csv", rows=25)
    data = read(folder, Cutting())
    assert data.name == "own" and data.classes == ("run", "walk") and data.channels == ("ax", "ay")
    assert len(data.train) + len(data.test) == 9 and sorted({*data.train.lengths, *data.test.lengths}) == [25, 40]
    train, test = groups_of(data)
    assert not train & test and len(train | test) == 9
    again = read(folder, Cutting())
    assert np.array_equal(data.train.x, again.train.x) and np.array_equal(data.test.x, again.test.x)


def test_windows_stay_with_their_recording(folder: Path) -> None:
    data = read(folder, Cutting(0.2, 0.1, rate_hz=50))
    assert data.train.x.shape[1:] == (10, 2) and len(data.train) + len(data.test) == 8 * 7
    assert not set.intersection(*groups_of(data))
    walk = np.loadtxt(folder / "walk" / "0.csv", np.float32, delimiter=",", skiprows=1)
    owned = [part.x[part.group == data.groups.index("walk/0.csv")] for part in (data.train, data.test)]
    assert np.array_equal(np.concatenate(owned), [walk[start : start + 10] for start in range(0, 31, 5)])


def test_groups_are_folders_inside_a_class(tmp_path: Path) -> None:
    for label in ("run", "walk"):
        for person in ("ann", "bob", "cy"):
            for k in range(3):
                csv(tmp_path / label / person / f"{k}.csv")
    data = read(tmp_path, Cutting())
    assert data.groups == ("ann", "bob", "cy") and len(groups_of(data)[1]) == 1
    assert np.bincount(data.test.y).tolist() == [3, 3]


def test_labels_file(folder: Path) -> None:
    names = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*.csv"))]
    rows = [f"{name};{'odd' if i % 2 else 'even'};p{i // 4}\n" for i, name in enumerate(names)]
    (folder / "labels.csv").write_text("file;label;group\n" + "".join(rows))
    data = read(folder, Cutting())
    assert data.classes == ("even", "odd") and data.groups == ("p0", "p1")
    assert np.bincount(data.train.y).tolist() == np.bincount(data.test.y).tolist() == [2, 2]


def test_wav_folder_is_resampled_with_a_note(tmp_path: Path) -> None:
    for label, hertz in (("high", 400), ("low", 100)):
        for k, rate in enumerate((8000, 16000, 16000)):
            sound = 10000 * np.sin(2 * np.pi * hertz * np.arange(rate) / rate + k)
            wav(tmp_path / label / f"{k}.wav", sound.astype(np.int16), rate)
    with pytest.raises(UserError, match="0.wav has 8000 steps a second and .*wav has 16000: add rate_hz"):
        read(tmp_path, Cutting(0.1))
    data = read(tmp_path, Cutting(0.1, rate_hz=8000))
    assert data.train.x.shape[1:] == (800, 1) and len(data.train) + len(data.test) == 60
    assert data.notes == ("4 of 6 recordings were resampled from 16000 Hz to 8000 Hz by a polyphase filter.",)
    power = np.abs(np.fft.rfft(np.concatenate([data.train.x, data.test.x])[..., 0], axis=1))
    peaks = power.argmax(axis=1) * 10
    assert peaks.tolist() == np.where(np.concatenate([data.train.y, data.test.y]) == 0, 400, 100).tolist()


Change = Callable[[Path], object]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda own: csv(own / "a.csv"), "a.csv has no class: put it into a subfolder"),
        (lambda own: (own / "run" / "a.mp3").write_text(""), "a.mp3 is not a recording that can be read"),
        (lambda own: csv(own / "run" / "a" / "b" / "c.csv"), "c.csv lies too deep"),
        (lambda own: wav(own / "run" / "a.wav", np.zeros(9, np.int16)), "own holds both .csv and .wav"),
        (lambda own: (own / "sit").mkdir(), "own/sit holds no recording: put recordings of class 'sit' there"),
        (lambda own: csv(own / "run" / "a\nb.csv"), r"has the name 'run/a\\nb.csv', which cannot be printed"),
        (lambda own: csv(own / "run" / "\udcff.csv"), r"has the name 'run/\\udcff.csv', which cannot be printed"),
        (lambda own: csv(own / "sit" / "0.csv"), "Class 'sit' has one recording only, .*sit/0.csv"),
        (lambda own: csv(own / "walk" / "a.csv", header="ay,ax\n"), r"a.csv has 2 channels \(ay, ax\), .*0.csv has 2"),
        (lambda own: (own / "walk" / "a.csv").write_text("1\n2\n"), r"a.csv has 1 channel \(channel 1\)"),
        (lambda own: csv(own / "walk" / "a.csv", rows=4), "a.csv has 4 steps, which is too short for a window of 10"),
        (lambda own: label_all(own, "p"), "all sequences are in one group, 'p'"),
    ],
)  # fmt: skip
def test_folder_refused(folder: Path, change: Change, sentence: str) -> None:
    change(folder)
    with pytest.raises(UserError, match=sentence) as caught:
        read(folder, Cutting(0.2, rate_hz=50))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "labels.csv, row 1 is '', it must be file,label"),
        ("file,class\n", "labels.csv, row 1 is 'file,class'"),
        ("file,label\n\n", "labels.csv has no row below the first"),
        ("file,label\nrun/0.csv\n", "labels.csv, row 2 has 1 cells, the first row has 2"),
        ("file,label\nx.csv,a\n", "labels.csv, row 2: there is no file .*x.csv"),
        ("file,label\n../own/run/0.csv,a\n", "row 2: there is no file"),
        ("file,label\nrun/0.csv, \n", "row 2: run/0.csv has an empty label"),
        ("file,label,group\nrun/0.csv,a,\n", "row 2: run/0.csv has an empty group"),
        ("file,label\nrun/0.csv,a\n\nrun/0.csv,a\n", "row 4: run/0.csv has a row already"),
        ("file,label\nrun/notes.txt,a\n", "notes.txt is not a recording that can be read"),
        ("file,label\nrun/0.csv,a\n", "run/1.csv has no row in .*labels.csv"),
        (b"\xff", "labels.csv is not UTF-8 text"),
        ("file,label\nrun/0.csv," + 200_000 * "a", "labels.csv, row 2 is no row of a CSV file"),
    ],
)
def test_labels_file_refused(folder: Path, text: str | bytes, sentence: str) -> None:
    (folder / "run" / "notes.txt").write_text("mine")
    (folder / "labels.csv").write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(UserError, match=sentence) as caught:
        read(folder, Cutting())
    assert "\n" not in str(caught.value)


def label_all(own: Path, group: str) -> None:
    names = [path.relative_to(own).as_posix() for path in sorted(own.rglob("*.csv"))]
    (own / "labels.csv").write_text("file,label,group\n" + "".join(f"{n},{n[:3]},{group}\n" for n in names))


def test_folders_that_hold_too_little(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="empty holds no recording: make a subfolder for each class"):
        read(tmp_path / "empty", Cutting())
    csv(tmp_path / "one" / "run" / "0.csv")
    with pytest.raises(UserError, match="one has recordings of one class only, 'run'"):
        read(tmp_path / "one", Cutting())
    with pytest.raises(UserError, match="do not say how many steps a second"):
        read(folder, Cutting(1.0))
    with pytest.raises(UserError, match="A window of 0.001 s every 0.001 s has less than one step at 50 Hz"):
        read(folder, Cutting(0.001, rate_hz=50))


def test_rates_too_far_apart(tmp_path: Path) -> None:
    for label in "ab":
        for k in range(2):
            wav(tmp_path / label / f"{k}.wav", np.zeros(100, np.int16))
    with pytest.raises(UserError, match="has 8000 steps a second, rate_hz is 1, and at most a factor of 1000"):
        read(tmp_path, Cutting(rate_hz=1))


def test_more_than_may_be_held(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_SEQUENCE_BYTES", 2000)
    assert len(read(folder, Cutting(0.2, 1.0, rate_hz=50)).train)
    for cutting in (Cutting(), Cutting(0.2, 0.1, rate_hz=50)):
        with pytest.raises(UserError, match="the sequences take more than 0 MiB: set window_s"):
            read(folder, cutting)
    # A short recording counts as long as the longest, to which it is padded.
    monkeypatch.setattr(reading, "_SEQUENCE_BYTES", 4000)
    read(folder, Cutting())
    csv(folder / "run" / "9.csv", rows=60)
    with pytest.raises(UserError, match="With .*9.csv the sequences take more"):
        read(folder, Cutting())


def peak_of(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_long_wav_is_never_held(tmp_path: Path) -> None:
    """Ten minutes at 16 kHz, 38 MB as float32, of which few windows are kept."""
    for label in "ab":
        wav(tmp_path / label / "0.wav", np.zeros(16000, np.int16), 16000)
        wav(tmp_path / label / "1.wav", np.zeros((600 * 16000 if label == "b" else 16000), np.int16), 16000)
    peak = peak_of(lambda: read(tmp_path, Cutting(0.5, 30.0)))
    assert peak < 4e6
    peak = peak_of(lambda: read(tmp_path, Cutting(0.5, 30.0, rate_hz=8000)))
    assert peak < 10e6


def test_a_long_csv_is_never_held(tmp_path: Path) -> None:
    for label in "ab":
        for k in range(2):
            csv(tmp_path / label / f"{k}.csv", rows=100)
    row = "0.12345,0.98765\n"
    peaks = []
    for rows in (20_000, 160_000):
        (tmp_path / "b" / "1.csv").write_text("ax,ay\n" + row * rows)
        peaks.append(peak_of(lambda: read(tmp_path, Cutting(1.0, 100.0, rate_hz=50))))
    assert peaks[1] < 1.2 * peaks[0] < 4e6
