"""The host harness: it takes scripts in every spelling, refuses everything else, and failures are one sentence."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from rnn_edge.errors import RnnEdgeError
from rnn_edge.ir.interpret import InterpreterSession
from rnn_edge.paths import Artifacts
from rnn_edge.vectors import play, write_commands
from tests.c.builds import BUILDS, export, script, usable
from tests.networks import STACKS, golden_program, program


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("harness")
    made = program(STACKS[2])
    return usable(BUILDS["c-gcc-sanitize"]).build(made, export(made, folder).c_folder, folder)


def talk(binary: Path, text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([binary], input=text, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    "line",
    [
        "jump 0",
        "step",
        "step 2 00000000",
        "step x 00000000",
        "step 0",
        "step 0 0000000",
        "step 0 000000000",
        "step 0 0000000g",
        "step 0 0000000G",
        "step 0 00000000 1",
        "step 0 00000032",
        "step 0 ffffffff",
        "run 0 0 00000000",
        "run 0 2 00000000",
        "run 0 -1 00000000",
        "run 0 4294967295 00000000",
        "run 0 99999999999999999999 00000000",
        "run 0 1",
        "load 0",
        f"load 0 {'0' * 28}",
        f"load 0 {'0' * 28} {'0' * 27}",
        f"load 0 {'0000 ' * 9}",
        "reset 0 1",
    ],
)
def test_the_harness_refuses_what_is_malformed(harness: Path, line: str) -> None:
    done = talk(harness, f"# first\n{line}\n")
    assert done.returncode == 1 and done.stderr.startswith("line 2: ") and not done.stdout


def test_the_harness_ignores_results_comments_and_blank_lines(harness: Path) -> None:
    made = program(STACKS[2])
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
