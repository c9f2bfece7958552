"""boards, build, flash and verify as a user runs them: what they say, how they end, and that nothing is left behind."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from rnn_edge import __version__
from rnn_edge.board import all_boards, load
from tests.boards.bundled import bundled
from tests.boards.command_line import CommandLine

GROUPS = ("code of model and kernels", "weights", "tables of the kernels", "state of the instances", "stack, at most")
COMPILER = "arm-none-eabi-gcc"


def banner(board: str) -> str:
    program = bundled("power").program
    core = load(board).family.core
    return f"rnn_edge {__version__} model power program {program.hash[:12]} core {core} tables ok self-test ok"


def fits(table: str) -> bool:
    """Within 80 columns? Sentences may be longer: the terminal wraps them."""
    return all(len(line) <= 80 for line in table.splitlines() if "  " in line)


# good paths


def test_boards(rnn_edge: CommandLine) -> None:
    table = rnn_edge.run("boards")
    rows = json.loads(rnn_edge.run("boards", "--json"))
    assert fits(table)
    assert {row["id"] for row in rows} == set(all_boards())
    for row in rows:
        assert re.search(rf"^{row['id']} +{re.escape(row['family']['core'])} .*{row['state']}", table, re.MULTILINE)
        assert row["state"] == ("missing" if row["missing"] else "ready" if row["emulated"] else "connect it")


def test_build(rnn_edge: CommandLine) -> None:
    table = rnn_edge.run("build", "power", "--board", "mps2-an386")
    assert fits(table)
    assert all(re.search(rf"^{group} +[\d,-]+ +[\d,-]+$", table, re.MULTILINE) for group in GROUPS)
    columns = [re.findall(r"(\d[\d,]*|-)(?= |$)", line)[-2:] for line in table.splitlines()[3:-5]]
    sums = [sum(int(cell.replace(",", "")) for cell in cells if cell != "-") for cells in zip(*columns, strict=True)]
    used = "used" + "".join(f" +{size:,}" for size in sums)
    assert re.search(f"^{used}$", table, re.MULTILINE) and "4,194,304" in table
    assert "Next: rnn-edge flash power --board mps2-an386" in table


@pytest.mark.parametrize(
    ("board", "tool", "proof"),
    [
        ("mps2-an386", None, "gdb read back every section and it matched."),
        ("qemu-microbit", None, "gdb read back every section and it matched."),
        ("simavr-uno", None, "avrdude read the flash back and every byte was the same."),
        ("mps2-an386", "qemu", ""),
        ("mps2-an386", "unicorn", ""),
    ],
)
def test_flash(board: str, tool: str | None, proof: str, rnn_edge: CommandLine) -> None:
    said = rnn_edge.run("flash", "power", "--board", board, *(["--tool", tool] if tool else []))
    lines = said.splitlines()
    assert lines[0].startswith("$ ") and banner(board) in lines and proof in lines
    assert f"Next: rnn-edge verify power --board {board}" in lines[-1]


def test_a_dry_run_runs_nothing(rnn_edge: CommandLine) -> None:
    (line,) = rnn_edge.run("flash", "power", "--board", "mps2-an386", "--dry-run").splitlines()
    assert line.startswith("gdb-multiarch ") and "load" in line
    said = rnn_edge.run("flash", "power", "--board", "nucleo-f446re", "--tool", "stm32flash", "--dry-run")
    assert " PORT" in said and all(line.startswith("stm32flash ") for line in said.splitlines())
    assert not (rnn_edge.folder / "build" / ".boards").exists()


def test_verify_one_board(rnn_edge: CommandLine) -> None:
    verdict = json.loads(rnn_edge.run("verify", "power", "--board", "mps2-an386", "--json"))
    definition, row = verdict["rows"]
    assert verdict["passed"] and row["runtime"] == "mps2-an386"
    assert row["differing"] == 0 and row["compared"] == definition["compared"] > 5_000


def test_verify_boards_and_a_runtime_in_one_table(rnn_edge: CommandLine) -> None:
    words = ("--board", "mps2-an386", "--board", "qemu-microbit", "--runtime", "c-gcc-O2")
    table = rnn_edge.run("verify", "power", *words)
    assert fits(table)
    equal = dict(re.findall(r"^(\S+) .* exact +(\d+) +0 +0 ", table, re.MULTILINE))
    assert list(equal) == ["mps2-an386", "qemu-microbit", "c-gcc-O2"] and len(set(equal.values())) == 1
    assert "3 of 3 exact runtimes computed the same integers." in table


# what is not there


def test_no_compiler(rnn_edge: CommandLine) -> None:
    with rnn_edge.without("ziglang"):
        sentence = rnn_edge.refused("build", "power", "--board", "mps2-an386", code=3)
        assert "There is no compiler for Cortex-M4" in sentence and "apt install gcc-arm-none-eabi" in sentence
        assert "missing" in rnn_edge.run("boards")
        assert sentence == rnn_edge.refused("verify", "power", "--board", "mps2-an386", code=3)
    rnn_edge.run("build", "power", "--board", "mps2-an386")


def test_no_emulator(rnn_edge: CommandLine) -> None:
    with rnn_edge.without("unicorn", programs=(COMPILER,)):
        for command in ("flash", "verify"):
            sentence = rnn_edge.refused(command, "power", "--board", "mps2-an386", code=3)
            assert "mps2-an386 is flashed with gdb or qemu or unicorn" in sentence and "apt install" in sentence
    rnn_edge.run("flash", "power", "--board", "mps2-an386")


def test_an_unknown_board(rnn_edge: CommandLine) -> None:
    for words in (["build", "power"], ["flash", "power"], ["verify", "power"], ["monitor"]):
        sentence = rnn_edge.refused(*words, "--board", "nothing")
        assert "'nothing'" in sentence and all(name in sentence for name in all_boards())


def test_an_unknown_tool(rnn_edge: CommandLine) -> None:
    sentence = rnn_edge.refused("flash", "power", "--board", "mps2-an386", "--tool", "nothing")
    assert "'nothing'" in sentence and "gdb, qemu, unicorn" in sentence


def test_a_board_file_with_memories_that_overlap(rnn_edge: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'inherits = "mps2-an386"\nname = "Mine"\n[memory]\n'
        "flash = { origin = 0, kib = 64 }\nram = { origin = 0x8000, kib = 64 }\n"
    )
    sentence = rnn_edge.refused("build", "power", "--board", path)
    assert "mine.toml" in sentence and "overlap" in sentence


def test_a_model_that_does_not_fit(rnn_edge: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "small.toml"
    path.write_text('inherits = "simavr-uno"\nname = "Small"\n[memory]\nram = { origin = 0x800100, kib = 0.5 }\n')
    few = tmp_path / "vectors.txt"
    few.write_text("".join(bundled("power").artifacts.vectors.read_text().splitlines(keepends=True)[:40]))
    sentence = rnn_edge.refused("build", "power", "--board", path)
    assert re.search(r"power does not fit on Small: it needs [\d,]+ bytes of RAM .* the board has 512; take", sentence)
    table = rnn_edge.run("verify", "power", "--board", path, "--board", "simavr-uno", "--vectors", few, code=1)
    assert re.search(r"^small .* failed ", table, re.MULTILINE) and "power does not fit on Small: it needs" in table
    assert re.search(r"^simavr-uno .* exact +\d+ +0 +0 ", table, re.MULTILINE)


def test_no_board_at_any_serial_port(rnn_edge: CommandLine) -> None:
    for words in (["flash", "power"], ["verify", "power"], ["monitor"]):
        sentence = rnn_edge.refused(*words, "--board", "nucleo-f446re", code=3)
        assert "No serial port has the USB id 0483:374b" in sentence and "--port" in sentence


def test_a_serial_port_that_is_not_there(rnn_edge: CommandLine) -> None:
    for words in (["verify", "power"], ["monitor"]):
        sentence = rnn_edge.refused(*words, "--board", "nucleo-f446re", "--port", "/dev/ttyNone", code=3)
        assert "There is no /dev/ttyNone" in sentence
