"""A first `model.toml` from data: read, decide, check, and only then write."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from .. import datasets, spec
from ..cells import all_cells
from ..datasets import Dataset
from ..errors import UserError
from ..features import LogMel
from ..files import write_atomically
from ..names import check_classes, identifier
from ..paths import MODELS
from ..recordings.folder import find
from ..recordings.read import read
from ..recordings.windows import Cutting
from . import choose, model_file
from .summary import Summary, summarize


@dataclass(frozen=True)
class Wish:
    """What the user asked for; None is left to `choose`."""

    cell: str = "gru"
    units: int = 16
    window_s: float | None = None
    hop_s: float | None = None
    rate_hz: float | None = None


@dataclass(frozen=True)
class Begun:
    """The file that was written, what it is about, and its steps a second where that is known."""

    path: Path
    summary: Summary
    rate_hz: float | None


class _Read(NamedTuple):
    """The data, how recordings are cut, whether they are sound, and what is made of it."""

    data: Dataset
    cutting: Cutting = Cutting()
    sound: bool = False
    features: LogMel | None = None


def begin(folder: Path, source: Path, wish: Wish) -> Begun:
    """Write `folder/model.toml` for the data at `source`; UserError, and nothing written, where they cannot be used."""
    path = folder / spec.FILE_NAME
    _check_name(folder, path)
    if wish.cell not in all_cells():
        raise UserError(f"There is no cell {wish.cell!r}: use one of {', '.join(all_cells())}.")
    read = _read(source, wish)
    data, cutting = read.data, read.cutting
    if data.train.task != "class":
        raise UserError(
            f"{source} asks something at every step, for which `init` writes no file: take that of the bundled model "
            "demand as a pattern."
        )
    check_classes(data.classes)
    summary = summarize(data)
    relative = Path(os.path.relpath(source.resolve(), folder.resolve())).as_posix()
    raw_unit = None if read.features else choose.raw_unit(summary, read.sound)
    choice = model_file.Choice(relative, wish.cell, wish.units, raw_unit, cutting, read.features)
    text = model_file.text(summary, choice)
    spec.ModelSpec.model_validate(tomllib.loads(text))
    write_atomically(path, text.encode())
    return Begun(path, summary, cutting.rate_hz if read.features is None else read.features.frames_per_s)


def _check_name(folder: Path, path: Path) -> None:
    identifier(folder.resolve().name)
    if path.exists():
        raise UserError(f"{path} is there already: remove it, or give another name.")
    if (MODELS / folder / spec.FILE_NAME).is_file():
        raise UserError(
            f"{str(folder)!r} is the name of a bundled model, which would be found first: give another name."
        )


def _read(source: Path, wish: Wish) -> _Read:
    if source.is_dir():
        found = find(source)
        features = choose.features(found, wish.rate_hz)
        cutting = choose.cutting(found, wish.window_s, wish.hop_s, wish.rate_hz, features)
        sound = found[0].stream.path.suffix.lower() == ".wav"
        return _Read(read(source, cutting, features), cutting, sound, features)
    if not source.exists() or source.suffix not in (".npz", ".ts"):
        raise UserError(
            f"{source} is {'no folder, .npz or .ts file' if source.exists() else 'not there'}: give a folder of CSV "
            "or WAV recordings, an .npz or a _TRAIN.ts."
        )
    if (wish.window_s, wish.hop_s, wish.rate_hz) != (None, None, None):
        raise UserError(
            f"--window, --hop and --rate are for a folder of recordings, {source} is a file: leave them out."
        )
    return _Read(datasets.load(str(source)))
