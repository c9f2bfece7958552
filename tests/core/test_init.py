"""`rnn-edge init` and `rnn-edge data`: what is written loads, what is printed fits, what is refused leaves nothing."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from rnn_edge import spec
from rnn_edge.cells import all_cells
from rnn_edge.cli import main
from rnn_edge.errors import UserError
from rnn_edge.init import choose
from rnn_edge.init.summary import Channel, Summary, summarize
from rnn_edge.source import dataset_of


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def refused(result: Result) -> str:
    assert result.exit_code == 2, result.output
    assert result.stderr.startswith("rnn-edge: ") and result.stderr.count("\n") == 1
    return result.stderr


def csv_folder(folder: Path, steps: int = 60, header: str = "time_ms,ax,ay\n", scale: float = 3.0) -> Path:
    rng = np.random.default_rng(0)
    for label in ("run", "walk"):
        for k in range(4):
            path = folder / label / f"{k}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            rows = (f"{20 * i},{a:.3f},{b:.3f}\n" for i, (a, b) in enumerate(scale * rng.normal(size=(steps, 2))))
            path.write_text(header + "".join(rows))
    return folder


def wav_folder(folder: Path, rate: int = 8000, channels: int = 1, names: tuple[str, str] = ("high", "low")) -> Path:
    for label, hertz in zip(names, (400, 100), strict=True):
        for k in range(3):
            (folder / label).mkdir(parents=True, exist_ok=True)
            with wave.open(str(folder / label / f"{k}.wav"), "wb") as file:
                file.setparams((channels, 2, rate, 0, "NONE", ""))
                sound = 10000 * np.sin(2 * np.pi * hertz * np.arange(rate // 2) / rate + k)
                file.writeframes(np.repeat(sound, channels).astype("<i2").tobytes())
    return folder


def test_short_csv_recordings_stay_whole(tmp_path: Path) -> None:
    csv_folder(tmp_path / "recordings")
    result = run("init", tmp_path / "own", "--data", tmp_path / "recordings", "--cell", "lstm", "--units", 24)
    assert result.exit_code == 0, result.output
    described = spec.load(tmp_path / "own")
    assert described.data == spec.DataSpec(set="../recordings", rate_hz=50.0, raw_unit=described.data.raw_unit)
    assert described.network.layers[0] == spec.RecurrentSpec(layer="lstm", units=24)
    data = dataset_of(described, tmp_path / "own")
    assert data.classes == ("run", "walk") and data.train.x.shape == (6, 60, 2)
    largest = max(np.abs(data.train.x).max(), np.abs(data.test.x).max())
    assert largest <= 32767 * described.data.raw_unit < 2.6 * largest
    assert f"Next: rnn-edge train {tmp_path / 'own'}" in result.output
    for said in (
        "time and no channel: time_ms.",
        "1.2 s at 50 Hz",
        "6 groups for training, 2 for the test",
        "no value is missing",
    ):
        assert said in result.output
    lines = (tmp_path / "own" / "model.toml").read_text().splitlines()
    assert all("#" in line for line in lines if "=" in line and not line.startswith("task"))


def test_long_recordings_are_cut(tmp_path: Path) -> None:
    csv_folder(tmp_path / "recordings", steps=600)
    assert run("init", tmp_path / "own", "--data", tmp_path / "recordings").exit_code == 0
    described = spec.load(tmp_path / "own")
    assert (described.data.window_s, described.data.hop_s, described.data.rate_hz) == (2.56, 1.28, 50.0)
    assert dataset_of(described, tmp_path / "own").train.x.shape == (6 * 8, 128, 2)


@pytest.mark.parametrize(
    ("rate", "learned", "frames"), [(8000, 8000, 24), (11025, 8000, 24), (16000, 16000, 24), (44100, 16000, 24)]
)
def test_of_sound_features_are_learned(rate: int, learned: int, frames: int, tmp_path: Path) -> None:
    """And a class that is no event is named as such."""
    wav_folder(tmp_path / "sounds", rate, names=("Background", "low"))
    result = run("init", tmp_path / "own", "--data", tmp_path / "sounds")
    assert result.exit_code == 0, result.output
    described = spec.load(tmp_path / "own")
    assert described.data == spec.DataSpec(set="../sounds") and described.features is not None
    assert described.features.rate_hz == learned and described.features.high_hz <= learned / 2
    assert (described.train.warp, described.train.mask) == (0.1, 0.1)
    assert described.decision is not None and described.decision.ignored == ("Background",)
    data = dataset_of(described, tmp_path / "own")
    assert data.train.x.shape == (4, frames, described.features.mels)
    assert f"{frames} steps each, {frames / 50:.4g} s at 50 Hz" in result.output
    assert run("data", tmp_path / "own").output in result.output
    lines = (tmp_path / "own" / "model.toml").read_text().splitlines()
    assert all("#" in line for line in lines if "=" in line and not line.startswith("task"))


def test_long_sound_is_cut_into_windows_of_frames(tmp_path: Path) -> None:
    wav_folder(tmp_path / "sounds", names=("high", "low"))
    with wave.open(str(tmp_path / "sounds" / "low" / "0.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(2 * 8000 * 12))
    assert run("init", tmp_path / "own", "--data", tmp_path / "sounds").exit_code == 0
    described = spec.load(tmp_path / "own")
    assert described.data.window_s == pytest.approx((256 + 23 * 160) / 8000)
    assert dataset_of(described, tmp_path / "own").train.x.shape[1:] == (24, 16)


def test_several_channels_are_no_sound(tmp_path: Path) -> None:
    wav_folder(tmp_path / "sounds", channels=2)
    assert run("init", tmp_path / "own", "--data", tmp_path / "sounds").exit_code == 0
    described = spec.load(tmp_path / "own")
    assert described.features is None and described.decision is None and described.data.raw_unit == 2.0**-15


def test_wav_and_options(tmp_path: Path) -> None:
    wav_folder(tmp_path / "own" / "sounds")
    options = ("--data", tmp_path / "own" / "sounds", "--window", 0.05, "--hop", 0.1, "--rate", 4000)
    assert run("init", tmp_path / "own", *options).exit_code == 0
    described = spec.load(tmp_path / "own")
    assert described.data == spec.DataSpec(set="sounds", raw_unit=2.0**-15, window_s=0.05, hop_s=0.1, rate_hz=4000.0)
    data = dataset_of(described, tmp_path / "own")
    assert data.train.x.shape == (4 * 5, 200, 1) and data.notes[0].startswith("6 of 6 recordings were resampled")


@pytest.mark.parametrize("tokens", [False, True])
def test_npz(tmp_path: Path, tokens: bool) -> None:
    x = np.random.default_rng(0).integers(0, 9, (20, 5) if tokens else (20, 5, 2))
    np.savez(tmp_path / "own.npz", x=x, y=np.arange(20) % 2, classes=np.array(['a "b"', "c\\d"]))
    result = run("init", tmp_path / "own", "--data", tmp_path / "own.npz")
    assert result.exit_code == 0, result.output
    described = spec.load(tmp_path / "own")
    assert described.task == 'Tell apart a "b", c\\d' and described.data.raw_unit == 1.0
    assert (described.network.layers[0].layer == "embedding") == tokens != described.network.normalization
    assert dataset_of(described, tmp_path / "own").classes == ('a "b"', "c\\d")
    assert "Without groups" in result.output


@pytest.mark.parametrize("cell", list(all_cells()))
def test_every_cell(tmp_path: Path, cell: str) -> None:
    csv_folder(tmp_path / "recordings", steps=5)
    assert run("init", tmp_path / "own", "--data", tmp_path / "recordings", "--cell", cell).exit_code == 0
    assert spec.load(tmp_path / "own").network.layers[0].layer == cell


def test_data_shows_the_same_in_80_columns(tmp_path: Path) -> None:
    csv_folder(tmp_path / "recordings")
    written = run("init", tmp_path / "own", "--data", tmp_path / "recordings").output
    shown = run("data", tmp_path / "own").output
    assert shown.strip() and shown in written
    assert all(len(line) <= 80 for line in shown.splitlines())


@pytest.mark.parametrize("command", ["init", "data"])
def test_help(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0 and all(len(line) <= 80 for line in result.output.splitlines())


def test_what_is_there_is_never_replaced(tmp_path: Path) -> None:
    csv_folder(tmp_path / "recordings")
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "model.toml").write_text("mine")
    assert "is there already" in refused(run("init", tmp_path / "own", "--data", tmp_path / "recordings"))
    assert (tmp_path / "own" / "model.toml").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("vowels", "--data", "recordings"), "'vowels' is the name of a bundled model"),
        (("own", "--data", "nothing"), "nothing is not there: give a folder"),
        (("own", "--data", "recordings/run/0.csv"), "0.csv is no folder, .npz or .ts file"),
        (("own", "--data", "recordings", "--cell", "qru"), "There is no cell 'qru': use one of"),
        (("own", "--data", "recordings", "--window", "5"), "has 60 steps, which is too short for a window of 250"),
        (("own", "--data", "own.npz", "--rate", "5"), "--window, --hop and --rate are for a folder of recordings"),
        (
            ("own", "--data", "long"),
            "has 600 steps, which is too long for one sequence, and no time column with a unit",
        ),
        (("own", "--data", "names"), "become the same name"),
        (("___", "--data", "recordings"), "has no letter or digit"),
    ],
)
def test_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], sentence: str) -> None:
    monkeypatch.chdir(tmp_path)
    csv_folder(tmp_path / "recordings")
    csv_folder(tmp_path / "long", steps=600, header="n,ax,ay\n")
    csv_folder(tmp_path / "names").joinpath("walk").rename(tmp_path / "names" / "Run")
    np.savez("own.npz", x=np.zeros((4, 3, 1)), y=np.arange(4) % 2)
    before = sorted(tmp_path.rglob("*"))
    assert sentence in refused(run("init", *arguments))
    assert sorted(tmp_path.rglob("*")) == before


def summary(low: float, high: float, whole: bool) -> Summary:
    return Summary("own", (), (1, 1, 1), (Channel("a", low, 0, 0, high),), whole, None, None, (), ())


@pytest.mark.parametrize(
    ("low", "high", "whole", "unit"),
    [
        (-900, 800, True, 1.0),
        (-40000, 800, True, 2.0),
        (-1, 0.5, False, 5e-5),
        (0, 9.81, False, 5e-4),
    ],
)
def test_raw_unit(low: float, high: float, whole: bool, unit: float) -> None:
    assert choose.raw_unit(summary(low, high, whole), False)[0] == unit


def test_summary(tmp_path: Path) -> None:
    x = np.zeros((20, 4, 2), np.float32)
    x[..., 0] = np.arange(20)[:, None]
    x[:, 3] = 1000  # padding
    np.savez(tmp_path / "own.npz", x=x, y=np.arange(20) % 2, lengths=np.full(20, 3))
    seen = summarize(dataset_of(described(tmp_path / "own.npz"), tmp_path))
    assert seen.classes == (("0", 7, 3), ("1", 7, 3)) and seen.steps == (3, 3, 3) and seen.whole_numbers
    assert (seen.channels[0].low, seen.channels[0].mean, seen.channels[0].high) == (0, 9.5, 19)
    assert seen.notes == ("channel 2 is always 0 and tells nothing.",)


def described(path: Path, **data: float) -> spec.ModelSpec:
    layers = [{"layer": "gru", "units": 2}, {"layer": "dense", "units": 2}]
    content = {"task": "t", "data": {"set": path.name, **data}, "network": {"layers": layers}, "train": {"epochs": 1}}
    return spec.ModelSpec.model_validate(content)


def test_windows_are_for_folders(tmp_path: Path) -> None:
    np.savez(tmp_path / "own.npz", x=np.zeros((4, 3, 1)), y=np.arange(4) % 2)
    with pytest.raises(UserError, match="model.toml: rate_hz is for a folder of recordings: remove it"):
        dataset_of(described(tmp_path / "own.npz", rate_hz=50.0), tmp_path)
