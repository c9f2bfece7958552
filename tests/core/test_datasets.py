"""Data sets without a network: the user's own `.npz`, the split for calibration, the cache of wheels, the baseline."""

import hashlib
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnn_edge import baseline, datasets
from rnn_edge.datasets import npz_file, wheel
from rnn_edge.errors import MissingError, UserError


def arrays(**changes: Any) -> dict[str, Any]:
    """Twenty sequences of two channels in two classes, of which the second is larger."""
    y = np.arange(20) % 2
    x = np.random.default_rng(0).normal(size=(20, 5, 2)) + 3 * y[:, None, None]
    content = {"x": x, "y": y, **changes}
    return {name: value for name, value in content.items() if value is not None}


def written(folder: Path, **changes: Any) -> Path:
    np.savez(folder / "own.npz", **arrays(**changes))
    return folder / "own.npz"


def test_all_sets() -> None:
    assert set(datasets.all_sets()) >= {"japanese_vowels", "italy_power_demand"}
    with pytest.raises(UserError, match="no data set 'sine': use one of home_commands, italy_power_demand"):
        datasets.load("sine")


def test_npz_is_split_by_class_and_always_alike(tmp_path: Path) -> None:
    data, again = (datasets.load(str(written(tmp_path))) for _ in range(2))
    assert data.classes == ("0", "1")
    assert np.bincount(data.train.y).tolist() == [7, 7]
    assert np.bincount(data.test.y).tolist() == [3, 3]
    assert data.train.x.dtype == np.float32 and data.train.lengths.dtype == data.train.y.dtype == np.int64
    assert np.array_equal(data.train.x, again.train.x) and np.array_equal(data.calibration.x, again.calibration.x)


def test_calibration_is_drawn_from_training_only(tmp_path: Path) -> None:
    y = np.repeat([0, 1], [300, 40])
    x = np.arange(340, dtype=np.float32)[:, None, None] * np.ones((1, 3, 1), np.float32)
    data = datasets.load(str(written(tmp_path, x=x, y=y, split=(np.arange(340) % 3 == 0).astype(int))))
    train, calibration, test = (set(split.x[:, 0, 0]) for split in (data.train, data.calibration, data.test))
    assert len(data.calibration) == 128 and calibration < train and not calibration & test and not train & test
    assert np.bincount(data.calibration.y).min() >= 20


def test_npz_with_everything(tmp_path: Path) -> None:
    x = np.ones((4, 3), np.float64)
    x[0, 2] = np.nan  # beyond the length, so it is padding
    path = written(
        tmp_path, x=x, y=np.array([0, 1, 0, 1]), lengths=[2, 3, 3, 3], split=[0, 0, 1, 1], classes=["still", "moving"]
    )
    data = datasets.load(str(path))
    assert data.classes == ("still", "moving") and data.name == "own"
    assert data.train.x[..., 0].tolist() == [[1, 1, 0], [1, 1, 1]]
    assert data.train.lengths.tolist() == [2, 3]


def test_npz_groups_are_never_on_both_sides(tmp_path: Path) -> None:
    for group in (np.arange(20) // 4, np.array([f"person {i // 4}" for i in range(20)])):
        data = datasets.load(str(written(tmp_path, group=group)))
        assert data.train.group is not None and data.test.group is not None
        assert not set(data.train.group) & set(data.test.group)
        assert np.bincount(data.test.y).tolist() == [4, 4] or np.bincount(data.test.y).tolist() == [2, 2]
        assert len(data.groups) == 5


def test_ts_files(tmp_path: Path) -> None:
    head = "@classLabel true a b\n@data\n"
    (tmp_path / "own_TRAIN.ts").write_text(head + "1,2:a\n3,4:b\n5,6:b\n")
    (tmp_path / "own_TEST.ts").write_text(head + "7,8,9:b\n")
    data = datasets.load(str(tmp_path / "own_TRAIN.ts"))
    assert (data.name, data.classes, len(data.train), len(data.test)) == ("own", ("a", "b"), 3, 1)
    assert data.test.x[..., 0].tolist() == [[7, 8, 9]]


@pytest.mark.parametrize(
    ("name", "train", "test", "sentence"),
    [
        ("own.ts", "", "", "own.ts does not end in _TRAIN.ts"),
        ("own_TRAIN.ts", "@classLabel true a b\n@data\n1:a\n1:b\n", "@classLabel true b a\n@data\n1:a\n", "labels b a"),
        ("own_TRAIN.ts", "@classLabel true a b\n@data\n1:a\n1:a\n", "@classLabel true a b\n@data\n1:a\n",
         "own_TRAIN.ts has no sequence of class b"),
        ("own_TRAIN.ts", "@classLabel true a b\n@data\n1:a\n", None, "own_TEST.ts cannot be read .No such file"),
        ("own_TRAIN.ts", "@classLabel true a b\n@data\n1:a\n", "\udcff", "own_TEST.ts is not UTF-8"),
    ],
)  # fmt: skip
def test_ts_files_refused(tmp_path: Path, name: str, train: str, test: str | None, sentence: str) -> None:
    (tmp_path / name).write_text(train)
    if test is not None:
        (tmp_path / "own_TEST.ts").write_text(test, errors="surrogateescape")
    with pytest.raises(UserError, match=sentence):
        datasets.load(str(tmp_path / name))


def test_integers_without_channels_are_tokens(tmp_path: Path) -> None:
    data = datasets.load(str(written(tmp_path, x=np.arange(60).reshape(20, 3))))
    assert data.train.x.dtype == np.int32 and data.train.x.shape == (14, 3)
    raw = datasets.load(str(written(tmp_path, x=np.arange(60, dtype=np.int16).reshape(20, 3, 1))))
    assert raw.train.x.dtype == np.float32 and raw.train.x.shape == (14, 3, 1)


def with_value(value: float) -> Any:
    x = arrays()["x"]
    x[7, 1, 0] = value
    return x


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"x": None}, "has no array 'x'"),
        ({"y": None}, "has no array 'y'"),
        ({"z": np.zeros(3)}, "array 'z' is not known, accepted: x, y"),
        ({"x": np.zeros(20)}, r"x is float64 with shape \[20\]"),
        ({"x": np.zeros((20, 5, 2), complex)}, "x is complex128"),
        ({"x": np.zeros((20, 5, 2), "U1")}, "x is <U1"),
        ({"x": np.zeros((0, 5, 2)), "y": np.zeros(0, int)}, "so it is empty"),
        ({"x": np.zeros((20, 0, 2))}, "so it is empty"),
        ({"x": with_value(np.nan)}, "x row 7 holds a value that is not a finite"),
        ({"x": with_value(np.inf)}, "x row 7 holds a value that is not a finite"),
        ({"x": with_value(1e39)}, "x row 7 holds a value that is not a finite"),
        ({"x": np.full((20, 5), -1)}, "x row 0 has a token below 0"),
        ({"y": np.zeros(20)}, "y is float64"),
        ({"y": np.zeros(19, int)}, r"y is int64 with shape \[19\], it must be integers \[20\]"),
        ({"y": np.full(20, -1)}, "y row 0 is -1, accepted is 0 to 19"),
        ({"y": np.zeros(20, int)}, "y has one class only"),
        ({"y": np.arange(20) % 2 * 2}, "class 1 of y has no training sequence"),
        ({"lengths": np.zeros(20, int)}, "lengths row 0 is 0, accepted is 1 to 5"),
        ({"lengths": np.full(20, 6)}, "lengths row 0 is 6, accepted is 1 to 5"),
        ({"lengths": np.full(20, 2.5)}, "lengths is float64"),
        ({"group": np.zeros(19, int)}, r"group is int64 with shape \[19\], it must be integers or names \[20\]"),
        ({"group": np.zeros(20)}, "group is float64"),
        ({"group": np.zeros(20, int)}, "all sequences are in one group, '0'"),
        ({"group": np.arange(20) % 2}, "class '0' is in one group only, '0'"),
        ({"group": np.arange(20) // 4, "split": np.arange(20) // 10}, "group '2' is in both the training and the test"),
        ({"split": np.full(20, 2)}, "split row 0 is 2, accepted is 0 to 1"),
        ({"split": np.zeros(20, int)}, "the test split is empty"),
        ({"split": np.ones(20, int)}, "the training split is empty"),
        ({"split": np.arange(20) % 2}, "class 1 of y has no training sequence"),
        ({"y": (np.arange(20) == 4).astype(int)}, "class '1' has one sequence only, row 4 of y"),
        ({"classes": ["one"]}, "at least 2 different names"),
        ({"classes": ["one", "one"]}, "at least 2 different names"),
        ({"classes": [1, 2]}, "classes is int64"),
        ({"classes": ["a", "b", "c"]}, "class 2 of y has no training sequence"),
        ({"x": np.array([{}] * 20)}, "is not a .npz of plain arrays"),
    ],
)
def test_npz_refused(tmp_path: Path, changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError, match=f"own.npz.*{sentence}"):
        npz_file.read(written(tmp_path, **changes))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 0.99])
def test_truncated_npz(tmp_path: Path, share: float) -> None:
    path = written(tmp_path)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(UserError, match="is not a .npz of plain arrays"):
        npz_file.read(path)


def test_npz_that_is_not_there_or_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="There is no file"):
        npz_file.read(tmp_path / "none.npz")
    monkeypatch.setattr(npz_file, "_FILE_BYTES", 100)
    with pytest.raises(UserError, match="at most 100 are read"):
        npz_file.read(written(tmp_path))


def test_calibration_file(tmp_path: Path) -> None:
    x, lengths = npz_file.load_calibration(written(tmp_path, y=None, lengths=np.full(20, 4)))
    assert x.shape == (20, 5, 2) and lengths.tolist() == [4] * 20 and not x[:, 4].any()
    with pytest.raises(UserError, match="empty"):
        npz_file.load_calibration(written(tmp_path, x=np.zeros((0, 5, 2)), y=None))
    with pytest.raises(UserError, match="x row 7"):
        npz_file.load_calibration(written(tmp_path, x=with_value(np.nan), y=None))


def test_baseline_separates_what_is_separable(tmp_path: Path) -> None:
    assert baseline.accuracy(datasets.load(str(written(tmp_path)))) == 1.0


def test_baseline_reads_real_steps_only() -> None:
    x = np.random.default_rng(1).normal(size=(1, 6, 2)).astype(np.float32)
    short = datasets.Split(x[:, :1], np.array([1]), np.array([0]))
    long = datasets.Split(x, np.array([1]), np.array([0]))
    assert np.array_equal(baseline.features(short), baseline.features(long))
    assert np.isfinite(baseline.features(short)).all()


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> wheel.Wheel:
    """A wheel with one file that `pip download` would give; the cache is a new folder."""
    monkeypatch.setenv("RNN_EDGE_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "small-1.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("small/data.ts", "text")
    return wheel.Wheel("small", "1.0", file.name, hashlib.sha256(file.read_bytes()).hexdigest())


def serve(monkeypatch: pytest.MonkeyPatch, content: bytes) -> list[list[str]]:
    """Let pip deliver `content`; returns the list that its command lines go to."""
    calls: list[list[str]] = []

    def run(arguments: list[str], **_: Any) -> None:
        calls.append(arguments)
        (Path(arguments[arguments.index("-d") + 1]) / "small-1.0-py3-none-any.whl").write_bytes(content)

    monkeypatch.setattr(subprocess, "run", run)
    return calls


def test_wheel_is_fetched_once(small: wheel.Wheel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = serve(monkeypatch, (tmp_path / small.file).read_bytes())
    assert wheel.read(small, "small/data.ts") == wheel.read(small, "small/data.ts") == "text"
    assert len(calls) == 1 and calls[0][-1] == "small==1.0" and "--no-deps" in calls[0]
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [small.file]


def test_files_in_a_wheel(small: wheel.Wheel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(tmp_path / small.file, "w") as archive:
        for name in ("small/", "small/two.bin", "other/three.bin", "small/one.bin"):
            archive.writestr(name, b"\xff")
    content = (tmp_path / small.file).read_bytes()
    several = wheel.Wheel("small", "1.0", small.file, hashlib.sha256(content).hexdigest())
    serve(monkeypatch, content)
    assert wheel.members(several, "small/") == ("small/one.bin", "small/two.bin")
    assert wheel.read_bytes(several, "small/one.bin") == b"\xff"
    with pytest.raises(MissingError, match=r"small/one.bin in small-1.0.* is not text"):
        wheel.read(several, "small/one.bin")


def test_damaged_cache_is_fetched_again(small: wheel.Wheel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / small.file).write_bytes(b"damaged")
    calls = serve(monkeypatch, (tmp_path / small.file).read_bytes())
    assert wheel.read(small, "small/data.ts") == "text" and len(calls) == 1


def test_wheel_with_other_bytes(small: wheel.Wheel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, b"other")
    with pytest.raises(MissingError, match="as fetched has SHA-256"):
        wheel.read(small, "small/data.ts")
    assert list((tmp_path / "cache").iterdir()) == []


def test_wheel_that_cannot_be_fetched(small: wheel.Wheel, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(arguments: list[str], **_: Any) -> None:
        raise subprocess.CalledProcessError(1, arguments, stderr="ERROR: first\nERROR: no network\n")

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(MissingError, match=r"\(ERROR: no network\).*`python -m pip download --no-deps .* small==1.0`"):
        wheel.read(small, "small/data.ts")


def test_wheel_without_the_member(small: wheel.Wheel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, (tmp_path / small.file).read_bytes())
    with pytest.raises(MissingError, match=r"small/none.ts cannot be read"):
        wheel.read(small, "small/none.ts")
    monkeypatch.setattr(wheel, "_MEMBER_BYTES", 1)
    with pytest.raises(MissingError, match="larger than 1 bytes"):
        wheel.read(small, "small/data.ts")


def test_npz_of_labels_and_values_at_every_step(tmp_path: Path) -> None:
    labels = np.tile([0, 1, -1, 1, 0], (20, 1))
    data = datasets.load(str(written(tmp_path, y=labels, classes=np.array(["off", "on"]))))
    assert (data.train.task, data.outputs, data.classes) == ("label", 2, ("off", "on"))
    assert (len(data.train), len(data.test)) == (14, 6)
    data = datasets.load(str(written(tmp_path, y=np.ones((20, 5, 3)), group=np.arange(20) // 2)))
    assert (data.train.task, data.outputs, data.classes) == ("value", 3, ()) and data.train.y.dtype == np.float32
    assert not set(data.train.group.tolist()) & set(data.test.group.tolist())  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("y", "sentence"),
    [
        (np.zeros((20, 4), int), r"y is int64 with shape \[20, 4\], it must be integers \[20\] or \[20, 5\], or real"),
        (np.zeros((20, 5)), r"y is float64 with shape \[20, 5\]"),
        (np.full((20, 5), -2), r"y row 0 is out of range, accepted are -1 \(no label\) to 65535"),
        (np.full((20, 5, 1), np.nan), "y row 0 is out of range, accepted are finite 32-bit numbers"),
    ],
)
def test_npz_targets_refused(tmp_path: Path, y: Any, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        datasets.load(str(written(tmp_path, y=y)))
