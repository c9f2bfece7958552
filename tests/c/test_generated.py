"""The generated C against the interpreter: every network, both schemes, both outputs, every build."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rnn_edge.ir.interpret import Interpreter
from rnn_edge.ir.program import State
from rnn_edge.runtimes.c_host import RUNTIMES, CHost
from rnn_edge.vectors import Command
from tests.c.builds import BUILDS, FAST, assert_exact, export, inputs, script, usable
from tests.networks import GOLDEN, NETWORKS, STACKS, Network, golden_program, one_of_each_cell, program
from tests.random_programs import random_program


@pytest.mark.parametrize("number", range(len(NETWORKS)), ids=lambda number: NETWORKS[number].id)
@pytest.mark.parametrize("scheme", ["int8", "int16x8"])
@pytest.mark.parametrize("output", ["int16", "int8"])
def test_networks(number: int, scheme: str, output: str, tmp_path: Path) -> None:
    """Each compiler has every network in both schemes and with both outputs, in half of their combinations."""
    made = program(NETWORKS[number], scheme, output)
    build = FAST[(number + (scheme == "int8") + (output == "int8")) % 2]
    assert_exact(usable(build), made, tmp_path, script(made))


@pytest.mark.parametrize("number", range(len(NETWORKS)), ids=lambda number: NETWORKS[number].id)
def test_networks_with_weights_of_4_bits(number: int, tmp_path: Path) -> None:
    made = program(NETWORKS[number], gain=3.0, weight_bits=4)
    text = (export(made, tmp_path).c_folder / f"{made.name}.c").read_text()
    assert "rnn_matvec4_" in text
    assert_exact(usable(FAST[number % 2]), made, tmp_path, script(made))


@pytest.mark.parametrize("network", one_of_each_cell(), ids=lambda network: network.id)
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
@pytest.mark.parametrize("index", [0, 1, 3, 6, 7])
def test_networks_under_sanitizers(name: str, index: int, tmp_path: Path) -> None:
    made = program(STACKS[index], "int16x8" if index % 2 else "int8")
    assert_exact(usable(BUILDS[name]), made, tmp_path, script(made))


@pytest.mark.parametrize("seed", range(16))
def test_random_programs(seed: int, tmp_path: Path) -> None:
    made = random_program(seed)
    assert_exact(usable(BUILDS["c-gcc-sanitize"] if seed % 4 == 0 else FAST[seed % 2]), made, tmp_path, script(made))


def test_states_that_swap(tmp_path: Path) -> None:
    made = program(Network(("gru", "gru"), (4, 4), dense=((3, "linear"),), every_step=True))
    swapped = replace(made, states=(State("h0", "h1"), State("h1", "h0")))
    assert_exact(usable(FAST[0]), swapped, tmp_path, script(swapped))


@pytest.mark.parametrize("network", [STACKS[0], STACKS[2]], ids=lambda network: network.id)
def test_trace_gives_every_value_but_products_that_are_added(network: Network) -> None:
    made = program(network)
    rng = np.random.default_rng(0)
    x = inputs(made, 1, rng)[0]
    states = [rng.integers(-32768, 32768, made.values[state.name].size) for state in made.states]
    expected = Interpreter(made).trace(x[None], [state[None] for state in states])
    found = usable(BUILDS["c-gcc-O2"]).trace(made, [(x, states)])[0]
    assert all(re.fullmatch(r"(gru|lstm)\d_gh(_[a-z])?", name) for name in set(expected) - set(found))
    assert len(found) > 0.7 * len(expected) and set(found) <= set(expected) == set(made.values)
    for name, array in found.items():
        assert array.dtype == np.int64 and np.array_equal(array, expected[name][0]), name
