"""Running steps: what the user reads when a program is missing, fails, says nothing, or never ends."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from rnn_edge import flash, tools
from rnn_edge.errors import MismatchError, MissingError, RnnEdgeError, UserError
from rnn_edge.tools import Act, Step

from . import devices


def python(code: str, **settings: object) -> Step:
    return Step(argv=(sys.executable, "-c", code), **settings)  # type: ignore[arg-type]


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))


def test_what_steps_prove_in_their_order() -> None:
    said: list[str] = []
    steps: list[Step | Act] = [
        python("", proves="first"),
        python("print('fine')", expect="^fine$"),
        Act("think", lambda: None, proves="second"),
        Act("look", lambda: "third"),
    ]
    assert tools.run(steps, said.append) == ["first", "second", "third"]
    assert said == tools.shell_lines(steps)


@pytest.mark.parametrize(
    ("tool", "command"),
    [
        ("stm32flash", "apt install stm32flash"),
        ("openocd", "apt install openocd"),
        ("dfu-util", "apt install dfu-util"),
        ("gdb", "apt install gdb-multiarch"),
        ("esptool", "pip install 'esptool>=5,<6'"),
        ("pyocd", "pip install 'pyocd>=0.36,<1'"),
    ],
)
@pytest.mark.usefixtures("nothing_installed")
def test_a_missing_tool_is_named_with_the_command_that_gets_it(tool: str, command: str, tmp_path: Path) -> None:
    with pytest.raises(MissingError) as error:
        flash.flash(devices.image(tmp_path), devices.board(tool), port="x")
    assert str(error.value) == f"bench is flashed with {tool}, which is not installed; get it with `{command}`."


@pytest.mark.usefixtures("nothing_installed")
def test_a_program_that_vanished_is_missing() -> None:
    with pytest.raises(MissingError, match=r"^stm32flash is not installed; get it with `apt install stm32flash`\.$"):
        tools.run([Step(argv=("stm32flash", "-h"))])


def test_the_first_tool_that_is_installed_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    at = devices.board("esptool")
    at = at.model_copy(update={"flash_tool": at.flash_tool.model_copy(update={"tools": ("dfu-util", "stm32flash")})})
    (tmp_path / "stm32flash").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert flash.choose(at).name == "stm32flash"
    with pytest.raises(MissingError, match="`apt install dfu-util`"):
        flash.choose(at, "dfu-util")
    with pytest.raises(UserError, match=r"not flashed with 'openocd'; use one of dfu-util, stm32flash\.$"):
        flash.choose(at, "openocd")


def test_a_board_without_tools() -> None:
    with pytest.raises(UserError, match="names no flash tool; add one of .*openocd"):
        flash.choose(devices.board())


def test_the_plainest_line_of_a_failure_is_told() -> None:
    code = "print('NOTE: failed to look'); print('A fatal error: the chip burnt.'); raise SystemExit(3)"
    with pytest.raises(RnnEdgeError, match=r"failed with exit code 3: A fatal error: the chip burnt\.$"):
        tools.run([python(code)])


def test_the_kind_of_a_failure_and_its_advice() -> None:
    failures = (("differ", MismatchError), ("silence", MissingError))
    with pytest.raises(MismatchError, match=r"bytes differ\.$"):
        tools.run([python("raise SystemExit('bytes differ')", failures=failures, advice="plug it in")])
    with pytest.raises(MissingError, match=r"silence; plug it in\.$"):
        tools.run([python("raise SystemExit('silence')", failures=failures, advice="plug it in")])


def test_exit_code_zero_is_not_enough() -> None:
    with pytest.raises(
        RnnEdgeError, match=r"did not say that it worked \(expected 'verified'\): it printed nothing\.$"
    ):
        tools.run([python("", expect=("verified",))])


def test_a_killed_program() -> None:
    with pytest.raises(RnnEdgeError, match="was ended by signal 9"):
        tools.run([python("import os; os.kill(os.getpid(), 9)")])


def test_a_program_that_never_ends_is_ended(tmp_path: Path) -> None:
    began = time.monotonic()
    alive = tmp_path / "alive"
    code = f"import time, pathlib; time.sleep(1.5); pathlib.Path({str(alive)!r}).touch(); time.sleep(60)"
    with pytest.raises(MissingError, match=r"was not done after 0.5 s and was ended; is the board there\?"):
        tools.run([python(code, timeout=0.5)])
    assert time.monotonic() - began < 30
    time.sleep(1.5)
    assert not alive.exists()


def test_no_half_written_file_is_left(tmp_path: Path) -> None:
    made = tmp_path / "made"
    write = f"open({str(made)!r}, 'x').write('half')"
    made.write_text("old")
    tools.run([python(write, makes=made)])
    assert made.read_text() == "half"
    with pytest.raises(RnnEdgeError):
        tools.run([python(f"{write}; raise SystemExit(1)", makes=made)])
    assert not made.exists()
    with pytest.raises(RnnEdgeError, match="did not write"):
        tools.run([python("", makes=made)])
