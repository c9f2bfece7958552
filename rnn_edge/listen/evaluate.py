"""How well a stream was understood, where it is known what was said: misses, false accepts, latency."""

from __future__ import annotations

import csv
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..datasets.speech import Spoken
from ..errors import UserError
from .hear import Detection

LATE_S = 1.0
"""A word is found by a detection from its beginning to so many seconds after its end."""

_COLUMNS = ("start_s", "end_s", "word")
_BYTES = 2**26


@dataclass(frozen=True)
class Outcome:
    """`latency`: seconds from the end of each word that was found to its detection, in the order of the words.

    `confused`: words for which another one was detected; they are among the misses and the false accepts.
    """

    seconds: float
    said: int
    latency: tuple[float, ...]
    false: tuple[Detection, ...]
    confused: int

    @property
    def misses(self) -> int:
        return self.said - len(self.latency)

    @property
    def false_an_hour(self) -> float:
        return 3600 * len(self.false) / self.seconds

    @property
    def median_latency(self) -> float | None:
        return statistics.median(self.latency) if self.latency else None


def compare(said: Sequence[Spoken], detected: Sequence[Detection], seconds: float) -> Outcome:
    """Each word takes the first detection of its name in its time; all detections that are left are false."""
    left, latency, confused = list(detected), [], 0
    missed = []
    for word in said:
        own = next((one for one in left if one.word == word.word and _fits(one, word)), None)
        if own is None:
            missed.append(word)
            continue
        left.remove(own)
        latency.append(own.time - word.end)
    for word in missed:
        confused += any(_fits(one, word) for one in left)
    return Outcome(seconds, len(said), tuple(latency), tuple(left), confused)


def _fits(one: Detection, word: Spoken) -> bool:
    return word.start <= one.time <= word.end + LATE_S


def read_said(path: Path, classes: Sequence[str]) -> list[Spoken]:
    """The words of a CSV file with the columns start_s, end_s, word, by time; UserError with the row that is wrong."""
    try:
        if path.stat().st_size > _BYTES:
            raise UserError(f"{path} is larger than {_BYTES:,} bytes: give a word a row.")
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            if not set(_COLUMNS) <= set(reader.fieldnames or ()):
                raise UserError(f"{path} needs the columns {', '.join(_COLUMNS)} in its first row: add them.")
            said = [_said(row, f"{path}, row {reader.line_num}", classes) for row in reader]
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): give a file that can.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} is no CSV file in UTF-8 ({error}): save it as one.") from error
    return sorted(said, key=lambda word: word.end)


def _said(row: dict[str, str], where: str, classes: Sequence[str]) -> Spoken:
    if None in row or None in row.values():
        raise UserError(f"{where} has not as many cells as the first row: correct or remove the row.")
    if row["word"] not in classes:
        raise UserError(f"{where}: {row['word']!r} is none of {', '.join(classes)}: correct or remove the row.")
    try:
        start, end = float(row["start_s"]), float(row["end_s"])
    except (TypeError, ValueError):
        start = end = -1.0
    if not 0 <= start < end < float("inf"):
        raise UserError(f"{where}: start_s and end_s have to be seconds, the end behind the start: correct the row.")
    return Spoken(row["word"], start, end)
