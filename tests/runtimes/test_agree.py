"""Every Python runtime on every network: the exact ones give the interpreter's integers, the others come close."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rnn_edge.errors import UserError
from rnn_edge.ir.interpret import Interpreter
from rnn_edge.runtimes import Contract, Missing
from rnn_edge.runtimes.feeds import typed_input, typed_sequence
from rnn_edge.runtimes.python_process import PythonRuntime
from rnn_edge.script import random_inputs
from tests import networks
from tests.runtimes.cases import RUNTIMES, exact_cases, golden_case, results_of, run_cases, single_steps, within

EXACT = [runtime for runtime in RUNTIMES if runtime.contract is Contract.EXACT]
CLOSE = [runtime for runtime in RUNTIMES if runtime.contract is Contract.WITHIN]


ONE_STEP = 4096
"""What one step from equal states may differ by with the default kernels of TensorFlow Lite.

Their int16 sigmoid and tanh differ by up to 11. Over 1,000 random steps of every network, in both schemes, calm and
saturated, one step differed by up to 1,672 behind two layers (one layer: 17 in the states, 354 in the outputs).
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cases")


def installed(runtime: PythonRuntime) -> None:
    found = runtime.find()
    if isinstance(found, Missing):
        pytest.skip(f"{runtime.name} is not installed; get it with: {found.how}")


@pytest.mark.parametrize("runtime", EXACT, ids=lambda runtime: runtime.name)
def test_exact_on_every_network(runtime: PythonRuntime, folder: Path) -> None:
    installed(runtime)
    cases = within(runtime, exact_cases())
    *answers, golden = results_of(runtime, [*cases, golden_case()], folder)
    compared = 0
    for case, answer in zip(cases, answers, strict=True):
        expected = case.expected
        assert answer.shape == expected.shape, case.name
        assert np.array_equal(answer, expected), f"{case.name}: {np.count_nonzero(answer != expected)} differ"
        compared += len(expected)
    states = np.load(networks.GOLDEN, allow_pickle=False)["h"]
    assert np.array_equal(golden.reshape(200, 64)[:, :32], states)
    assert np.array_equal(golden.reshape(200, 64)[:, 32:], states)
    print(f"{runtime.name}: {compared + golden.size} integers, none differs")


@pytest.mark.parametrize("runtime", CLOSE, ids=lambda runtime: runtime.name)
def test_close_from_step_to_step(runtime: PythonRuntime, folder: Path) -> None:
    """From the same states one step differs little; over many steps the difference of a chaotic network can grow."""
    installed(runtime)
    cases = single_steps()
    largest = 0
    for case, answer in zip(cases, results_of(runtime, cases, folder), strict=True):
        expected = case.expected
        assert answer.shape == expected.shape, case.name
        largest = max(largest, int(np.abs(answer - expected).max()))
    print(f"{runtime.name}: largest difference {largest}")
    assert 0 < largest <= ONE_STEP


@pytest.mark.parametrize("runtime", EXACT, ids=lambda runtime: runtime.name)
def test_trace_gives_every_value(runtime: PythonRuntime, folder: Path) -> None:
    installed(runtime)
    cases = [case for case in single_steps() if case.name.endswith("-1")]
    cases = [replace(case, commands=case.commands[:6]) for case in cases]
    for case, answer in zip(cases, run_cases(runtime, cases, folder, "trace"), strict=True):
        for moment, (load, step) in enumerate(zip(case.commands[::2], case.commands[1::2], strict=True)):
            assert step.x is not None
            expected = Interpreter(case.program).trace(step.x, [state[None] for state in load.states])
            for op in case.program.ops:
                assert np.array_equal(answer[op.output][moment], expected[op.output][0]), (case.name, op.output)


def test_tokens_out_of_range_are_refused() -> None:
    program = networks.program(networks.Network(("gru",), (3,), embedding=2))
    for token in (-1, networks.VOCABULARY):
        with pytest.raises(UserError, match="takes tokens from 0 to 49"):
            typed_input(program, np.array([token]))


def test_sequences_without_a_step_are_refused() -> None:
    program = networks.program(networks.GRU)
    with pytest.raises(UserError, match="without a step"):
        typed_sequence(program, random_inputs(program, np.random.default_rng(0), 0))
