"""The `.ts` text format of the UCR and UEA archives: a header of `@` lines, then one labelled sequence a line."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from . import Dataset, Split, with_calibration

_FILE_BYTES = 2**28
_ENDS = ("_TRAIN.ts", "_TEST.ts")
_IGNORED = {"problemname", "serieslength", "equallength", "univariate"}  # the data lines themselves tell


class _Header(NamedTuple):
    classes: tuple[str, ...]
    dimensions: int


def read(path: Path) -> Dataset:
    """`NAME_TRAIN.ts`, with `NAME_TEST.ts` beside it as the test split; UserError names the file and the line."""
    if not path.name.endswith(_ENDS[0]):
        raise UserError(f"{path} does not end in {_ENDS[0]}: name the training file so, and the test file {_ENDS[1]}.")
    beside = path.with_name(path.name.removesuffix(_ENDS[0]) + _ENDS[1])
    (classes, train), (labels, test) = (parse(_text(file), str(file)) for file in (path, beside))
    if labels != classes or test.x.shape[2] != train.x.shape[2]:
        raise UserError(
            f"{beside} has labels {' '.join(labels)} and {test.x.shape[2]} channels, {path} has {' '.join(classes)} "
            f"and {train.x.shape[2]}: give two files of one set."
        )
    absent = sorted(set(range(len(classes))) - set(train.y.tolist()))
    if absent:
        raise UserError(
            f"{path} has no sequence of class {classes[absent[0]]}: add one, or remove it from @classLabel."
        )
    return with_calibration(path.name.removesuffix(_ENDS[0]), classes, train, test)


def parse(text: str, source: str) -> tuple[tuple[str, ...], Split]:
    """Class labels in the order of the header, and the sequences; UserError names `source` and the line."""
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    lines = [(number, line) for number, line in lines if line and not line.startswith("#")]
    start = next((i for i, (_, line) in enumerate(lines) if line.lower() == "@data"), None)
    if start is None:
        raise UserError(f"{source} has no @data line: give a file in the .ts format of the UCR and UEA archives.")
    header = _header(lines[:start], source)
    if start + 1 == len(lines):
        raise UserError(f"{source} has no sequence after @data: give a file with at least one.")
    pairs = [_sequence(line, header, f"{source}, line {number}") for number, line in lines[start + 1 :]]
    sequences = [sequence for sequence, _ in pairs]
    labels = np.array([label for _, label in pairs], np.int64)
    lengths = np.array([len(sequence) for sequence in sequences], np.int64)
    return header.classes, Split(padded(sequences), lengths, labels)


def _text(path: Path) -> str:
    try:
        size = path.stat().st_size
        if size > _FILE_BYTES:
            raise UserError(f"{path} has {size} bytes, at most {_FILE_BYTES} are read: give fewer sequences.")
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): give the path of a .ts file that can.") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text: give a file in the .ts format.") from error


def padded(sequences: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Sequences `[length, channels]` as one array `[N, T, channels]`, with zeros after the end of each."""
    x = np.zeros((len(sequences), max(map(len, sequences)), sequences[0].shape[1]), np.float32)
    for row, sequence in zip(x, sequences, strict=True):
        row[: len(sequence)] = sequence
    return x


def _header(lines: list[tuple[int, str]], source: str) -> _Header:
    classes: tuple[str, ...] = ()
    dimensions = 1
    for number, line in lines:
        key, *values = line.removeprefix("@").split()
        where, key = f"{source}, line {number}", key.lower()
        if not line.startswith("@"):
            raise UserError(f"{where}: a header line starts with @, this one is {line[:40]!r}: correct the file.")
        if key in ("timestamps", "missing"):
            if [value.lower() for value in values] != ["false"]:
                raise UserError(f"{where}: @{key} is {' '.join(values)!r}, only false is read: remove them beforehand.")
        elif key == "dimensions" or key == "dimension":
            dimensions = _count(values, where)
        elif key == "classlabel":
            classes = _classes(values, where)
        elif key not in _IGNORED:
            raise UserError(f"{where}: @{key} is not a header line of the .ts format: remove it.")
    if not classes:
        raise UserError(f"{source} has no @classLabel line: give a classification set with at least two labels.")
    return _Header(classes, dimensions)


def _count(values: list[str], where: str) -> int:
    if len(values) == 1 and values[0].isascii() and values[0].isdigit() and int(values[0]) > 0:
        return int(values[0])
    raise UserError(f"{where}: @dimensions is {' '.join(values)!r}, a positive whole number is needed: correct it.")


def _classes(values: list[str], where: str) -> tuple[str, ...]:
    labels = tuple(values[1:])
    if values[:1] != ["true"] or len(labels) < 2 or len(set(labels)) < len(labels):
        raise UserError(
            f"{where}: @classLabel is {' '.join(values)!r}, it needs `true` and at least two different labels: "
            "give a classification set."
        )
    return labels


def _sequence(line: str, header: _Header, where: str) -> tuple[NDArray[np.float32], int]:
    *channels, label = line.split(":")
    if len(channels) != header.dimensions:
        raise UserError(f"{where}: {len(channels)} channels, the header says {header.dimensions}: correct the file.")
    if label.strip() not in header.classes:
        raise UserError(
            f"{where}: label {label.strip()[:40]!r} is not in @classLabel {' '.join(header.classes)}: add it."
        )
    series = [_series(channel, where) for channel in channels]
    if len({len(one) for one in series}) > 1:
        lengths = ", ".join(str(len(one)) for one in series)
        raise UserError(f"{where}: the channels have lengths {lengths}, they must be equal: correct the file.")
    return np.stack(series, axis=1), header.classes.index(label.strip())


def _series(text: str, where: str) -> NDArray[np.float32]:
    words = [word.strip() for word in text.split(",")]
    try:
        values = np.array([float(word) for word in words])
    except ValueError:
        raise UserError(
            f"{where}: {_first_odd(words)!r} is not a number: replace or drop the missing values."
        ) from None
    if not np.all(np.abs(values) <= np.finfo(np.float32).max):
        raise UserError(f"{where}: a value is not a finite 32-bit number: replace or drop it.")
    return values.astype(np.float32)


def _first_odd(words: list[str]) -> str:
    for word in words:
        try:
            float(word)
        except ValueError:
            return word[:40]
    return ""
