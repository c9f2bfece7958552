"""The user's own sequences, from a NumPy `.npz` file.

`x`: real numbers `[N, T, channels]`, or `[N, T]` for one channel; integers `[N, T]` are tokens (one channel of raw
counts is `[N, T, 1]`). `y`: integer classes `[N]`, integer labels `[N, T]` (-1: none) or real numbers `[N, T, outputs]`
to forecast at every step. Optional: `lengths [N]` (real steps of each sequence; what follows
them is ignored), `group [N]` (integers or names: sequences of one group, such as a subject, are never in both training
and test), `split [N]` (0 train, 1 test; otherwise 70/30 by group or class, always the same), `classes` (names).
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from . import Dataset, Split, with_calibration
from .split import held_by_class, held_by_group

Array = NDArray[Any]

_FILE_BYTES = 2**30  # of all arrays together, unpacked
_KEYS = ("x", "y", "lengths", "group", "split", "classes")


def read(path: Path) -> Dataset:
    """The file as a data set; UserError names the array and the row that cannot be used."""
    arrays = _arrays(path)
    x, lengths = _sequences(arrays, path)
    y = _targets(_needed(arrays, "y", path), x.shape, path)
    groups, group = _groups(arrays, len(y), path)
    whole = Split(x, lengths, y, group)
    classes = () if whole.task == "value" else _class_names(arrays, y, path)
    held = _test_rows(arrays, whole.stratum, group, classes or ("values",), groups, path)
    train, test = (whole.take(np.flatnonzero(rows)) for rows in (~held, held))
    for name, split in (("training", train), ("test", test)):
        if not len(split):
            raise UserError(f"{path}: the {name} split is empty: give at least one sequence of each class to both.")
    absent = sorted(set(range(len(classes))) - set(np.ravel(train.y).tolist()))
    if absent:
        raise UserError(f"{path}: class {absent[0]} of y has no training sequence: number the classes from 0 up.")
    return with_calibration(path.stem, classes, train, test, groups=groups)


def load_calibration(path: Path) -> tuple[Array, NDArray[np.int64]]:
    """`x` and `lengths` of a file that holds only sequences to calibrate with, as in `Split`."""
    return _sequences(_arrays(path), path)


def _arrays(path: Path) -> dict[str, Array]:
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > _FILE_BYTES:
            raise UserError(f"{path} unpacks to {size} bytes, at most {_FILE_BYTES} are read: give fewer sequences.")
        with np.load(path, allow_pickle=False) as file:
            unknown = sorted(set(file.files) - set(_KEYS))
            if unknown:
                raise UserError(f"{path}: array {unknown[0]!r} is not known, accepted: {', '.join(_KEYS)}: remove it.")
            return {name: np.asarray(file[name]) for name in file.files}
    except FileNotFoundError:
        raise UserError(f"There is no file {path}: give the path of a .npz file.") from None
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        raise UserError(f"{path} is not a .npz of plain arrays ({error}): write it with numpy.savez.") from error


def _needed(arrays: Mapping[str, Array], name: str, path: Path) -> Array:
    if name not in arrays:
        raise UserError(f"{path} has no array {name!r}: add it with numpy.savez.")
    return arrays[name]


def _sequences(arrays: Mapping[str, Array], path: Path) -> tuple[Array, NDArray[np.int64]]:
    x = _needed(arrays, "x", path)
    if x.dtype.kind not in "iuf" or x.ndim not in (2, 3):
        raise UserError(
            f"{path}: x is {x.dtype} with shape {list(x.shape)}, it must be real numbers [N, T, channels] or [N, T]: "
            "convert it."
        )
    if 0 in x.shape:
        raise UserError(f"{path}: x has shape {list(x.shape)}, so it is empty: give at least one sequence.")
    lengths = np.full(len(x), x.shape[1], np.int64)
    if "lengths" in arrays:
        lengths = _integers(arrays["lengths"], "lengths", len(x), path)
        _check_range(lengths, "lengths", 1, x.shape[1], path)
    real = np.arange(x.shape[1]) < lengths[:, None]
    return (_tokens if x.ndim == 2 and x.dtype.kind in "iu" else _numbers)(x, real, path), lengths


def _tokens(x: Array, real: Array, path: Path) -> NDArray[np.int32]:
    tokens = np.where(real, x, 0)
    bad = np.flatnonzero(((tokens < 0) | (tokens > np.iinfo(np.int32).max)).any(axis=1))
    if len(bad):
        raise UserError(f"{path}: x row {bad[0]} has a token below 0 or above 2^31 - 1: correct it.")
    return tokens.astype(np.int32)


def _numbers(x: Array, real: Array, path: Path) -> NDArray[np.float32]:
    numbers = x.reshape(*x.shape[:2], -1)
    # Compared before the conversion, which would turn too large numbers into infinity with only a warning.
    good = np.abs(np.where(real[..., None], numbers, 0).astype(np.float64)) <= np.finfo(np.float32).max
    bad = np.flatnonzero(~good.all(axis=(1, 2)))
    if len(bad):
        raise UserError(f"{path}: x row {bad[0]} holds a value that is not a finite 32-bit number: correct or drop it.")
    return np.where(real[..., None], numbers, 0).astype(np.float32)


def _targets(y: Array, shape: tuple[int, ...], path: Path) -> Array:
    if y.ndim == 1:
        y = _integers(y, "y", shape[0], path)
        _check_range(y, "y", 0, max(len(y) - 1, 0), path)
        return y
    if y.shape[:2] != shape[:2] or (y.dtype.kind, y.ndim) not in (("i", 2), ("u", 2), ("f", 3)) or not y.size:
        raise UserError(
            f"{path}: y is {y.dtype} with shape {list(y.shape)}, it must be integers [{shape[0]}] or "
            f"{list(shape[:2])}, or real numbers [{shape[0]}, {shape[1]}, outputs]: convert it."
        )
    real = y.dtype.kind == "f"
    low, high = (-np.finfo(np.float32).max, np.finfo(np.float32).max) if real else (-1, 65535)
    bad = np.flatnonzero(~((y >= low) & (y <= high)).reshape(len(y), -1).all(axis=1))
    if len(bad):
        accepted = "finite 32-bit numbers" if real else "-1 (no label) to 65535"
        raise UserError(f"{path}: y row {bad[0]} is out of range, accepted are {accepted}: correct it.")
    return y.astype(np.float32 if real else np.int64)


def _integers(array: Array, name: str, count: int, path: Path) -> NDArray[np.int64]:
    if array.dtype.kind not in "iu" or array.shape != (count,):
        raise UserError(
            f"{path}: {name} is {array.dtype} with shape {list(array.shape)}, it must be integers [{count}], one for "
            "each sequence of x: convert it."
        )
    return array.astype(np.int64)


def _check_range(array: NDArray[np.int64], name: str, low: int, high: int, path: Path) -> None:
    bad = np.flatnonzero((array < low) | (array > high))
    if len(bad):
        raise UserError(f"{path}: {name} row {bad[0]} is {array[bad[0]]}, accepted is {low} to {high}: correct it.")


def _groups(arrays: Mapping[str, Array], count: int, path: Path) -> tuple[tuple[str, ...], NDArray[np.int64] | None]:
    if "group" not in arrays:
        return (), None
    array = arrays["group"]
    if array.dtype.kind not in "iuU" or array.shape != (count,):
        raise UserError(
            f"{path}: group is {array.dtype} with shape {list(array.shape)}, it must be integers or names [{count}], "
            "one for each sequence of x: convert it."
        )
    names, group = np.unique(array, return_inverse=True)
    return tuple(str(name) for name in names), group.astype(np.int64)


def _test_rows(
    arrays: Mapping[str, Array],
    y: NDArray[np.int64],
    group: NDArray[np.int64] | None,
    classes: tuple[str, ...],
    groups: tuple[str, ...],
    path: Path,
) -> NDArray[np.bool_]:
    if "split" not in arrays:
        if group is not None:
            return held_by_group(y, group, classes, groups, path)
        _check_each_class_twice(y, classes, path)
        return held_by_class(y)
    part = _integers(arrays["split"], "split", len(y), path)
    _check_range(part, "split", 0, 1, path)
    if group is not None:
        both = sorted(set(group[part == 0].tolist()) & set(group[part == 1].tolist()))
        if both:
            raise UserError(
                f"{path}: group {groups[both[0]]!r} is in both the training and the test split: correct split, or "
                "leave it out."
            )
    held: NDArray[np.bool_] = part == 1
    return held


def _check_each_class_twice(y: NDArray[np.int64], classes: tuple[str, ...], path: Path) -> None:
    alone = np.flatnonzero(np.bincount(y) == 1)
    if len(alone):
        row = int(np.flatnonzero(y == alone[0])[0])
        raise UserError(
            f"{path}: class {classes[alone[0]]!r} has one sequence only, row {row} of y, training and test need one "
            "each: give at least two, better ten."
        )


def _class_names(arrays: Mapping[str, Array], y: NDArray[np.int64], path: Path) -> tuple[str, ...]:
    count = int(y.max()) + 1
    names = arrays.get("classes", np.arange(count).astype(str))
    if names.dtype.kind != "U" or names.ndim != 1 or len(names) < count or len(set(names)) < len(names):
        raise UserError(
            f"{path}: classes is {names.dtype} with shape {list(names.shape)}, it must be at least {count} different "
            "names, one for each value of y: correct it."
        )
    if len(names) < 2:
        raise UserError(f"{path}: y has one class only: give sequences of at least two.")
    return tuple(str(name) for name in names)
