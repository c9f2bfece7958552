"""Scenes, clips and streams of spoken words, from utterances made here; the synthesizers are in tests/runtimes."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rnn_edge import datasets
from rnn_edge.datasets import spoken_words
from rnn_edge.datasets.speech import RATE_HZ, Pcm, Utterance, accents, clips, espeak, flite, voices
from rnn_edge.datasets.speech.scene import SNR_DB, scene
from rnn_edge.datasets.speech.stream import stream
from rnn_edge.datasets.speech.waveform import at_rate, trimmed
from rnn_edge.datasets.speech.words import LEARNED_OTHERS, UNHEARD_OTHERS, WORDS
from rnn_edge.errors import MissingError, UserError
from rnn_edge.features import LogMel

SAID = ("yes", "no")


def tone(hertz: float, samples: int, peak: float = 10000) -> Pcm:
    wave: Pcm = (peak * np.sin(2 * np.pi * hertz * np.arange(samples) / RATE_HZ)).astype(np.int16)
    return wave


def bank() -> clips.Bank:
    words = ("yes", "no", "other", "else")
    said = [
        Utterance(word, f"voice {v}", tone(200 * (w + 1) + v, 5000)) for w, word in enumerate(words) for v in range(5)
    ]
    return clips.bank(said, SAID)


def power_at(pcm: NDArray[Any], hertz: float) -> float:
    spectrum = np.abs(np.fft.rfft(pcm * np.hanning(len(pcm)))) ** 2
    bin_ = round(hertz * len(pcm) / RATE_HZ)
    return float(spectrum[bin_ - 2 : bin_ + 3].sum() / spectrum.sum())


@pytest.mark.parametrize(("rate_in", "rate_out"), [(22050, 16000), (16000, 16000), (18000, 16000), (8000, 16000)])
def test_another_rate_keeps_a_tone(rate_in: float, rate_out: float) -> None:
    found = at_rate(tone(440 * RATE_HZ / rate_in, 8000), rate_in, rate_out)
    assert len(found) == round(8000 * rate_out / rate_in)
    expected = tone(440, len(found))
    assert np.abs(found[300:-300].astype(int) - expected[300:-300]).max() < 40


def test_silence_at_the_ends_is_cut() -> None:
    pcm = np.concatenate([np.zeros(100, np.int16), tone(1000, 500), np.full(50, 3, np.int16)])
    assert 495 <= len(trimmed(pcm)) <= 500
    assert len(trimmed(np.zeros(10, np.int16))) == 0


def test_a_scene_is_decided_by_its_seed() -> None:
    one, same, other = (scene([(4000, tone(440, 5000))], 24000, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert one.dtype == np.int16 and one.shape == (24000,)
    assert one.tolist() == same.tolist() != other.tolist()


def test_a_word_is_heard_at_its_place_above_the_noise() -> None:
    for seed in range(20):
        heard = scene([(8000, tone(1000, 6000))], 24000, np.random.default_rng(seed)).astype(float)
        word, before = heard[8000:14000], heard[:7000]
        ratio = 10 * np.log10(np.mean(word**2) / np.mean(before**2))
        assert SNR_DB[0] - 3 < ratio < SNR_DB[1] + 3
        assert power_at(word, 1000) > 0.5


def test_a_word_before_the_beginning_is_cut() -> None:
    rng = np.random.default_rng(3)
    heard = scene([(-4000, tone(1000, 6000))], 24000, rng).astype(float)
    assert np.mean(heard[:2000] ** 2) > 2 * np.mean(heard[-8000:] ** 2)


def test_clips_have_their_word_near_the_end() -> None:
    drawn = clips.draw(bank(), 20, 50, np.random.default_rng(0))
    assert [sum(clip.label == label for clip in drawn) for label in range(3)] == [50, 20, 20]
    for clip in drawn:
        if clip.label:
            start, last = clip.utterances[-1]
            assert last.word == SAID[clip.label - 1] and clip.voice == last.voice
            assert 0.6 * clips.SAMPLES < start + len(last.pcm) <= clips.SAMPLES
    before = [len(clip.utterances) for clip in drawn if clip.label]
    assert 10 < before.count(2) < 30


def test_the_background_is_all_else() -> None:
    drawn = [clip for clip in clips.draw(bank(), 1, 200, np.random.default_rng(0)) if clip.label == 0]
    ends = [
        (start + len(last.pcm)) / clips.SAMPLES
        for clip in drawn
        for start, last in clip.utterances[-1:]
        if last.word in SAID
    ]
    assert sum(not clip.utterances for clip in drawn) == 40
    # a word to be found either ended long ago or is far from its end
    assert len(ends) == 80 and all(end < 0.54 or end > 1.1 for end in ends)


def test_no_background_is_what_a_listener_would_call_a_word() -> None:
    drawn = [clip for clip in clips.draw(bank(), 1, 2000, np.random.default_rng(0)) if clip.label == 0]
    for clip in drawn:
        ends = [start + len(said.pcm) for start, said in clip.utterances if said.word in SAID]
        assert not any(clips.SAMPLES - 0.7 * RATE_HZ < end <= clips.SAMPLES for end in ends)
        cut = [said.word for start, said in clip.utterances if start + len(said.pcm) > clips.SAMPLES]
        assert "no" not in cut
    assert sum(len(clip.utterances) == 2 for clip in drawn) > 400


def test_more_clips_to_learn_leave_the_tests_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    def speak(counts: voices.Counts, rng: np.random.Generator) -> list[Utterance]:
        return [Utterance(word, "voice", tone(rng.uniform(200, 2000), 3000)) for word, _ in counts]

    for name in ("learned_espeak", "learned_flite", "unheard_espeak", "unheard_flite"):
        monkeypatch.setattr(voices, name, speak)
    monkeypatch.setattr(clips, "frames", lambda drawn, _: [np.stack([clips.render(clip) for clip in drawn])])
    made = []
    for count in (4, 8):
        monkeypatch.setattr(spoken_words, "_CLIPS", {"train": count, "test": 2, "flite": 2})
        made.append(spoken_words._made(LogMel()))
    each = len(WORDS) + spoken_words._BACKGROUNDS["train"]
    assert [len(one["train_x"]) for one in made] == [4 * each, 8 * each]
    for part in ("test_x", "test_y", "flite_x", "flite_y"):
        assert made[0][part].tolist() == made[1][part].tolist()


def test_another_accent_has_other_vowels_and_the_same_stress() -> None:
    assert accents.said("'V|p", (("V", "U"),)) == "'U|p"
    assert accents.said("n|,oU|'E", (("oU", "V|U"), ("a", "A:"))) == "n|,V|U|'E"
    drawn = [accents.draw(np.random.default_rng(seed)) for seed in range(50)]
    assert len(set(drawn)) == 50
    for own, others in accents.SETS.items():
        assert {dict(vowels)[own] for vowels in drawn} == set(others)


def test_clips_in_processes_are_the_clips_here() -> None:
    drawn = clips.draw(bank(), 2, 3, np.random.default_rng(0))
    found = np.concatenate(list(clips.frames(drawn, LogMel())))
    assert found.shape == (7, 74, 16)
    assert found[0].tolist() == LogMel().frames(clips.render(drawn[0])).tolist()


def test_a_stream_knows_what_is_said_when() -> None:
    pcm, said = stream(bank(), 60, np.random.default_rng(0))
    assert len(pcm) == 60 * RATE_HZ and len(said) > 4
    assert {one.word for one in said} == set(SAID)
    assert all(a.end < b.start for a, b in itertools.pairwise(said))
    for one in said:
        heard = pcm[round(one.start * RATE_HZ) : round(one.end * RATE_HZ)].astype(float)
        assert max(power_at(heard, 200 * (SAID.index(one.word) + 1) + v) for v in range(5)) > 0.2


def test_what_the_test_hears_training_does_not() -> None:
    held = voices.held_variants()
    assert len(set(held)) == 16 and set(held) < set(espeak.VARIANTS)
    assert set(voices.HELD_ACCENTS) < set(espeak.ACCENTS) and voices.HELD_SPEAKER in flite.VOICES
    assert not set(LEARNED_OTHERS) & set(UNHEARD_OTHERS) and not set(WORDS) & {*LEARNED_OTHERS, *UNHEARD_OTHERS}


def test_sound_goes_with_features_and_nothing_else_does() -> None:
    with pytest.raises(UserError, match=r"add \[features\]"):
        datasets.load("spoken_words")
    with pytest.raises(UserError, match=r"remove \[features\]"):
        datasets.load("italy_power_demand", LogMel())


def test_a_missing_synthesizer_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(espeak, "_LIBRARY", "libespeak-ng-not-there.so.1")
    espeak._library.cache_clear()
    with pytest.raises(MissingError, match="apt install libespeak-ng1"):
        espeak.version()
    monkeypatch.setattr(flite, "_PROGRAM", "flite-not-there")
    with pytest.raises(MissingError, match="apt install flite"):
        flite.speak([("yes", flite.Voice("slt", 1.0))])
