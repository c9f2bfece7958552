"""The exact command line of every flash tool, word by word, as boards with one tool each ask for it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from rnn_edge import flash
from rnn_edge.board import all_boards
from rnn_edge.errors import UserError
from rnn_edge.tools import all_tools

from . import devices

NO_SERVERS = "gdb_port disabled; tcl_port disabled; telnet_port disabled"


def test_openocd(tmp_path: Path) -> None:
    at = devices.board("openocd", interface="stlink", target="stm32f4x", config=["adapter speed 1000"])
    (words,) = devices.argv(all_tools()["openocd"], at, devices.image(tmp_path), "066DFF")
    assert words == [
        *("openocd", "-c", NO_SERVERS, "-f", "interface/stlink.cfg"),
        *("-c", "adapter speed 1000", "-c", "adapter serial 066DFF", "-f", "target/stm32f4x.cfg"),
        *("-c", "program {{folder}/firmware.elf} verify reset exit"),
    ]


def test_openocd_with_files_of_ones_own(tmp_path: Path) -> None:
    at = devices.board("openocd", target="/etc/my chip.cfg", config=["adapter driver remote_bitbang"])
    (words,) = devices.argv(all_tools()["openocd"], at, devices.image(tmp_path))
    assert words[3:7] == ["-c", "adapter driver remote_bitbang", "-f", "/etc/my chip.cfg"]


def test_openocd_refuses_a_path_that_its_language_would_read(tmp_path: Path) -> None:
    folder = tmp_path / "a}{b"
    folder.mkdir()
    with pytest.raises(UserError, match="without braces"):
        all_tools()["openocd"].steps(devices.board("openocd", target="x"), devices.image(folder), None)


def test_pyocd(tmp_path: Path) -> None:
    at = devices.board("pyocd", target="stm32f446re", probe="0240", options=["frequency=1000000"])
    start = [sys.executable, "-m", "rnn_edge.tools.pyocd_process", "--target", "stm32f446re", "--probe"]
    end = ["--option", "frequency=1000000", "{folder}/firmware.hex"]
    tool, of = all_tools()["pyocd"], devices.image(tmp_path)
    assert devices.argv(tool, at, of) == [[*start, "0240", *end]]
    assert devices.argv(tool, at, of, "0555") == [[*start, "0555", *end]]


def test_esptool(tmp_path: Path) -> None:
    at = devices.board("esptool", chip="esp32c3", offset=0x10000)
    assert devices.argv(all_tools()["esptool"], at, devices.image(tmp_path), "/dev/ttyUSB0") == [
        [
            *("esptool", "--chip", "esp32c3", "elf2image", "--flash-mode", "dio"),
            *("--output", "{folder}/firmware.esp32c3.bin", "{folder}/firmware.elf"),
        ],
        [
            *("esptool", "--chip", "esp32c3", "--port", "/dev/ttyUSB0", "--baud", "460800"),
            *("--before", "default-reset", "--after", "hard-reset"),
            *("write-flash", "0x10000", "{folder}/firmware.esp32c3.bin"),
        ],
    ]


def test_esptool_without_its_stub(tmp_path: Path) -> None:
    at = devices.board("esptool", chip="esp32c3", baud=115200, stub=False, before="no-reset", after="no-reset")
    words = devices.argv(all_tools()["esptool"], at, devices.image(tmp_path), "COM3")[1]
    assert words[3:12] == [
        *("--port", "COM3", "--baud", "115200", "--before", "no-reset", "--after", "no-reset", "--no-stub"),
    ]


def test_stm32flash(tmp_path: Path) -> None:
    tool, of = all_tools()["stm32flash"], devices.image(tmp_path)
    rest = ["-S", "0x8000000", "-w", "{folder}/firmware.bin", "-v", "-g", "0x8000000", "/dev/ttyS0"]
    assert devices.argv(tool, devices.board("stm32flash"), of, "/dev/ttyS0") == [
        ["stm32flash", "-b", "115200", "-m", "8e1", *rest]
    ]
    assert devices.argv(tool, devices.board("stm32flash", baud=57600, parity="8n1"), of, "/dev/ttyS0") == [
        ["stm32flash", "-b", "57600", "-m", "8n1", *rest]
    ]


def test_dfu_util(tmp_path: Path) -> None:
    tool, of = all_tools()["dfu-util"], devices.image(tmp_path, bytes(300))
    assert devices.argv(tool, devices.board("dfu-util"), of) == [
        ["dfu-util", "-d", "0483:df11", "-a", "0", "-s", "0x8000000", "-D", "{folder}/firmware.bin"],
        [
            *("dfu-util", "-d", "0483:df11", "-a", "0"),
            *("-s", "0x8000000:300:leave", "-U", "{folder}/firmware.readback.bin"),
        ],
    ]
    words = devices.argv(tool, devices.board("dfu-util", vid_pid="2e3c:df11", alt=1), of, "3568")[0]
    assert words[:7] == ["dfu-util", "-d", "2e3c:df11", "-a", "1", "-S", "3568"]


@pytest.mark.parametrize(
    ("tool", "message"),
    [
        ("openocd", "`flash_tool.openocd.target` is missing: add it"),
        ("pyocd", "`flash_tool.pyocd.target` is missing: add it"),
        ("esptool", "`flash_tool.esptool.chip` is missing: add it"),
        ("uf2", "`flash_tool.uf2.family` is missing: add it"),
        ("stm32flash", "name it with --port"),
        ("gdb", "names no GDB server"),
    ],
)
def test_what_a_board_has_to_name(tool: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        all_tools()[tool].steps(devices.board(tool), devices.image(tmp_path), None)


@pytest.mark.parametrize(
    ("tool", "options", "message"),
    [
        ("esptool", {"chip": 3}, "`flash_tool.esptool.chip` is 3, accepted is a valid string: correct it."),
        ("esptool", {"chip": "esp32c3", "offset": "0"}, "offset` is '0', accepted is a valid integer: correct it."),
        ("esptool", {"chip": "esp32c3", "offset": 1}, "offset` is 1, accepted is a multiple of 4096: correct it."),
        ("openocd", {"target": "x", "config": "y"}, "config` is 'y', accepted is a list: correct it."),
        ("openocd", {"target": "x", "config": [1]}, "config.0` is 1, accepted is a valid string: correct it."),
        ("stm32flash", {"parity": "7e1"}, "parity` is '7e1', accepted is '8e1' or '8n1': correct it."),
        ("uf2", {"family": -1, "board_id": "x"}, "family` is -1, accepted is greater than or equal to 0: correct it."),
        ("gdb", {"address": "x"}, "`flash_tool.gdb.address` is not known: correct or remove it."),
    ],
)
def test_what_a_board_gets_wrong(tool: str, options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        all_tools()[tool].steps(devices.board(tool, **options), devices.image(tmp_path), "x")
    assert message in str(error.value)


@pytest.mark.parametrize("tool", ["dfu-util", "gdb"])
def test_the_firmware_has_to_be_there(tool: str, tmp_path: Path) -> None:
    of = devices.image(tmp_path)
    of.hex.unlink()
    with pytest.raises(UserError, match=r"firmware\.hex is not there; build the firmware first"):
        flash.dry_run(of, devices.board(tool))


@pytest.mark.parametrize("data", [b"", b"\x7fELF", bytes(100)])
def test_gdb_needs_an_elf_file(data: bytes, tmp_path: Path) -> None:
    of = devices.image(tmp_path)
    of.elf.write_bytes(data)
    with pytest.raises(UserError, match=r"firmware\.elf is not an ELF file .*; build the firmware anew"):
        flash.dry_run(of, devices.board("gdb", server="x"))


def test_dry_run_is_what_a_shell_takes(tmp_path: Path) -> None:
    folder = tmp_path / "a b"
    folder.mkdir()
    of = devices.image(folder)
    assert flash.dry_run(of, devices.board("stm32flash")) == [
        f"stm32flash -b 115200 -m 8e1 -S 0x8000000 -w '{of.binary}' -v -g 0x8000000 PORT"
    ]
    assert flash.dry_run(of, devices.board("uf2", origin=0x10000000, family=0xE48BFF56, board_id="RPI-RP2")) == [
        f"# write {folder}/firmware.uf2, family 0xe48bff56, from 0x10000000 on",
        f"# copy {folder}/firmware.uf2 to the drive with Board-ID RPI-RP2; compare where it shows CURRENT.UF2 then",
    ]
    assert flash.dry_run(of, devices.board("qemu", emulated=True)) == [f"# start the emulated mps2-an386 with {of.elf}"]


def test_the_serial_port_is_for_tools_that_use_it(tmp_path: Path) -> None:
    of = devices.image(tmp_path)
    probe = devices.board("openocd", interface="stlink", target="stm32f4x")
    (line,) = flash.dry_run(of, probe, port="/dev/ttyACM0", via="0671FF")
    assert "adapter serial 0671FF" in line and "/dev/ttyACM0" not in line
    (line,) = flash.dry_run(of, devices.board("stm32flash"), port="/dev/ttyACM0", via="0671FF")
    assert line.endswith(" /dev/ttyACM0") and "0671FF" not in line


@pytest.mark.parametrize("name", sorted(all_boards()))
def test_every_bundled_board_says_all_that_its_tools_ask(name: str, tmp_path: Path) -> None:
    at, of = all_boards()[name], devices.loop(tmp_path, "arm-none-eabi-", ("-mcpu=cortex-m0",), 0, 0x20000000)
    assert set(at.flash_tool.tools) <= set(all_tools())
    for tool in at.flash_tool.tools:
        assert flash.dry_run(of, at, tool)


def test_every_tool_has_its_row_in_the_documentation() -> None:
    text = (Path(__file__).parents[2] / "docs" / "flashing.md").read_text()
    rows = [
        line.split("|")[1] for line in text.split("## What the tests prove")[0].splitlines() if line.startswith("| `")
    ]
    assert {name.strip(" `") for row in rows for name in row.split(",")} == set(all_tools())
