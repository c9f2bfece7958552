"""The generated C against the interpreter: every network, both schemes, both outputs; its API; its text."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rnn_edge.backends import c
from rnn_edge.backends.c_step import CALLS
from rnn_edge.backends.c_text import float_literal, identifier, string_literal
from rnn_edge.errors import RnnEdgeError, UserError
from rnn_edge.ir import arithmetic
from rnn_edge.ir.interpret import Interpreter, InterpreterSession
from rnn_edge.ir.ops import KINDS
from rnn_edge.ir.program import Program, State
from rnn_edge.ir.quantize_input import from_float, from_raw
from rnn_edge.paths import Artifacts
from rnn_edge.runtimes import Missing
from rnn_edge.runtimes.c_host import RUNTIMES, WARNINGS, CHost, compile_c
from rnn_edge.vectors import Command, play, write_commands
from tests.networks import GOLDEN, NETWORKS, Network, golden_program, program
from tests.random_programs import random_program

BUILDS = {runtime.name: runtime for runtime in RUNTIMES}
FAST = [CHost(compiler, "O1", ("-O1",)) for compiler in ("gcc", "clang")]


def usable(build: CHost) -> CHost:
    found = build.find()
    if isinstance(found, Missing):
        pytest.skip(f"{build.name} is missing: {found.how}")
    return build


def export(made: Program, folder: Path) -> Artifacts:
    artifacts = Artifacts(folder, made.name)
    artifacts.c_folder.mkdir(parents=True, exist_ok=True)
    for name, text in c.write(made).items():
        (artifacts.c_folder / name).write_text(text)
    return artifacts


def inputs(made: Program, steps: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Inputs over their whole range."""
    value = made.values[made.input]
    limit = 1 << (7 if value.dtype == "int8" else 15)
    low, high = (0, made.tokens) if made.tokens is not None else (-limit, limit)
    return rng.integers(low, high, (steps, value.size))


def script(made: Program, seed: int = 0) -> list[Command]:
    """Steps, runs, loaded states at the ends of their range, resets in the middle, two instances in turn."""
    rng = np.random.default_rng(seed)
    sizes = [made.values[state.name].size for state in made.states]
    extreme = tuple(rng.choice([-32768, 32767], size) for size in sizes)
    drawn = tuple(rng.integers(-32768, 32768, size) for size in sizes)
    commands = [Command("step", 0, inputs(made, 1, rng)), Command("run", 1, inputs(made, 7, rng))]
    commands += [Command("load", 0, None, extreme), *(Command("step", i % 2, inputs(made, 1, rng)) for i in range(8))]
    commands += [Command("load", 1, None, drawn), Command("run", 1, inputs(made, 1, rng)), Command("reset", 0)]
    commands += [Command("step", 1, inputs(made, 1, rng)), Command("run", 0, inputs(made, 5, rng))]
    return [*commands, Command("reset", 1), Command("step", 1, inputs(made, 1, rng))]


def assert_exact(build: CHost, made: Program, folder: Path, commands: list[Command]) -> None:
    expected = list(play(InterpreterSession(made), made, commands))
    found = build.play(made, export(made, folder), commands).results
    assert [result.tolist() for result in found] == [result.tolist() for result in expected]


# the numbers


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.id)
@pytest.mark.parametrize("scheme", ["int8", "int16x8"])
@pytest.mark.parametrize("output", ["int16", "int8"])
def test_networks(network: Network, scheme: str, output: str, tmp_path: Path) -> None:
    made = program(network, scheme, output)
    for build in FAST:
        assert_exact(usable(build), made, tmp_path, script(made))


@pytest.mark.parametrize("network", NETWORKS[:4], ids=lambda network: network.id)
def test_networks_that_saturate(network: Network, tmp_path: Path) -> None:
    made = program(network, seed=3, gain=6.0)
    assert_exact(usable(FAST[0]), made, tmp_path, script(made, seed=1))


@pytest.mark.parametrize("build", RUNTIMES, ids=lambda build: build.name)
def test_golden_network_in_every_build(build: CHost, tmp_path: Path) -> None:
    made, golden = golden_program(), np.load(GOLDEN)
    x = golden["x"].astype(np.int64)
    commands = [*(Command("step", 0, row[None]) for row in x), Command("run", 1, x)]
    *steps, run = usable(build).play(made, export(made, tmp_path), commands).results
    # the output is the state itself, and a result is both
    assert np.array_equal(np.array(steps), np.concatenate([golden["h"], golden["h"]], axis=1))
    assert np.array_equal(run, steps[-1])


@pytest.mark.parametrize("name", ["c-gcc-sanitize", "c-clang-sanitize"])
@pytest.mark.parametrize("index", [4, 5, 7, 10])
def test_networks_under_sanitizers(name: str, index: int, tmp_path: Path) -> None:
    made = program(NETWORKS[index], "int16x8" if index % 2 else "int8")
    assert_exact(usable(BUILDS[name]), made, tmp_path, script(made))


@pytest.mark.parametrize("seed", range(16))
def test_random_programs(seed: int, tmp_path: Path) -> None:
    made = random_program(seed)
    assert_exact(usable(BUILDS["c-gcc-sanitize"] if seed % 4 == 0 else FAST[seed % 2]), made, tmp_path, script(made))


def test_states_that_swap(tmp_path: Path) -> None:
    made = program(Network(("gru", "gru"), (4, 4), dense=((3, "linear"),), every_step=True))
    swapped = replace(made, states=(State("h0", "h1"), State("h1", "h0")))
    assert_exact(usable(FAST[0]), swapped, tmp_path, script(swapped))


@pytest.mark.parametrize("network", [NETWORKS[4], NETWORKS[6]], ids=lambda network: network.id)
def test_trace_gives_every_value(network: Network) -> None:
    made = program(network)
    rng = np.random.default_rng(0)
    x = inputs(made, 1, rng)[0]
    states = [rng.integers(-32768, 32768, made.values[state.name].size) for state in made.states]
    expected = Interpreter(made).trace(x[None], [state[None] for state in states])
    found = usable(BUILDS["c-gcc-O2"]).trace(made, x, states)
    assert list(found) == list(expected) == list(made.values)
    for name, array in expected.items():
        assert found[name].dtype == np.int64 and np.array_equal(found[name], array[0]), name


# the rest of the API, called in a shared library


class Library:
    """A network as a shared library; arrays go in and out as NumPy arrays of its types."""

    def __init__(self, made: Program, folder: Path) -> None:
        self.made, self._name = made, made.name
        artifacts = export(made, folder)
        sources = [artifacts.c_folder / f"{made.name}.c", artifacts.c_folder / "rnn_kernels.c"]
        target = folder / "library.so"
        compile_c(usable(FAST[0]).compiler, [*WARNINGS, "-O1", "-shared", "-fPIC"], sources, target)
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


# the text


def test_every_kind_has_a_call() -> None:
    assert set(CALLS) | {"slice"} == set(KINDS)


def test_same_program_same_bytes() -> None:
    first, second = (c.write(program(NETWORKS[4])) for _ in range(2))
    assert first == second


def test_provenance_and_no_float_in_the_step() -> None:
    made = golden_program()
    text = c.write(made)["golden.c"]
    assert made.hash in text[:500] and "scheme int8" in text[:500] and "semantics version 1" in text[:500]
    step = text[text.index("static void golden_body") : text.index("void golden_quantize_input")]
    assert "float" not in step and "malloc" not in text and ".0f" not in step


def test_values_named_like_words_of_c_still_compile(tmp_path: Path) -> None:
    made = program(NETWORKS[0])
    values = [name for name in made.values if name not in ("x", "h0")]
    words = ["int", "int_", "state", "y", "memcpy", "INT16_MAX", "net_step", "uint8_t", "scratch", "linux", "steps"]
    renamed = dict(zip(values, words, strict=False)) | {"h0": "register"}
    new = {old: renamed.get(old, old) for old in made.values}
    hostile = replace(
        made,
        values={new[name]: replace(value, name=new[name]) for name, value in made.values.items()},
        ops=tuple(replace(op, output=new[op.output], inputs=tuple(new[i] for i in op.inputs)) for op in made.ops),
        states=tuple(State(new[state.name], new[state.next]) for state in made.states),
        output=new[made.output],
    )
    assert len({identifier(word, "net") for word in words}) == len(words)
    for build in FAST:
        assert_exact(usable(build), hostile, tmp_path, script(hostile))


@pytest.mark.parametrize("name", ["string", "time", "Math", "rnn", "rnn_kernels"])
def test_model_names_that_would_hide_other_files_are_refused(name: str) -> None:
    with pytest.raises(UserError, match="rename it"):
        c.write(replace(golden_program(), name=name))


def test_literals() -> None:
    assert string_literal('a"b\\c?d\n9é') == r'"a\042b\134c\077d\0129\303\251"'
    assert [float_literal(value) for value in (1.0, 0.5, 2.0**-15, 1e20)] == [
        "1.0f",
        "0.5f",
        "3.0517578e-05f",
        "1e+20f",
    ]
    for value in np.random.default_rng(0).normal(size=1000).astype(np.float32):
        assert np.float32(float_literal(float(value))[:-1]) == value
    with pytest.raises(UserError, match="5000 bytes"):
        string_literal("x" * 5000)


def test_header_in_cpp_and_text_stable_under_clang_format(tmp_path: Path) -> None:
    made = replace(program(NETWORKS[4]), name="stack")
    artifacts = export(made, tmp_path)
    compiler, formatter = shutil.which("g++"), shutil.which("clang-format")
    if compiler is None or formatter is None:
        pytest.skip("g++ or clang-format is missing: apt install g++; pip install clang-format")
    (tmp_path / "user.cpp").write_text(
        '#include "stack.h"\n#include "rnn_kernels.h"\nint main() { return STACK_INPUTS - 3; }\n'
    )
    flags = ["-Wall", "-Wextra", "-pedantic", "-Werror", f"-I{artifacts.c_folder}"]
    subprocess.run([compiler, *flags, tmp_path / "user.cpp", "-o", tmp_path / "user"], check=True)
    subprocess.run([tmp_path / "user"], check=True)
    style = f"--style=file:{Path(__file__).parents[2] / '.clang-format'}"
    for name in ("stack.c", "stack.h"):
        text = (artifacts.c_folder / name).read_text()
        done = subprocess.run([formatter, style, artifacts.c_folder / name], capture_output=True, text=True, check=True)
        assert done.stdout == text, name


# the harness


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("harness")
    made = program(NETWORKS[6])
    return usable(BUILDS["c-gcc-sanitize"]).build(made, export(made, folder).c_folder, folder)


def talk(binary: Path, text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([binary], input=text, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    "line",
    [
        "jump 0", "step", "step 2 00000000", "step x 00000000", "step 0", "step 0 0000000", "step 0 000000000",
        "step 0 0000000g", "step 0 0000000G", "step 0 00000000 1", "step 0 00000032", "step 0 ffffffff", "run 0 0 00000000",
        "run 0 2 00000000", "run 0 -1 00000000", "run 0 4294967295 00000000", "run 0 99999999999999999999 00000000",
        "run 0 1", "load 0", "load 0 " + "0" * 28, "load 0 " + "0" * 28 + " " + "0" * 27, "reset 0 1", "load 0 " + "0000 " * 9,
    ],
)  # fmt: skip
def test_the_harness_refuses_what_is_malformed(harness: Path, line: str) -> None:
    done = talk(harness, f"# first\n{line}\n")
    assert done.returncode == 1 and done.stderr.startswith("line 2: ") and not done.stdout


def test_the_harness_ignores_results_comments_and_blank_lines(harness: Path) -> None:
    made = program(NETWORKS[6])
    commands = script(made)
    results = list(play(InterpreterSession(made), made, commands))
    plain, noisy = write_commands(made, commands), write_commands(made, commands, results)
    expected = [line.partition(" = ")[2] for line in noisy.splitlines() if " = " in line]
    for text in (plain, noisy, noisy.replace("\n", "\r\n"), "\n \t\n" + plain.replace(" ", "  ").rstrip("\n")):
        done = talk(harness, text)
        assert done.returncode == 0 and done.stdout.splitlines() == expected


def test_failures_are_one_sentence(tmp_path: Path) -> None:
    made = golden_program()
    build = usable(BUILDS["c-gcc-O2"])
    with pytest.raises(RnnEdgeError, match="run `rnn-edge export` first"):
        build.play(made, Artifacts(tmp_path / "nothing", made.name), [])
    artifacts = export(made, tmp_path)
    (artifacts.c_folder / "golden.c").write_text("int wrong(void) { return 1 }\n")
    with pytest.raises(RnnEdgeError, match=r"gcc refused the generated C: .*golden\.c:1:.*error") as caught:
        build.play(made, artifacts, [])
    assert "\n" not in str(caught.value)
