"""The history: one JSON file a model or shape, with the last stored measurement of each board, profile and compiler."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from ..errors import UserError
from ..files import write_atomically
from .measurement import Measurement, from_dict
from .subjects import Subject

FOLDER = Path("benchmarks")
"""Where the history of this repository is."""

TOLERANCE = 0.02
"""A number that grew by more than this share is a regression."""


@dataclass(frozen=True)
class Entry:
    """What is stored about a model or shape: its title, and measurements by their key."""

    title: str
    measurements: Mapping[str, Measurement]


@dataclass(frozen=True)
class Change:
    """One number that is not what it was."""

    key: str  # of the measurement
    what: str
    before: int
    after: int

    @property
    def share(self) -> float:
        """Growth against before; infinite where there was nothing."""
        return self.after / self.before - 1 if self.before else float("inf")

    @property
    def is_regression(self) -> bool:
        return self.after - self.before > TOLERANCE * self.before


@dataclass(frozen=True)
class Comparison:
    """How many measurements had a stored one, and every number that differs from it."""

    compared: int
    changes: tuple[Change, ...]

    @property
    def regressions(self) -> list[Change]:
        return [change for change in self.changes if change.is_regression]


def load(folder: Path, name: str) -> Entry | None:
    """What is stored under this name, None where there is nothing; UserError where the file is damaged."""
    path = _path(folder, name)
    try:
        described = json.loads(path.read_text(encoding="utf-8"))
        found = [from_dict(one) for one in described["measurements"]]
        return Entry(str(described["title"]), {one.key: one for one in found})
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); give another folder with --history.") from error
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{path} holds no measurements ({_fault(error)}); restore it, or delete it and measure with --store."
        ) from error


def _fault(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return f"{type(error).__name__}: {error}"


def store(folder: Path, subject: Subject, measured: Iterable[Measurement]) -> Path:
    """Put measurements beside the stored ones, over those of the same place; same measurements, same bytes."""
    before = load(folder, subject.name)
    kept = {one.place: one for one in [*(before.measurements.values() if before else ()), *measured]}
    described = {"title": subject.title, "measurements": [kept[place].to_dict() for place in sorted(kept)]}
    path = _path(folder, subject.name)
    write_atomically(path, (json.dumps(described, indent=1, sort_keys=True) + "\n").encode())
    return path


def compare(before: Measurement, after: Measurement) -> list[Change]:
    """The numbers that differ."""
    pairs = [
        (f"{after.unit} a step", before.mean, after.mean),
        (f"{after.unit} of the largest step", before.largest, after.largest),
        *(
            (f"bytes of {part}", getattr(before.sizes, part), getattr(after.sizes, part))
            for part in ("code", "tables", "weights", "state", "stack")
        ),
    ]
    return [Change(after.key, what, old, new) for what, old, new in pairs if old != new]


def _path(folder: Path, name: str) -> Path:
    return folder / f"{name}.json"
