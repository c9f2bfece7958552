"""Folders of recordings: split by recording, every refusal one sentence, long files never held."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rnn_edge.datasets import Dataset
from rnn_edge.errors import UserError
from rnn_edge.recordings import read as reading
from rnn_edge.recordings.read import read
from rnn_edge.recordings.windows import Cutting
from tests.core.recordings import csv, wav


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of four CSV recordings, 40 steps each."""
    for label in ("run", "walk"):
        for k in range(4):
            csv(tmp_path / "own" / label / f"{k}.csv", seed=k + 10 * (label == "run"))
    return tmp_path / "own"


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
