"""What `model.toml` says of features and decisions, and the way of both into the program and its C."""

from __future__ import annotations

import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rnn_edge import spec
from rnn_edge.errors import ModelError, UserError
from rnn_edge.export import FORMATS
from rnn_edge.features import Decision, LogMel, from_dict
from rnn_edge.ir.program import load, save
from rnn_edge.paths import Artifacts
from rnn_edge.recordings.read import read as read_recordings
from rnn_edge.recordings.windows import Cutting
from tests import listening, signals

GOOD = """task = "t"
[data]
set = "spoken_words"
[features]
kind = "log_mel"
mels = 20
[network]
layers = [ { layer = "gru", units = 8 }, { layer = "dense", units = 3, activation = "softmax" } ]
[train]
epochs = 3
[decision]
threshold = 0.5
rest_s = 0.5
ignored = ["none"]
"""
CLASSES = ("none", "yes", "no")


def read(folder: Path, text: str) -> spec.ModelSpec:
    (folder / "model.toml").write_text(text)
    return spec.load(folder)


def test_sections(tmp_path: Path) -> None:
    model = read(tmp_path, GOOD)
    assert model.features is not None and model.features.configuration == LogMel(mels=20)
    assert model.decision is not None
    expected = Decision(classes=3, threshold=16384, smoothing=2, rest=25, ignored=(0,))
    assert model.decision.configuration(CLASSES, 50.0) == expected
    with pytest.raises(UserError, match="has 'none', and the classes are yes, no"):
        model.decision.configuration(("yes", "no"), 50.0)


def test_features_that_do_not_fit_together(tmp_path: Path) -> None:
    model = read(tmp_path, GOOD.replace("mels = 20", "fft = 500"))
    assert model.features is not None
    with pytest.raises(UserError, match="a power of two"):
        _ = model.features.configuration


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('set = "spoken_words"', 'set = "spoken_words"\nraw_unit = 0.5', "raw_unit is given by the features"),
        ('set = "spoken_words"', 'set = "sounds"\nrate_hz = 8000.0', "rate_hz is given by features.rate_hz"),
        ('[features]\nkind = "log_mel"\nmels = 20\n', "", "decision is given without features"),
        ("mels = 20", "bands = 20", "`features.bands` is not known"),
        ('"log_mel"', '"mfcc"', "accepted is 'log_mel'"),
        ("threshold = 0.5", "threshold = 1.5", "`decision.threshold`"),
    ],
)
def test_mistakes(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    assert old in GOOD
    with pytest.raises(ModelError, match=complaint):
        read(tmp_path, GOOD.replace(old, new))


def test_features_are_part_of_the_program(tmp_path: Path) -> None:
    plain = listening.network()
    told = replace(plain, features=listening.FEATURES.to_dict(), decision=listening.DECISION.to_dict())
    other = replace(told, features=LogMel(floor=9).to_dict())
    assert len({plain.hash, told.hash, other.hash}) == 3
    files = Artifacts(tmp_path, "kws")
    save(told, files.program_json, files.program_npz)
    found = load(files.program_json, files.program_npz)
    assert found == told and found.features is not None and found.decision is not None
    assert from_dict(found.features) == listening.FEATURES and from_dict(found.decision) == listening.DECISION


def test_their_c_is_written_beside_the_model(tmp_path: Path) -> None:
    plain = listening.network()
    told = replace(plain, features=listening.FEATURES.to_dict(), decision=listening.DECISION.to_dict())
    for program, name in ((plain, "plain"), (told, "told")):
        FORMATS["c"](program, Artifacts(tmp_path / name, "kws"))
    names = {name: {path.name for path in (tmp_path / name / "c").iterdir()} for name in ("plain", "told")}
    own = {f"kws_{part}.{end}" for part in ("features", "decision") for end in "hc"}
    loops = {f"rnn_{part}.{end}" for part in ("log_mel", "decision") for end in "hc"}
    assert names["told"] - names["plain"] == own | loops | {"rnn_window.h"}


def test_features_of_a_folder_of_sounds(tmp_path: Path) -> None:
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        for number in range(4):
            sound(tmp_path / label / f"{number}.wav", signals.speech(20000, 20000, number))
    data = read_recordings(tmp_path, Cutting(window_s=0.5), LogMel())
    assert data.train.x.shape[1:] == ((8000 - 512) // 320 + 1, 16) and data.channels[0] == "band 1"
    pcm = signals.speech(20000, 20000, 0)
    wanted = LogMel().frames(pcm[:8000]) / 256
    assert any((one == wanted).all() for split in (data.train, data.test) for one in split.x)
    with pytest.raises(UserError, match="too short for a frame"):
        read_recordings(tmp_path, Cutting(window_s=0.03), LogMel())
    for path in tmp_path.rglob("*.wav"):
        sound(path, np.zeros((20000, 2), np.int16))
    with pytest.raises(UserError, match="no WAV file of one channel"):
        read_recordings(tmp_path, Cutting(), LogMel())


def sound(path: Path, pcm: np.ndarray[tuple[int, ...], np.dtype[np.int16]]) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(pcm.ndim)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(pcm.tobytes())
