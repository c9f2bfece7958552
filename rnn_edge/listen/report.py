"""What was heard, for the terminal."""

from __future__ import annotations

from ..bench.measurement import CYCLES
from ..report import console, plain_table
from .evaluate import Outcome
from .hear import Ears
from .on_board import BoardEars
from .run import Heard
from .sound import Sound


def show_heard(sound: Sound, ears: Ears, heard: Heard, board: BoardEars | None) -> None:
    """Notes on the file, a row a detection, how long it took, and what a board said to it."""
    for note in sound.notes:
        console.print(f"{sound.path}: {note}", soft_wrap=True, markup=False)
    table = plain_table("time", "word", left=2)
    for detection in heard.detections:
        table.add_row(clock(detection.time), detection.word)
    console.print(table if heard.detections else f"None of {', '.join(ears.words)} was detected.")
    count = len(heard.detections)
    found = f"\n{count} detection{'' if count == 1 else 's'} in {heard.seconds:.1f} s of sound."
    if board is None:
        console.print(
            f"{found} The interpreter took {heard.elapsed:.1f} s for it on this computer; --board says what a chip "
            "needs.",
            soft_wrap=True,
        )
        return
    console.print(
        f"{found} {board.board.id} gives the same scores and detections in all {heard.frames:,} frames; over its link "
        f"that took {heard.elapsed:.1f} s.",
        soft_wrap=True,
    )
    show_cost(board, ears)


def show_cost(board: BoardEars, ears: Ears) -> None:
    """What a frame takes, the load at the board's clock, and the latency."""
    cost, features = board.cost, ears.features
    if cost is None:
        console.print("What a frame takes is not known: this emulator counts no cycles.")
        return
    rate, mhz = features.frames_per_s, board.board.clock.hz / 1e6
    at = "" if cost.unit == CYCLES else " and one instruction a cycle, without waiting for flash"
    slow = " It is too slow to listen live." if cost.load > 1 else ""
    console.print(
        f"A frame takes {cost.mean:,} {cost.unit} in the mean, {cost.most:,} at most. At {rate:g} frames a second, "
        f"{mhz:g} MHz{at}: {100 * cost.load:.1f} % of real time, and scores {1000 * cost.latency:.1f} ms after the "
        f"last sample of a frame at most.{slow}",
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
