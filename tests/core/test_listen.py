"""Listening: the samples of a file, frames of pieces, detections of scores, and what they are worth."""

from __future__ import annotations

import struct
import wave
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from rnn_edge.cli import main
from rnn_edge.datasets.speech import Spoken
from rnn_edge.errors import UserError
from rnn_edge.features import Decision, LogMel
from rnn_edge.ir.program import Program, save
from rnn_edge.listen.evaluate import compare, read_said
from rnn_edge.listen.hear import Detection, Ears, Frames, detections, ears, scores, with_threshold
from rnn_edge.listen.report import clock
from rnn_edge.listen.run import run
from rnn_edge.listen.sound import open_sound
from rnn_edge.paths import Artifacts
from tests import listening, signals


@pytest.fixture(scope="module")
def program() -> Program:
    return listening.hearing()


def write_wav(path: Path, pcm: NDArray[Any], rate: int = 16000, channels: int = 1) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm.astype("<i2").tobytes())
    return path


def test_a_wav_file_of_the_right_rate_is_heard_as_it_is(tmp_path: Path) -> None:
    pcm = signals.speech(40000, 30000)
    pcm[:2] = -32768, 32767
    sound = open_sound(write_wav(tmp_path / "a.wav", pcm), LogMel())
    assert sound.notes == ()
    assert np.concatenate(list(sound.pieces())).tolist() == pcm.tolist()


def test_other_rates_and_channels_are_converted_and_said(tmp_path: Path) -> None:
    time = np.arange(44100) / 44100
    tone = 8000 * np.sin(2 * np.pi * 440 * time)
    stereo = np.stack([2 * tone, np.zeros_like(tone)], axis=1)
    sound = open_sound(write_wav(tmp_path / "a.wav", stereo, 44100, 2), LogMel())
    assert len(sound.notes) == 2 and "2 channels" in sound.notes[0] and "44100 Hz" in sound.notes[1]
    heard = np.concatenate(list(sound.pieces()))
    assert len(heard) == 16000
    expected = 8000 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    assert np.abs(heard[200:-200] - expected[200:-200]).max() < 8


def test_a_low_rate_is_warned_of(tmp_path: Path) -> None:
    notes = open_sound(write_wav(tmp_path / "a.wav", np.zeros(8000), 8000), LogMel()).notes
    assert "Above 4000 Hz" in notes[-1]


def test_files_that_cannot_be_heard_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("no sound")
    with pytest.raises(UserError, match="not a WAV file"):
        open_sound(tmp_path / "text.wav", LogMel())
    with pytest.raises(UserError, match="cannot be read"):
        open_sound(tmp_path / "none.wav", LogMel())
    whole = write_wav(tmp_path / "a.wav", np.zeros(1000)).read_bytes()
    (tmp_path / "cut.wav").write_bytes(whole[:-100])
    with pytest.raises(UserError, match="cut short"):
        open_sound(tmp_path / "cut.wav", LogMel())
    (tmp_path / "slow.wav").write_bytes(whole[:24] + struct.pack("<I", 1) + whole[28:])
    with pytest.raises(UserError, match="too far"):
        open_sound(tmp_path / "slow.wav", LogMel())


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 3000), min_size=1, max_size=8))
def test_frames_of_pieces_are_those_of_the_whole(sizes: list[int]) -> None:
    pcm = signals.speech(sum(sizes), 20000)
    pieces = np.split(pcm, np.cumsum(sizes)[:-1])
    frames = Frames(LogMel())
    found = np.concatenate([frames.of(piece) for piece in pieces])
    assert found.tolist() == LogMel().frames(pcm).tolist()


def test_what_is_heard_is_what_the_device_hears(program: Program) -> None:
    pcm = signals.speech(48000, 20000)
    expected, classes = listening.heard(program, pcm)
    own = ears(program)
    found = np.concatenate(list(scores(own, [pcm[:1000], pcm[1000:]])))
    assert found.tolist() == expected.tolist()
    frames = np.flatnonzero(classes >= 0)
    assert len(frames)
    heard = run(own, [pcm])
    assert [one.word for one in heard.detections] == [program.classes[classes[frame]] for frame in frames]
    assert heard.detections[0].time == (frames[0] * 320 + 512) / 16000
    assert heard.seconds == 3.0


def test_detections_of_given_scores(program: Program) -> None:
    own = Ears(
        program, LogMel(), Decision(classes=listening.CLASSES, threshold=20000, smoothing=0, rest=2, ignored=(0,))
    )
    found = np.zeros((10, listening.CLASSES), np.uint16)
    found[:2, 0] = 32767  # ignored
    found[2:6, 3] = 32767  # once, and again after the rest
    found[8, 5] = 19999  # too little
    assert detections(own, found) == [
        Detection((2 * 320 + 512) / 16000, "word 3"),
        Detection((5 * 320 + 512) / 16000, "word 3"),
    ]
    assert len(detections(with_threshold(own, 0.6), found)) == 3
    assert own.words == tuple(f"word {i}" for i in range(1, listening.CLASSES))


def test_programs_that_cannot_listen_are_refused(program: Program) -> None:
    with pytest.raises(UserError, match=r"add \[features\] and \[decision\]"):
        ears(replace(program, decision=None))
    with pytest.raises(UserError, match="not its own"):
        ears(replace(program, features=LogMel(mels=12).to_dict()))
    with pytest.raises(UserError, match="softmax"):
        ears(replace(program, softmax=False))


def test_less_than_a_frame_is_refused(tmp_path: Path) -> None:
    assert open_sound(write_wav(tmp_path / "one.wav", np.zeros(512)), LogMel()).samples == 512
    for samples, rate in ((511, 16000), (255, 8000)):
        with pytest.raises(UserError, match=r"few.wav gives 51\d samples, and the first frame needs 512"):
            open_sound(write_wav(tmp_path / "few.wav", np.zeros(samples), rate), LogMel())


@pytest.mark.parametrize("rate", [16000, 44100, 8000, 11025])
def test_the_number_of_samples_is_known_before_they_are_read(tmp_path: Path, rate: int) -> None:
    sound = open_sound(write_wav(tmp_path / "a.wav", np.zeros(30011), rate), LogMel())
    assert sound.samples == sum(map(len, sound.pieces()))


SAID = [Spoken("yes", 1.0, 1.5), Spoken("no", 3.0, 3.4), Spoken("yes", 5.0, 5.5)]


def test_outcome_of_a_stream() -> None:
    detected = [Detection(1.7, "yes"), Detection(2.3, "yes"), Detection(3.5, "yes"), Detection(5.4, "yes")]
    outcome = compare(SAID, detected, 36.0)
    assert outcome.latency == pytest.approx((0.2, -0.1))
    assert outcome.misses == 1 and outcome.confused == 1
    assert outcome.false == (detected[1], detected[2]) and outcome.false_an_hour == 200


def test_a_detection_too_early_or_too_late_is_false() -> None:
    outcome = compare(SAID[:1], [Detection(0.9, "yes"), Detection(2.6, "yes")], 10.0)
    assert outcome.misses == 1 and len(outcome.false) == 2 and outcome.median_latency is None


def test_no_detection_counts_twice() -> None:
    said = [Spoken("yes", 1.0, 1.3), Spoken("yes", 1.4, 1.7)]
    assert compare(said, [Detection(1.8, "yes")], 10.0).misses == 1


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a,b\n1,2\n", "needs the columns start_s, end_s, word"),
        ("start_s,end_s,word\n1,2,yes\n3,4,maybe\n", "row 3: 'maybe' is none of yes, no"),
        ("start_s,end_s,word\n2,1,yes\n", "row 2: start_s and end_s"),
        ("start_s,end_s,word\n1,nan,yes\n", "row 2: start_s and end_s"),
        ("start_s,end_s,word\n1\n", "row 2 has not as many cells as the first row"),
        ("start_s,end_s,word\n1,2,yes,no\n", "row 2 has not as many cells as the first row"),
        ("", "needs the columns start_s, end_s, word"),
    ],
)
def test_rows_of_what_was_said_are_refused(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "said.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=complaint):
        read_said(path, ("yes", "no"))


def test_what_was_said_is_read_by_time(tmp_path: Path) -> None:
    (tmp_path / "said.csv").write_text("word,start_s,end_s\nno,3,3.4\nyes,1,1.5\n")
    assert read_said(tmp_path / "said.csv", ("yes", "no")) == SAID[:2]


def test_the_command(tmp_path: Path, program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    files = Artifacts(tmp_path / "kws", "kws")
    save(program, files.program_json, files.program_npz)
    monkeypatch.setattr("rnn_edge.source.artifacts_of", lambda model, out: files)
    path = write_wav(tmp_path / "a.wav", signals.speech(48000, 20000), 8000)
    (tmp_path / "said.csv").write_text("start_s,end_s,word\n0.5,1,word 1\n")
    done = CliRunner().invoke(main, ["listen", "kws", "--wav", str(path), "--said", str(tmp_path / "said.csv")])
    assert done.exit_code == 0, done.output
    assert "Resampled from 8000 Hz" in done.output and "in 6.0 s of sound" in done.output
    assert "Of 1 words" in done.output and "an hour" in done.output


def test_times_are_minutes_and_seconds() -> None:
    assert [clock(0.5), clock(125.38)] == ["0:00.50", "2:05.38"]
