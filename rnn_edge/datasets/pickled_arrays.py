"""The NumPy arrays in a pickle, read as data: nothing is imported or looked up, nothing in the file is called.

A pickle is a program for a stack machine that may call any function of Python (docs.python.org/3/library/pickle.html).
This is such a machine without that power: it knows lists, dictionaries, tuples, text, small integers, and the four
names with which NumPy writes an array in protocol 2. Any other instruction or name is refused.
"""

from __future__ import annotations

import math
import pickletools
from dataclasses import dataclass, field
from typing import Any

import numpy as np

_PLAIN = ("BININT", "BININT1", "BININT2", "BINUNICODE")
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_TUPLE": tuple}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_NAMES = {
    "numpy.core.multiarray _reconstruct": "array",
    "numpy._core.multiarray _reconstruct": "array",
    "numpy ndarray": "ndarray",
    "numpy dtype": "dtype",
    "_codecs encode": "bytes",
}
_TYPES = {"f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"}
_OBJECTS = "O8"  # an array of Python objects keeps them as a list

# The state of a dtype and of an array begin with the version of their form in NumPy.
_DTYPE_FORM, _ARRAY_FORM = 3, 1


@dataclass(frozen=True)
class _Name:
    """One of the known functions, by what it makes."""

    makes: str


@dataclass
class _Made:
    """A dtype or an array before (`state` is None) and after its state came."""

    kind: str
    code: str = ""
    state: tuple[Any, ...] | None = None


@dataclass
class _Machine:
    stack: list[Any] = field(default_factory=list)
    marks: list[int] = field(default_factory=list)
    memo: dict[int, Any] = field(default_factory=dict)


def read(pickled: bytes) -> Any:
    """The lists, dictionaries, tuples and arrays of a pickle of protocol 2; ValueError where it holds anything else.

    Arrays are of numbers, at least one, of any shape, little-endian; an array of Python objects comes as its list.
    """
    machine = _Machine()
    try:
        for instruction, argument, _ in pickletools.genops(pickled):
            _step(machine, instruction.name, argument)
        (result,) = machine.stack
        return _finished(result)
    except (IndexError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"not a pickle of arrays: {error!r}") from error


def _step(machine: _Machine, name: str, argument: Any) -> None:
    stack = machine.stack
    if name in _PLAIN:
        stack.append(argument)
    elif name in _CONSTANTS:
        stack.append(_CONSTANTS[name])
    elif name in _EMPTY:
        stack.append(_EMPTY[name]())
    elif name in _TUPLES:
        items = [stack.pop() for _ in range(_TUPLES[name])]
        stack.append(tuple(reversed(items)))
    elif name == "MARK":
        machine.marks.append(len(stack))
    elif name == "TUPLE":
        stack.append(tuple(_above_mark(machine)))
    elif name in ("BINPUT", "LONG_BINPUT"):
        machine.memo[argument] = stack[-1]
    elif name in ("BINGET", "LONG_BINGET"):
        stack.append(machine.memo[argument])
    elif name in ("APPEND", "APPENDS"):
        items = [stack.pop()] if name == "APPEND" else _above_mark(machine)
        _of(stack[-1], list).extend(items)
    elif name in ("SETITEM", "SETITEMS"):
        items = [stack.pop() for _ in range(2)][::-1] if name == "SETITEM" else _above_mark(machine)
        _of(stack[-1], dict).update(zip(items[::2], items[1::2], strict=True))
    elif name == "GLOBAL":
        if argument not in _NAMES:
            raise ValueError(f"the pickle names {argument!r}, which is no part of an array")
        stack.append(_Name(_NAMES[argument]))
    elif name == "REDUCE":
        arguments = stack.pop()
        stack.append(_make(_of(stack.pop(), _Name).makes, arguments))
    elif name == "BUILD":
        state = _of(stack.pop(), tuple)
        _of(stack[-1], _Made).state = state
    elif name not in ("PROTO", "STOP"):
        raise ValueError(f"the pickle has the instruction {name}, which no array needs")


def _above_mark(machine: _Machine) -> list[Any]:
    mark = machine.marks.pop()
    items = machine.stack[mark:]
    del machine.stack[mark:]
    return items


def _of(value: Any, kind: type[Any]) -> Any:
    if not isinstance(value, kind):
        raise ValueError(f"the pickle has a {type(value).__name__} where a {kind.__name__} belongs")
    return value


def _make(what: str, arguments: Any) -> Any:
    """What a known function would return for `arguments`."""
    if what == "bytes":
        text, codec = arguments
        if codec != "latin1":
            raise ValueError(f"the pickle holds bytes as {codec!r}, accepted is 'latin1'")
        return _of(text, str).encode("latin1")
    if what == "dtype":
        return _Made("dtype", _of(arguments[0], str))
    if what == "array" and arguments[0] == _Name("ndarray"):
        return _Made("array")
    raise ValueError(f"the pickle calls {what} with {len(arguments)} arguments that make no array")


def _finished(value: Any) -> Any:
    if isinstance(value, _Made):
        return _array(value)
    if isinstance(value, list | tuple):
        return type(value)(_finished(item) for item in value)
    if isinstance(value, dict):
        return {_of(key, str): _finished(item) for key, item in value.items()}
    if isinstance(value, _Name):
        raise ValueError("the pickle holds a function")
    return value


def _array(made: _Made) -> Any:
    if made.kind != "array" or made.state is None:
        raise ValueError("the pickle holds a bare dtype, or an array without content")
    form, shape, dtype, fortran, content = made.state
    if form != _ARRAY_FORM or not isinstance(fortran, bool):
        raise ValueError("the pickle holds an array in another form than NumPy writes")
    code = _of(dtype, _Made).code
    if code == _OBJECTS:
        return _finished(_of(content, list))
    if code not in _TYPES or (dtype.state or (None,))[0] != _DTYPE_FORM or dtype.state[1] not in ("<", "|"):
        raise ValueError(f"the pickle holds an array of {code!r}, accepted: {', '.join(sorted(_TYPES))}")
    values = np.frombuffer(_of(content, bytes), np.dtype(code).newbyteorder("<"))
    if any(_of(side, int) < 0 for side in shape) or math.prod(shape) != len(values):
        raise ValueError(f"the pickle holds an array of shape {list(shape)} with {len(values)} values")
    return values.reshape(shape, order="F" if fortran else "C")
