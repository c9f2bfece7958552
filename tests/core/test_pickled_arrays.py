"""Pickles of arrays are read as data: the same values as Python would give, and no call to anything."""

from __future__ import annotations

import builtins
import contextlib
import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from rnn_edge.datasets import pickled_arrays

TYPES = st.sampled_from(["<f4", "<f8", "i1", "<i2", "<i4", "<i8", "u1", "<u2", "<u4", "<u8"]).map(np.dtype)
ARRAYS = TYPES.flatmap(lambda kind: arrays_of.arrays(kind, arrays_of.array_shapes(min_dims=0, max_dims=3, max_side=4)))
PLAIN = st.none() | st.booleans() | st.integers(-(2**31), 2**31 - 1) | st.text(max_size=5)
CONTENT = st.recursive(
    PLAIN | ARRAYS | ARRAYS.map(np.asfortranarray),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=8,
)


def assert_same(read: Any, written: Any) -> None:
    assert type(read) is type(written)
    if isinstance(written, np.ndarray):
        assert read.dtype == written.dtype and read.shape == written.shape and read.tobytes() == written.tobytes()
    elif isinstance(written, list | tuple):
        assert len(read) == len(written)
        for one, other in zip(read, written, strict=True):
            assert_same(one, other)
    elif isinstance(written, dict):
        assert list(read) == list(written)
        for key in written:
            assert_same(read[key], written[key])
    else:
        assert read == written


@given(CONTENT)
def test_same_values_as_written(content: Any) -> None:
    assert_same(pickled_arrays.read(pickle.dumps(content, protocol=2)), content)


def test_array_of_objects_is_its_list() -> None:
    content = {"x": [np.arange(3.0)], "y": 4}
    assert_same(pickled_arrays.read(pickle.dumps(np.array(content, object), protocol=2)), [content])


class Calls:
    """Pickled as a call, as an attacker would write it."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (os.system, ("touch {}",)),
        (eval, ("open({!r}, 'w')",)),
        (builtins.exec, ("open({!r}, 'w')",)),
        (np.save, ("{}", 1)),
        (np.load, ("{}",)),
        (getattr, ("{}", "upper")),
    ],
)
def test_calls_are_refused(tmp_path: Path, protocol: int, function: Any, arguments: tuple[Any, ...]) -> None:
    mark = tmp_path / "called.npy"
    texts = tuple(one.format(str(mark)) if isinstance(one, str) else one for one in arguments)
    for content in (Calls(function, *texts), [{"x": Calls(function, *texts)}]):
        with pytest.raises(ValueError, match="the pickle (names|has the instruction)"):
            pickled_arrays.read(pickle.dumps(content, protocol))
    assert not mark.exists()


B = b"c_codecs\nencode\nX\x01\0\0\0bX\x06\0\0\0latin1\x86R"
ARRAY = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + B + b"\x87R"
DTYPE = b"cnumpy\ndtype\nX\x02\0\0\0%b\x89\x88\x87R(K\x03X\x01\0\0\0<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"


def array(shape: bytes, code: bytes, order: bytes, content: bytes) -> bytes:
    return b"\x80\x02" + ARRAY + b"(K\x01" + shape + DTYPE % code + order + content + b"tb."


def text(value: bytes) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value


EIGHT = b"c_codecs\nencode\n" + text(b"\0" * 8) + text(b"latin1") + b"\x86R"


def test_array_written_by_hand() -> None:
    assert_same(pickled_arrays.read(array(b"K\x02\x85", b"i4", b"\x89", EIGHT)), np.zeros(2, "<i4"))


@pytest.mark.parametrize(
    ("pickled", "sentence"),
    [
        (array(b"K\x03\x85", b"i4", b"\x89", EIGHT), r"shape \[3\] with 2 values"),
        (array(b"J\xfe\xff\xff\xffJ\xff\xff\xff\xff\x86", b"i4", b"\x89", EIGHT), r"shape \[-2, -1\]"),
        (array(b"K\x02\x85", b"V4", b"\x89", EIGHT), "array of 'V4', accepted: f4, f8"),
        (array(b"K\x02\x85", b"O8", b"\x89", EIGHT), "a bytes where a list belongs"),
        (array(b"K\x02\x85", b"i4", b"K\x07", EIGHT), "in another form"),
        (array(b"K\x02\x85", b"i4", b"\x89", text(b"12345678")), "a str where a bytes belongs"),
        (array(b"K\x02\x85", b"i4", b"\x89", EIGHT.replace(b"latin1", b"rot_13")), "bytes as 'rot_13'"),
        (array(b"K\x01\x85", b"f8", b"\x89", EIGHT).replace(b"<", b">"), "array of 'f8'"),
        (b"\x80\x02" + DTYPE % b"i4" + b".", "bare dtype"),
        (b"\x80\x02cnumpy\nndarray\n.", "holds a function"),
        (b"\x80\x02cnumpy\nndarray\nK\x01\x85R.", "calls ndarray"),
        (b"\x80\x02cnumpy\nndarray\n}b.", "a dict where a tuple belongs"),
        (b"\x80\x02cnumpy\nndarray\n)b.", "a _Name where a _Made belongs"),
        (b"\x80\x02K\x01K\x02\x86)R.", "a tuple where a _Name belongs"),
        (b"\x80\x02]q\x00h\x00a.", "recursion"),
        (b"\x80\x02}K\x01K\x02s.", "a int where a str belongs"),
        (b"\x80\x02h\x07.", "not a pickle of arrays"),
        (b"\x80\x02\x85.", "not a pickle of arrays"),
        (b"\x80\x02t.", "not a pickle of arrays"),
        (b"\x80\x02K\x01K\x02.", "too many values"),
        (b"\x80\x02.", "not enough values"),
        (b"\x80\x02P1\n.", "instruction PERSID"),
        (b"\x80\x02\x82\x01.", "instruction EXT1"),
        (b"", "pickle exhausted"),
        (b"\xff", "opcode"),
    ],
)
def test_refused(pickled: bytes, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        pickled_arrays.read(pickled)


@given(st.binary(max_size=40), st.integers(0, 200))
def test_what_is_damaged_raises_no_other_error(noise: bytes, start: int) -> None:
    whole = pickle.dumps({"x": [np.arange(4.0)], "y": "text"}, protocol=2)
    with contextlib.suppress(ValueError):
        pickled_arrays.read(whole[:start] + noise + whole[start + len(noise) :])
