"""C as text: identifiers, literals and tables that are valid whatever the program's names hold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from ..names import C_WORDS, STANDARD_HEADERS

WIDTH = 100

_LOCALS = "state x y token steps i x8 x_wide"  # of the generated functions
_WORDS = "|".join([*C_WORDS, *_LOCALS.split()])
_RESERVED = re.compile(rf"({_WORDS}|[A-Z][A-Z0-9_]*|\w+_t|(mem|str|wcs|rnn_)\w*)_*")

_LONGEST_LITERAL = 4095  # that C99 promises to take


def identifier(name: str, model: str) -> str:
    """A C identifier for a value: its own name, with one more `_` where that could mean something else.

    Two names never become one: every name of the form reserved word and underscores gets an underscore more. Names that
    start as the generated functions and tables do are among them.
    """
    reserved = _RESERVED.fullmatch(name) or name.startswith(f"{model}_")
    return f"{name}_" if reserved else name


def check_model_name(name: str) -> None:
    """UserError where the files or functions of a model of this name would hide others."""
    if name.lower() in STANDARD_HEADERS:
        raise UserError(f"A model named {name!r} would write {name}.h, which hides a standard header; rename it.")
    if name.lower() == "rnn" or name.lower().startswith("rnn_"):
        raise UserError(f"A model named {name!r} would collide with the kernels, which start with rnn_; rename it.")


def string_literal(text: str) -> str:
    """Any text as a C string literal: UTF-8, with everything but plain ASCII in octal escapes of three digits."""
    octets = text.encode("utf-8", errors="replace")
    if len(octets) > _LONGEST_LITERAL:
        raise UserError(f"The name {text[:20]!r}... has {len(octets)} bytes; a C string takes {_LONGEST_LITERAL}.")
    # `?` because of trigraphs; three digits because an octal escape takes no more, whatever follows
    plain = (chr(byte) if 32 <= byte < 127 and chr(byte) not in '"\\?' else f"\\{byte:03o}" for byte in octets)
    return f'"{"".join(plain)}"'


def float_literal(value: float) -> str:
    """A float32 as the shortest literal that is it again: nine digits always are enough."""
    digits = next(d for d in (f"{value:.{n}g}" for n in range(1, 10)) if np.float32(d) == np.float32(value))
    return f"{digits}f" if re.search(r"[.e]", digits) else f"{digits}.0f"


@dataclass(frozen=True)
class Table:
    """One `static const` array, one line of the matrix after the other."""

    ctype: str
    name: str
    lines: str
    size: str
    content: bytes  # as a little-endian core holds it
    attribute: str = ""  # of the definition, a macro


def table(ctype: str, name: str, array: NDArray[np.integer[Any]], attribute: str = "") -> Table:
    """A vector or a matrix (row after row, each on lines of its own) as an array of C."""
    width = max(len(str(array.min())), len(str(array.max())))
    rows = array if array.ndim == 2 else array[None]
    size = "L * ".join(str(n) for n in array.shape)  # long: the int of a small core ends at 32,767
    lines = "\n".join(line for row in rows for line in _wrapped(row.tolist(), width))
    dtype = np.dtype(ctype.removesuffix("_t")).newbyteorder("<")
    return Table(ctype, name, lines, size, array.astype(dtype).tobytes(), attribute)


def _wrapped(row: Sequence[int], width: int) -> Iterable[str]:
    count = (WIDTH - 4) // (width + 2)
    count = count // 4 * 4 or count
    for start in range(0, len(row), count):
        yield "    " + " ".join(f"{number:{width}d}," for number in row[start : start + count])


def with_notes(lines: Sequence[tuple[str, str]], indent: int = 0) -> list[str]:
    """Lines with the note of each, if any, on its right; those of neighbours share a column where the width allows.

    Above its line stands a note that has no room on the right.
    """
    made: list[str] = []
    block: list[tuple[str, str]] = []
    for text, note in lines:
        if note and indent + len(f"{text} /* {note} */") <= WIDTH:
            if not _fits([*block, (text, note)], indent):
                made += _in_column(block, indent)
                block = []
            block.append((text, note))
            continue
        above = [" " * indent + f"/* {note} */"] if note else []
        made += [*_in_column(block, indent), *above, *broken(" " * indent + text)]
        block = []
    return made + _in_column(block, indent)


def broken(call: str) -> list[str]:
    """A call over several lines where one is too wide, arguments below each other."""
    if len(call) <= WIDTH or "(" not in call:
        return [call]
    column = call.index("(") + 1
    lines = [call[:column]]
    for argument in re.split(r"(?<=,) ", call[column:]):
        joined = f"{lines[-1]} {argument}" if len(lines[-1]) > column else lines[-1] + argument
        lines[-1:] = [joined] if len(joined) <= WIDTH else [lines[-1], " " * column + argument]
    return lines


def _fits(lines: Sequence[tuple[str, str]], indent: int) -> bool:
    return all(len(line) <= WIDTH for line in _in_column(lines, indent))


def _in_column(lines: Sequence[tuple[str, str]], indent: int) -> list[str]:
    column = max((len(text) for text, _ in lines), default=0)
    return [f"{' ' * indent}{text:{column}} /* {note} */" for text, note in lines]
