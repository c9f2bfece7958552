"""Board files: each of `boards/` is sound, and what is wrong with one is said in a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from rnn_edge import tools
from rnn_edge.board import all_boards, load
from rnn_edge.errors import UserError
from rnn_edge.paths import BOARDS, FIRMWARE

GOOD = """
name = "A board"
family = "cortex-m4"
[memory]
flash = { origin = 0x0, kib = 64 }
ram = { origin = 0x20000000, kib = 8 }
[clock]
hz = 8_000_000
[uart]
driver = "cmsdk"
baud = 115200
"""


def write(folder: Path, text: str, name: str = "mine") -> str:
    path = folder / f"{name}.toml"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("name", sorted(path.stem for path in BOARDS.glob("*.toml")))
def test_a_bundled_board_names_only_what_exists(name: str) -> None:
    board = load(name)
    port = FIRMWARE / "ports" / board.family.port
    assert (port / f"uart_{board.uart.driver}.c").is_file()
    assert board.chip is None or (port / f"chip_{board.chip}.c").is_file()
    assert board.flash_tool.tools and set(board.flash_tool.tools) <= set(tools.all_tools())
    assert set(board.flash_tool.model_extra or ()) <= set(tools.all_tools())
    assert board.family.core and board.id == name


def test_every_family_is_used() -> None:
    families = {path.stem for path in (BOARDS / "families").glob("*.toml")}
    assert {board.family.id for board in all_boards().values()} == families


def test_emulated_twins_differ_from_their_board_in_nothing_that_is_flashed_but_clock_and_uart() -> None:
    boards = all_boards()
    pairs = {"qemu-microbit": "microbit-v1", "qemu-stm32vldiscovery": "stm32vldiscovery", "simavr-uno": "arduino-uno"}
    for twin, real in pairs.items():
        assert boards[twin].emulated and not boards[real].emulated
        assert boards[twin].memory == boards[real].memory
        assert boards[twin].uart == boards[real].uart


def test_a_board_by_path_has_the_id_of_its_file(tmp_path: Path) -> None:
    board = load(write(tmp_path, GOOD))
    assert (board.id, board.family.core, board.memory.flash.end, board.emulated) == ("mine", "Cortex-M4", 65536, False)


def test_a_memory_may_end_in_half_a_kib(tmp_path: Path) -> None:
    flash = load(write(tmp_path, GOOD.replace("kib = 64", "kib = 31.5"))).memory.flash
    assert (flash.size, flash.end) == (32256, 32256) and type(flash.size) is int


def test_inherited_tables_are_merged_key_by_key(tmp_path: Path) -> None:
    write(tmp_path, GOOD + "[flash_tool]\ntools = ['openocd']\n[flash_tool.openocd]\ntarget = 'a'\n", "parent")
    heir = load(write(tmp_path, "inherits = 'parent'\n[uart]\nbaud = 9600\n[flash_tool.openocd]\ninterface = 'b'\n"))
    assert (heir.id, heir.name, heir.uart.driver, heir.uart.baud) == ("mine", "A board", "cmsdk", 9600)
    assert heir.flash_tool.options("openocd") == {"target": "a", "interface": "b"}
    assert heir.flash_tool.options("gdb") == {}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("name =", "nick = 'x'\nname ="), r"`nick` is not known: correct or remove it\.$"),
        (("baud = 115200", "baud = 115200\nparity = 'n'"), r"`uart\.parity` is not known"),
        (("baud = 115200", "baud = '115200'"), r"`uart\.baud` is '115200', accepted is a valid integer"),
        (("hz = 8_000_000", ""), r"`clock\.hz` is missing: add it\.$"),
        (("kib = 8 }", "kib = 8.25 }"), r"`memory\.ram\.kib` is 8\.25, accepted is a multiple of 0\.5: correct it\.$"),
        (("kib = 8 }", "kib = nan }"), r"`memory\.ram\.kib` is nan, accepted is a finite number"),
        (("kib = 8 }", "kib = 0 }"), r"`memory\.ram\.kib` is 0, accepted is greater than 0"),
        (("kib = 8 }", "kib = true }"), r"`memory\.ram\.kib` is True, accepted is a valid number"),
        (("origin = 0x20000000", "origin = 0x8000"), r"flash \(0x0 to 0xffff\) and ram \(0x8000 to 0x9fff\) overlap"),
        (("origin = 0x20000000", "origin = 0x20000002"), r"`memory\.ram\.origin` is 536870914, .*multiple of 4"),
        (("origin = 0x20000000", "origin = 0xfffff000"), r"ram ends at 0x100001000, behind the 32-bit"),
        (("cortex-m4", "cortex-m5"), r"`family` is 'cortex-m5', accepted is one of avr-.*cortex-m0,"),
        (("name =", "inherits = 'nobody'\nname ="), r"`inherits` is 'nobody', accepted is one of "),
        (("name =", "id = 'x'\nname ="), r"`id` is not known, the name of the file is the id"),
        (("name =", "emulated = true\nname ="), r"emulated = true and a table \[emulator\] belong together"),
        (("name =", "name"), r"is not a TOML file \("),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(change: tuple[str, str], sentence: str, tmp_path: Path) -> None:
    path = write(tmp_path, GOOD.replace(*change))
    with pytest.raises(UserError, match=sentence) as raised:
        load(path)
    assert str(raised.value).startswith(path) and str(raised.value).endswith(".")


def test_inheriting_in_a_circle_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "inherits = 'b'\n", "a")
    write(tmp_path, "inherits = 'c'\n", "b")
    path = write(tmp_path, "inherits = 'a'\n", "c")
    with pytest.raises(
        UserError, match=r"`inherits` goes round in a circle \(c <- a <- b <- c\): remove one of them\.$"
    ):
        load(path)


@pytest.mark.parametrize(
    "name", ["", "nucleo", "../boards/mps2-an386", "boards", "mps2-an386.toml", "a" * 5000 + ".toml"]
)
def test_an_unknown_board_is_answered_with_the_known_ones(name: str) -> None:
    with pytest.raises(
        UserError, match=r"^There is no board .*: use one of .*mps2-an386, .*, or the path of a board file"
    ):
        load(name)


def test_a_file_that_is_no_board_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="larger than 1,048,576 bytes"):
        load(write(tmp_path, "#" * (2**20 + 1)))
    with pytest.raises(UserError, match=r"the file is named 'My board', accepted are a-z"):
        load(write(tmp_path, GOOD, "My board"))
