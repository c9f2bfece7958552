"""Labelled sequences, split into training, calibration and test.

Every module of this folder with a function `load() -> Dataset` is a data set under the name of its file; a set of sound
has `load(features)` instead, for what is learned are its log-mel features.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from inspect import signature
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from ..features import LogMel

Task = Literal["class", "label", "value"]

CALIBRATION_SEQUENCES = 128
_CALIBRATION_SEED = 20240229


@dataclass(frozen=True)
class Split:
    """Sequences padded with zeros to one length.

    `x`: float32 `[N, T, channels]`, or int32 tokens `[N, T]`; `lengths`: int64 `[N]`, 1..T. `y`: int64 `[N]`, a class a
    sequence; int64 `[N, T]`, a label a step (-1: none); or float32 `[N, T, outputs]`, values to forecast at every step.
    `group`: int64 `[N]`, where sequences belong together (one subject, one recording) and none may be split up.
    """

    x: NDArray[Any]
    lengths: NDArray[np.int64]
    y: NDArray[Any]
    group: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.y)

    @property
    def task(self) -> Task:
        """What is asked: the class of a sequence, a label at every step, or values at every step."""
        if self.y.dtype.kind == "f":
            return "value"
        return "class" if self.y.ndim == 1 else "label"

    @property
    def stratum(self) -> NDArray[np.int64]:
        """What a division keeps even: the classes of the sequences, where they have any."""
        return self.y if self.task == "class" else np.zeros(len(self), np.int64)

    def take(self, rows: NDArray[np.int64]) -> Split:
        """The sequences `rows`, in that order."""
        return Split(self.x[rows], self.lengths[rows], self.y[rows], None if self.group is None else self.group[rows])


@dataclass(frozen=True)
class Dataset:
    """One task: `classes` are the names of the values of `y`, none for values to forecast; `calibration` is a part
    of `train`, never of `test`.

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

    @property
    def outputs(self) -> int:
        """Units that the last layer needs."""
        return int(self.train.y.shape[-1]) if self.train.task == "value" else len(self.classes)


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
    rows = shuffled_by_class(train.stratum, _CALIBRATION_SEED)[:CALIBRATION_SEQUENCES]
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
def all_sets() -> dict[str, Callable[..., Dataset]]:
    """The loader of every data set in this folder, by name."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    modules = {name: importlib.import_module(f"{__name__}.{name}") for name in names}
    return {name: module.load for name, module in modules.items() if hasattr(module, "load")}


def load(set_name: str, features: LogMel | None = None) -> Dataset:
    """The data set of that name, or the user's own where `set_name` is the path of a `.npz` or a `_TRAIN.ts`.

    `features` go with a set of sound, and with no other. Raises UserError for an unknown name or a bad file,
    MissingError where the data cannot be had.
    """
    loader = all_sets().get(set_name)
    sound = loader is not None and bool(signature(loader).parameters)
    if sound != (features is not None):
        what = 'is sound: add [features] with kind = "log_mel"' if sound else "is no sound: remove [features]"
        raise UserError(f"The data set {set_name} {what}.")
    if set_name.endswith(".npz"):
        from . import npz_file

        return npz_file.read(Path(set_name))
    if set_name.endswith(".ts"):
        from . import ts_file

        return ts_file.read(Path(set_name))
    if loader is None:
        raise UserError(
            f"There is no data set {set_name!r}: use one of {', '.join(all_sets())}, or the path of your own .npz "
            "file, _TRAIN.ts file or folder of recordings."
        )
    return loader(features) if sound else loader()
