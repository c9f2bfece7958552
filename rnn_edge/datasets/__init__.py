"""Labelled sequences, split into training, calibration and test.

Every module of this folder with a function `load() -> Dataset` is a data set under the name of its file.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError

CALIBRATION_SEQUENCES = 128
_CALIBRATION_SEED = 20240229


@dataclass(frozen=True)
class Split:
    """Sequences padded with zeros to one length.

    `x`: float32 `[N, T, channels]`, or int32 tokens `[N, T]`; `lengths`: int64 `[N]`, 1..T; `y`: int64 `[N]`, classes.
    `group`: int64 `[N]`, where sequences belong together (one subject, one recording) and none may be split up.
    """

    x: NDArray[Any]
    lengths: NDArray[np.int64]
    y: NDArray[np.int64]
    group: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.y)

    def take(self, rows: NDArray[np.int64]) -> Split:
        """The sequences `rows`, in that order."""
        return Split(self.x[rows], self.lengths[rows], self.y[rows], None if self.group is None else self.group[rows])


@dataclass(frozen=True)
class Dataset:
    """One task: `classes` are the names of the values of `y`; `calibration` is a part of `train`, never of `test`.

    Where the files say so: `channels` are the names of the channels, `groups` those of the values of `group`, and
    `notes` is what was done to the files, a sentence each.
    """

    name: str
    classes: tuple[str, ...]
    train: Split
    calibration: Split
    test: Split
    channels: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def with_calibration(
    name: str,
    classes: tuple[str, ...],
    train: Split,
    test: Split,
    channels: tuple[str, ...] = (),
    groups: tuple[str, ...] = (),
    notes: tuple[str, ...] = (),
) -> Dataset:
    """The data set whose calibration split is drawn from `train`: always the same sequences, all classes alike."""
    rows = shuffled_by_class(train.y, _CALIBRATION_SEED)[:CALIBRATION_SEQUENCES]
    return Dataset(name, classes, train, train.take(rows), test, channels, groups, notes)


def shuffled_by_class(y: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """All rows in a fixed random order in which every beginning holds the classes as evenly as it can."""
    order = np.random.default_rng(seed).permutation(len(y))
    turn = np.empty(len(y), np.int64)
    for label in np.unique(y):
        members = y[order] == label
        turn[members] = np.arange(members.sum())
    return order[np.argsort(turn, kind="stable")]


@cache
def all_sets() -> dict[str, Callable[[], Dataset]]:
    """The loader of every data set in this folder, by name."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    modules = {name: importlib.import_module(f"{__name__}.{name}") for name in names}
    return {name: module.load for name, module in modules.items() if hasattr(module, "load")}


def load(set_name: str) -> Dataset:
    """The data set of that name, or the user's own where `set_name` is the path of a `.npz` or a `_TRAIN.ts`.

    Raises UserError for an unknown name or a bad file, MissingError where the data cannot be fetched.
    """
    if set_name.endswith(".npz"):
        from . import npz_file

        return npz_file.read(Path(set_name))
    if set_name.endswith(".ts"):
        from . import ts_file

        return ts_file.read(Path(set_name))
    if set_name not in all_sets():
        raise UserError(
            f"There is no data set {set_name!r}: use one of {', '.join(all_sets())}, or the path of your own .npz "
            "file, _TRAIN.ts file or folder of recordings."
        )
    return all_sets()[set_name]()
