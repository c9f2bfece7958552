"""The counters of the firmware are those of the interpreter, integer by integer; always under the sanitizers."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rnn_edge.backends import c
from rnn_edge.errors import LinkError
from rnn_edge.ir.counters import LARGEST, Counters, Counting, channels, gates, watched
from rnn_edge.ir.interpret import InterpreterSession
from rnn_edge.ir.program import Program, State
from rnn_edge.link import Link, play
from rnn_edge.link.device_info import least_payload
from rnn_edge.paths import FIRMWARE
from rnn_edge.runtimes.c_host import compile_c
from rnn_edge.vectors import Command
from rnn_edge.vectors import play as play_session
from tests.c.builds import BUILDS, inputs, limits_of, script, usable
from tests.c.devices import CORE, build_device, start
from tests.networks import STACKS, Network, program
from tests.random_programs import random_program


def expected(made: Program, commands: list[Command]) -> Counters:
    counting = Counting(made, limits_of(made))
    list(play_session(InterpreterSession(made, counting.observe), made, commands))
    return counting.counters()


def assert_counted(link: Link, made: Program, commands: list[Command]) -> Counters:
    link.clear_counters()
    play(link, made, commands)
    found = link.counters(made)
    assert found == expected(made, commands)
    return found


@pytest.mark.parametrize("turn, index", list(enumerate((0, 2, 3, 6, 7, 8, 10, 12))))
def test_networks(turn: int, index: int, tmp_path: Path) -> None:
    """Every cell, tokens, several rows a step, pooling, both ways."""
    made = program(STACKS[index], ("int8", "int16x8")[turn % 2], ("int16", "int8")[turn // 2 % 2])
    payload = least_payload(made, CORE)
    binary = build_device(made, tmp_path, ("gcc", "clang")[turn % 2], payload, limits=limits_of(made))
    with start(binary) as link:
        assert link.info().counts
        found = assert_counted(link, made, script(made))
        assert found.steps == 24
        assert made.tokens is not None or min(found.outside) > 0


@pytest.mark.parametrize("seed", range(6))
def test_random_programs(seed: int, tmp_path: Path) -> None:
    """Gates that are parts of a state or of the input, that two operations read, whose result nothing reads."""
    made = random_program(seed)
    with start(build_device(made, tmp_path, ("gcc", "clang")[seed % 2], limits=limits_of(made))) as link:
        assert_counted(link, made, script(made))


def test_there_is_something_to_count() -> None:
    made = [random_program(seed) for seed in range(48)]
    of_gates = [sum(expected(one, script(one)).saturated[: len(gates(one))]) for one in made]
    of_states = [sum(expected(one, script(one)).saturated[len(gates(one)) :]) for one in made]
    assert sum(count > 0 for count in of_gates) > 5 and sum(count > 0 for count in of_states) > 5
    given = [gate for one in made for gate in gates(one) if gate.value in {one.input, *(s.name for s in one.states)}]
    assert given and any(len(gates(one)) > 2 for one in made)


def test_states_that_swap(tmp_path: Path) -> None:
    made = program(Network(("gru", "gru"), (4, 4), dense=((3, "linear"),), every_step=True))
    swapped = replace(made, states=(State("h0", "h1"), State("h1", "h0")))
    with start(build_device(swapped, tmp_path, limits=limits_of(swapped))) as link:
        assert_counted(link, swapped, script(swapped))


@pytest.fixture(scope="module", params=[STACKS[0], STACKS[1], STACKS[3]], ids=lambda network: network.id)
def device(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Program, Path]:
    made = program(request.param)
    return made, build_device(made, tmp_path_factory.mktemp("device"), limits=limits_of(made))


def test_nothing_is_counted_at_boot_nor_by_the_self_test_nor_of_what_is_refused(device: tuple[Program, Path]) -> None:
    made, binary = device
    with start(binary) as link:
        none = Counting(made).counters()
        assert link.counters(made) == none
        assert link.self_test() == (True, 16) and link.counters(made) == none
        with pytest.raises(LinkError):
            link.step(2, inputs(made, 1, np.random.default_rng(0))[0])
        assert link.counters(made) == none


def test_a_run_counts_as_its_steps_and_both_instances_together(device: tuple[Program, Path]) -> None:
    made, binary = device
    x = inputs(made, 40, np.random.default_rng(0))
    with start(binary) as link:
        steps = [Command("step", 1, row[None]) for row in x]
        as_run, as_steps = (assert_counted(link, made, commands) for commands in ([Command("run", 0, x)], steps))
        assert as_run == as_steps and as_run.steps == 40
        link.reset(0)
        link.run(0, x)
        both = link.counters(made)
        assert both.steps == 80 and both.saturated == tuple(2 * count for count in as_run.saturated)


def test_the_step_that_counts_computes_the_same(device: tuple[Program, Path]) -> None:
    made, binary = device
    with start(binary) as link:
        found = play(link, made, script(made))
    session = play_session(InterpreterSession(made), made, script(made))
    assert [each.tolist() for each in found] == [each.tolist() for each in session]


MAIN = """
#include "counters.h"
#include <stdio.h>
int main(void)
{
    static const int16_t ends[4] = {INT16_MIN, INT16_MAX, INT16_MIN + 1, INT16_MAX - 1};
    static model_input x[2 * MODEL_INPUTS];
    counters_clear();
    counters.steps = UINT32_MAX - 1;
    counters.saturated[0] = UINT32_MAX - 1;
    counters.saturated_inputs[0] = UINT32_MAX;
    x[0] = 127;
    rnn_count(0, ends, 4);
    counters_begin(x, 2);
    rnn_count(0, ends, 4);
    rnn_count(1, ends, 4);
    counters_end();
    rnn_count(1, ends, 4);
    printf("%lu %lu %lu %lu\\n", (unsigned long)counters.steps, (unsigned long)counters.saturated[0],
           (unsigned long)counters.saturated[1], (unsigned long)counters.saturated_inputs[0]);
    return 0;
}
"""


def test_a_counter_stays_at_its_largest_value(tmp_path: Path) -> None:
    made = program(STACKS[0])
    generated = {"model_binding.h": c.binding(made), "model_counters.h": c.limits(made, limits_of(made))}
    for name, text in (c.write(made, counts=True) | generated | {"main.c": MAIN}).items():
        (tmp_path / name).write_text(text)
    build, folder = usable(BUILDS["c-gcc-sanitize"]), FIRMWARE / "counters"
    flags = (*c.WARNINGS, *build.flags, f"-I{tmp_path}", f"-I{folder}")
    compile_c(build.compiler, flags, [tmp_path / "main.c", folder / "counters.c"], tmp_path / "main")
    said = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=True).stdout
    assert [int(word) for word in said.split()] == [LARGEST, LARGEST, 2, LARGEST]
    assert len(watched(made)) > 1 and channels(made) > 0
