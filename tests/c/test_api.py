"""What the generated header offers beside the step: input, softmax, argmax, class names, a run without steps."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rnn_edge.backends import c
from rnn_edge.ir import arithmetic
from rnn_edge.ir.interpret import Interpreter
from rnn_edge.ir.program import Program
from rnn_edge.ir.quantize_input import from_float, from_raw
from rnn_edge.runtimes.c_host import compile_c
from tests.c.builds import FAST, export, usable
from tests.networks import Network, program


class Library:
    """A network as a shared library; arrays go in and out as NumPy arrays of its types."""

    def __init__(self, made: Program, folder: Path) -> None:
        self.made, self._name = made, made.name
        artifacts = export(made, folder)
        sources = [artifacts.c_folder / f"{made.name}.c", artifacts.c_folder / "rnn_kernels.c"]
        target = folder / "library.so"
        compile_c(usable(FAST[0]).compiler, [*c.WARNINGS, "-O1", "-shared", "-fPIC"], sources, target)
        self._library = ctypes.CDLL(str(target))
        self.y = np.zeros(made.values[made.output].size, dtype=made.values[made.output].dtype)
        self.state = np.zeros(sum(made.values[state.name].size for state in made.states), dtype=np.int16)

    def call(self, function: str, *arguments: NDArray[np.generic] | int) -> int:
        pointers = [a if isinstance(a, int) else a.ctypes.data_as(ctypes.c_void_p) for a in arguments]
        result: int = getattr(self._library, f"{self._name}_{function}")(*pointers)
        return result

    def class_name(self, index: int) -> str:
        function = getattr(self._library, f"{self._name}_class_name")
        function.restype = ctypes.c_char_p
        answer: bytes = function(index)
        return answer.decode()


HOSTILE = [
    'say "hi"',
    "back\\slash",
    "a */ b /* c // d",
    "??/ ??= what??'",
    "two\nlines\r\t",
    "ö 火 \x7f\x01" + "9",
    "%s",
    "",
]


@pytest.fixture(scope="module", params=["int8", "int16x8"])
def library(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    made = program(Network(("gru",), (6,), dense=((len(HOSTILE), "softmax"),)), request.param)
    made = replace(made, name=f"net_{request.param}", classes=tuple(HOSTILE), raw_unit=0.004)
    yield Library(made, tmp_path_factory.mktemp("library"))


def test_quantize_input_is_the_numpy_definition(library: Library) -> None:
    made, rng = library.made, np.random.default_rng(0)
    q = np.zeros(5, dtype=made.values["x"].dtype)
    mean, deviation = made.constants["input_mean"], made.constants["input_deviation"]
    x = (rng.normal(size=(2000, 5)) * deviation * 2 + mean).astype(np.float32)
    x[:5] = np.nan, np.inf, -np.inf, 3e38, 0.0
    for row, expected in zip(x, from_float(made, x), strict=True):
        library.call("quantize_input", q, row)
        assert q.tolist() == expected.tolist()
    raw = rng.integers(-32768, 32768, (2000, 5)).astype(np.int16)
    raw[:2000:2] //= 64
    for row, expected in zip(raw, from_raw(made, raw), strict=True):
        library.call("quantize_raw", q, row)
        assert q.tolist() == expected.tolist()


def test_a_run_without_steps_gives_the_output_of_the_state(library: Library) -> None:
    made = library.made
    rng = np.random.default_rng(1)
    library.state[:] = rng.integers(-32768, 32768, 6)
    before = library.state.copy()
    library.call("run", library.state, np.zeros(5, dtype=made.values["x"].dtype), 0, library.y)
    expected = Interpreter(made).head([before[None].astype(np.int64)])
    assert np.array_equal(library.state, before) and np.array_equal(library.y, expected[0])


def test_softmax_and_argmax(library: Library) -> None:
    p = np.zeros(len(HOSTILE), dtype=np.uint16)
    multiplier = arithmetic.softmax_multiplier(library.made.values[library.made.output].scale)
    for logits in np.random.default_rng(2).integers(-32768, 32768, (50, len(HOSTILE))).astype(np.int16):
        library.call("softmax", p, logits)
        assert np.array_equal(p, arithmetic.softmax(logits.astype(np.int64), multiplier))
        assert library.call("argmax", logits) == logits.argmax()
    assert library.call("argmax", np.zeros(len(HOSTILE), dtype=np.int16)) == 0


def test_hostile_class_names_arrive_as_they_are(library: Library) -> None:
    assert [library.class_name(index) for index in range(len(HOSTILE))] == HOSTILE
    assert library.class_name(-1) == library.class_name(len(HOSTILE)) == ""
