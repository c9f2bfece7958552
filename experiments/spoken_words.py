"""How well does `kws` find its words? Clips and streams by voices that training never heard, and thresholds.

`python experiments/spoken_words.py build/kws` after `rnn-edge export kws`; needs eSpeak NG and Flite. Thresholds are
chosen by the first stream alone: voices of the training, words said anew.
"""

from __future__ import annotations

import sys
import wave
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from rnn_edge import datasets
from rnn_edge.datasets.speech import RATE_HZ, Pcm, Spoken, Utterance, clips, voices
from rnn_edge.datasets.speech.stream import stream
from rnn_edge.datasets.speech.words import LEARNED_OTHERS, UNHEARD_OTHERS, WORDS
from rnn_edge.ir.check import check
from rnn_edge.ir.program import load
from rnn_edge.keras_import import import_keras
from rnn_edge.listen.evaluate import compare
from rnn_edge.listen.hear import Ears, detections, ears, scores
from rnn_edge.paths import Artifacts
from rnn_edge.quality import measure

SECONDS = 600
SMOOTHINGS = (2, 3, 4)
THRESHOLDS = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9)

Speak = Callable[[Sequence[tuple[str, int]], np.random.Generator], list[Utterance]]
STREAMS: dict[str, tuple[Speak, Sequence[str]]] = {
    "learned": (voices.learned_espeak, LEARNED_OTHERS),
    "espeak": (voices.unheard_espeak, UNHEARD_OTHERS),
    "flite": (voices.unheard_flite, UNHEARD_OTHERS),
}


def main(folder: Path) -> None:
    files = Artifacts(folder, folder.name)
    program = check(load(files.program_json, files.program_npz))
    own, network = ears(program), import_keras(files.float_keras, program.name)
    for name in ("spoken_words", "spoken_words_flite"):
        test = datasets.load(name, own.features).test
        quality = measure(network, program, test.x, test.lengths, test.y)
        print(f"{name}: {len(test)} clips, float {quality.float_accuracy:.4f}, {program.scheme} {quality.accuracy:.4f}")
    for seed, (name, (speak, others)) in enumerate(STREAMS.items()):
        rng = np.random.default_rng(1000 + seed)
        said = [(word, 12) for word in WORDS] + [(word, 2) for word in others]
        pcm, spoken = stream(clips.bank(speak(said, rng), WORDS), SECONDS, rng)
        write(folder / f"stream_{name}", pcm, spoken)
        show(name, own, pcm, spoken)


def write(path: Path, pcm: Pcm, spoken: Sequence[Spoken]) -> None:
    """A WAV file and what is said in it, for `rnn-edge listen --wav --said`."""
    with wave.open(str(path.with_suffix(".wav")), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(pcm.astype("<i2").tobytes())
    rows = [f"{one.start:.3f},{one.end:.3f},{one.word}\n" for one in spoken]
    path.with_suffix(".csv").write_text("start_s,end_s,word\n" + "".join(rows))


def show(name: str, own: Ears, pcm: Pcm, spoken: Sequence[Spoken]) -> None:
    found = np.concatenate(list(scores(own, [pcm])))
    print(f"stream {name}: {len(spoken)} words in {SECONDS} s; the decision of the model, then others")
    print("smoothing  threshold  found  confused  false/h  latency ms")
    tried = [replace(own.decision, smoothing=s, threshold=round(t * 32767)) for s in SMOOTHINGS for t in THRESHOLDS]
    for decision in (own.decision, *tried):
        outcome = compare(spoken, detections(replace(own, decision=decision), found), SECONDS)
        latency = 1000 * (outcome.median_latency or 0)
        print(
            f"{decision.smoothing:9}  {decision.threshold / 32767:9.2f}  {1 - outcome.misses / len(spoken):5.3f}  "
            f"{outcome.confused:8}  {outcome.false_an_hour:7.0f}  {latency:10.0f}"
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
