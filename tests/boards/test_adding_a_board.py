"""docs/adding_a_board.md: its boards load, and its lines run, in an empty folder, as they are on the page."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from rnn_edge import compilers, flash
from rnn_edge.board import Board, Uart, load
from rnn_edge.cli import main
from rnn_edge.errors import MissingError
from rnn_edge.tools import all_tools

PAGE = (Path(__file__).parents[2] / "docs" / "adding_a_board.md").read_text()
REAL, TWIN = "blackpill-f411ce.toml", "qemu-blackpill.toml"
FILES = {name: text for name, text in re.findall(r"```toml\n# (\S+)\n(.*?)```", PAGE, re.DOTALL)}
OF_REAL, OF_TWIN = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with nothing but the files of the page, which is the current one."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def type_in(lines: str) -> list[str]:
    """What each line printed."""
    printed = []
    for line in lines.splitlines():
        program, *words = shlex.split(line)
        assert program == "rnn-edge"
        done = CliRunner().invoke(main, words)
        assert (done.exit_code, done.exception) == (0, None), f"{line}\n{done.output}"
        printed.append(done.output)
    return printed


def needs_compiler(board: Board) -> None:
    try:
        compilers.find(board.family)
    except MissingError as error:
        pytest.skip(str(error))


def needs_emulator(board: Board) -> None:
    try:
        flash.choose(board)
    except MissingError as error:
        pytest.skip(str(error))


def test_the_boards_load(here: Path) -> None:
    real, twin = load(REAL), load(TWIN)
    assert (real.id, real.family.core, real.emulated, twin.emulated) == ("blackpill-f411ce", "Cortex-M4", False, True)
    assert (twin.memory, twin.uart, twin.chip, twin.family) == (real.memory, real.uart, real.chip, real.family)
    assert real.flash_tool.tools[0] in all_tools()


def test_its_registers_are_those_of_the_other_board_with_this_usart(here: Path) -> None:
    assert load(REAL).uart == load("qemu-netduinoplus2").uart


def test_its_lines_run(here: Path) -> None:
    needs_compiler(load(REAL))
    printed = type_in(OF_REAL)
    (shown,) = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    assert printed[-1] == shown
    made = here / "build" / "power" / "boards" / "blackpill-f411ce"
    assert {path.name for path in made.iterdir()} == {"build.json", *(f"firmware.{x}" for x in ("elf", "bin", "hex"))}


def test_its_twin_runs(here: Path) -> None:
    needs_compiler(load(TWIN))
    needs_emulator(load(TWIN))
    type_in("rnn-edge export power")
    flashed, verified = type_in(OF_TWIN)
    assert "core Cortex-M4 tables ok self-test ok" in flashed
    assert "1 of 1 exact runtimes computed the same integers" in verified


def test_every_key_is_explained() -> None:
    table = PAGE[PAGE.index("| key | what |") : PAGE.index("The id of a board")]
    for key in Board.model_fields:
        assert key == "id" or re.search(rf"`\[?{key}\b", table), key
    for word in re.findall(r"`(\w+)`", table.split("`[uart]` |")[1].split("\n")[0]):
        assert word in Uart.model_fields
