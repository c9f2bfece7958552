"""CSV files: a step a row, a channel a column; comma, semicolon or tab; a header and a time column where there are any.

A first row without a single number is the header. Time columns are dropped: one whose name says so (`time_ms`,
`t [s]`, `timestamp`) and that never decreases, or, without a name, a first column that climbs in even steps. Where its
name has a unit, it tells the rate. With semicolons or tabs a comma is a decimal comma. Empty lines and lines
that begin with # are skipped.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from . import Chunk, Stream

_BLOCK_ROWS = 4096
_LINE_CHARACTERS = 2**16
_EVEN_ROWS = 8  # a first column without a name has to climb evenly over so many rows to be time
_TIME_WORDS = {"time", "timestamp", "date", "datetime"}  # whatever follows them
_TIME_NAMES = {"t", "index", "sample", "step", "seconds", "millis", "micros"}  # alone, or with a unit
_UNITS = {
    **dict.fromkeys(("s", "sec", "secs", "seconds"), 1.0),
    **dict.fromkeys(("ms", "msec", "millis", "milliseconds"), 1e-3),
    **dict.fromkeys(("us", "µs", "μs", "usec", "micros", "microseconds"), 1e-6),
    **dict.fromkeys(("ns", "nanoseconds"), 1e-9),
}

Block = list[tuple[int, str]]  # number in the file, from 1, and text of successive rows


class _Layout(NamedTuple):
    separator: str
    names: tuple[str, ...]  # of all columns; "" without a header
    header: bool
    times: tuple[int, ...]  # columns that are no channels

    @property
    def columns(self) -> list[int]:
        """The columns that are channels."""
        return [i for i in range(len(self.names)) if i not in self.times]


def open_file(path: Path) -> Stream:
    """The first rows are read now to learn what the columns are, the whole file when it is asked for."""
    block = next(_blocks(path), [])
    if not block:
        raise UserError(f"{path} is empty: record it again, or remove it.")
    layout = _layout(block, path)
    rows = block[1:] if layout.header else block
    if not rows:
        raise UserError(f"{path} has a header and no row below it: record it again, or remove it.")
    columns = layout.columns
    if not columns:
        raise UserError(f"{path} has no column but the time: give at least one channel.")
    names = tuple(layout.names[i] or f"channel {k + 1}" for k, i in enumerate(columns))
    dropped = ", ".join(layout.names[i] or f"column {i + 1}" for i in layout.times)
    rates = [_rate(layout.names[i], _time_values(rows, layout.separator, i)) for i in layout.times]
    rate = next((rate for rate in rates if rate is not None), None)
    return Stream(path, names, rate, lambda: _chunks(path, layout), dropped or None)


def _blocks(path: Path) -> Iterator[Block]:
    """The rows that hold something, 4096 at a time."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            lines = enumerate(iter(lambda: file.readline(_LINE_CHARACTERS), ""), 1)
            rows = ((number, line.rstrip("\r\n")) for number, line in lines if line.strip() and line[0] != "#")
            while block := list(itertools.islice(rows, _BLOCK_ROWS)):
                longest = max(block, key=lambda row: len(row[1]))
                if len(longest[1]) >= _LINE_CHARACTERS - 1:
                    raise UserError(
                        f"{path}, row {longest[0]} is longer than {_LINE_CHARACTERS:,} characters: give a step a row."
                    )
                yield block
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): give a file that can.") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text: save it as CSV in UTF-8.") from error


def _layout(block: Block, path: Path) -> _Layout:
    first = block[0][1]
    separator = next((sign for sign in ";\t" if sign in first), ",")
    cells = _cells(first, separator)
    numbers = [_is_number(cell) for cell in cells]
    header = not any(numbers)
    if header and len(set(cells)) < len(cells):
        double = next(cell for cell in cells if cells.count(cell) > 1)
        raise UserError(f"{path}, row {block[0][0]} has two columns named {double!r}: give each its own name.")
    names = tuple(cells) if header else ("",) * len(cells)
    layout = _Layout(separator, names, header, ())
    rows = block[1:] if header else block
    _check_cells(rows, layout, path)
    return layout._replace(times=tuple(i for i in range(len(names)) if rows and _is_time(rows, layout, i, path)))


def _is_time(rows: Block, layout: _Layout, column: int, path: Path) -> bool:
    name = layout.names[column]
    if not name and (column or len(rows) < _EVEN_ROWS or len(layout.names) == 1):
        return False
    if name and not _says_time(name):
        return False
    values = _time_values(rows, layout.separator, column)
    if values is None:
        if name:
            _check_time(rows, layout, column, path)
        return bool(name)  # a date as text
    steps = np.diff(values)
    if name:
        return bool((steps >= 0).all())
    middle = np.median(steps)
    return bool((steps > 0).all() and np.abs(steps - middle).max() <= 0.1 * middle)


def _check_time(rows: Block, layout: _Layout, column: int, path: Path) -> None:
    """UserError where a time is a number in the first row and none in another."""
    cells = [(number, _cells(text, layout.separator)[column]) for number, text in rows]
    odd = next(((number, cell) for number, cell in cells if not _is_number(cell)), None)
    if odd is not None and _is_number(cells[0][1]):
        raise UserError(
            f"{path}, row {odd[0]}: {layout.names[column]} holds {odd[1][:40]!r}, a number is needed as in the first "
            "row: correct or remove the row."
        )


def _says_time(name: str) -> bool:
    first, *others = _words(name) or [""]
    if first in _TIME_WORDS:
        return True
    # Capital T is a temperature wherever t is a time.
    return first in _TIME_NAMES and name[0] != "T" and all(word in _UNITS for word in others)


def _time_values(rows: Block, separator: str, column: int) -> NDArray[np.float64] | None:
    """The values of the column in these rows, or None where one is no number."""
    cells = [_cells(text, separator)[column : column + 1] for _, text in rows]
    if not all(cell and _is_number(cell[0]) for cell in cells):
        return None
    return np.array([_number(cell[0]) for cell in cells])


def _rate(name: str, values: NDArray[np.float64] | None) -> float | None:
    """Rows a second, where the name of the time column ends in a unit."""
    unit = next((_UNITS[word] for word in reversed(_words(name)) if word in _UNITS), None)
    if unit is None or values is None or len(values) < 2 or not values[-1] > values[0]:
        return None
    return float((len(values) - 1) / ((values[-1] - values[0]) * unit))


def _words(name: str) -> list[str]:
    return re.findall(r"[^\W\d_]+", name.lower())


def _chunks(path: Path, layout: _Layout) -> Iterator[Chunk]:
    for count, block in enumerate(_blocks(path)):
        rows = block[1:] if layout.header and count == 0 else block
        if rows:
            yield _numbers(rows, layout, path)


def _numbers(rows: Block, layout: _Layout, path: Path) -> Chunk:
    _check_cells(rows, layout, path)
    # Both ends of a text have been seen by `_cells` alone, so quotes and decimal commas are brought to one form here.
    texts = (
        [",".join(_cells(text, layout.separator)) for _, text in rows] if _odd(rows, layout) else [t for _, t in rows]
    )
    try:
        values = np.loadtxt(texts, np.float64, None, ",", usecols=layout.columns, ndmin=2)
    except ValueError:
        raise UserError(_first_odd_cell(rows, layout, path)) from None
    if not (np.abs(values) <= np.finfo(np.float32).max).all():
        raise UserError(_first_odd_cell(rows, layout, path))
    return values.astype(np.float32)


def _check_cells(rows: Block, layout: _Layout, path: Path) -> None:
    gaps = len(layout.names) - 1
    for number, text in rows:
        count = text.count(layout.separator)
        if count != gaps:
            raise UserError(
                f"{path}, row {number} has {count + 1} cells, the first row has {gaps + 1}: correct or remove the row."
            )


def _odd(rows: Block, layout: _Layout) -> bool:
    return layout.separator != "," or any('"' in text for _, text in rows)


def _first_odd_cell(rows: Block, layout: _Layout, path: Path) -> str:
    for number, text in rows:
        cells = _cells(text, layout.separator)
        for column in layout.columns:
            if not (_is_number(cells[column]) and abs(_number(cells[column])) <= np.finfo(np.float32).max):
                name = layout.names[column] or f"column {column + 1}"
                what = f"holds {cells[column][:40]!r}" if cells[column] else "is empty"
                return f"{path}, row {number}: {name} {what}, a finite number is needed: correct or remove the row."
    return f"{path}, rows {rows[0][0]} to {rows[-1][0]} hold text that is no number: correct or remove them."


def _cells(text: str, separator: str) -> list[str]:
    cells = [cell.strip().strip('"').strip() for cell in text.split(separator)]
    return cells if separator == "," else [cell.replace(",", ".") for cell in cells]


def _is_number(cell: str) -> bool:
    try:
        _number(cell)
    except ValueError:
        return False
    return True


def _number(cell: str) -> float:
    if "_" in cell:  # Python's own spelling of long numbers, in no file on purpose
        raise ValueError(cell)
    return float(cell)
