"""What was heard, for the terminal."""

from __future__ import annotations

from ..report import console, plain_table
from .evaluate import Outcome
from .hear import Ears
from .run import Heard
from .sound import Sound


def show_heard(sound: Sound, ears: Ears, heard: Heard) -> None:
    """Notes on the file, a row a detection, and how long it took."""
    for note in sound.notes:
        console.print(f"{sound.path}: {note}", soft_wrap=True, markup=False)
    table = plain_table("time", "word", left=2)
    for detection in heard.detections:
        table.add_row(clock(detection.time), detection.word)
    console.print(table if heard.detections else f"None of {', '.join(ears.words)} was detected.")
    console.print(
        f"\n{len(heard.detections)} detections in {heard.seconds:.1f} s of sound. The interpreter took "
        f"{heard.elapsed:.1f} s for it on this computer; `rnn-edge bench` counts what a chip needs.",
        soft_wrap=True,
    )


def show_outcome(outcome: Outcome) -> None:
    """Misses, false accepts and latency, against what was said."""
    found = outcome.said - outcome.misses
    latency = "" if outcome.median_latency is None else (
        f" Median latency {1000 * outcome.median_latency:.0f} ms after the end of a word, "
        f"longest {1000 * max(outcome.latency):.0f} ms."
    )  # fmt: skip
    console.print(
        f"Of {outcome.said} words {found} were found and {outcome.misses} missed, {outcome.confused} of these taken "
        f"for another. False accepts: {len(outcome.false)}, {outcome.false_an_hour:.0f} an hour.{latency}",
        soft_wrap=True,
    )


def clock(seconds: float) -> str:
    """Minutes and seconds, such as 2:05.38."""
    return f"{int(seconds // 60)}:{seconds % 60:05.2f}"
