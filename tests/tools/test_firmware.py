"""The real firmware through the flash tools: what was flashed has to answer with the hash of its program."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from rnn_edge import emulators, flash, tools
from rnn_edge.board import Board, all_boards, load
from rnn_edge.build import build
from rnn_edge.errors import MismatchError
from rnn_edge.ir.program import Program
from rnn_edge.link import Link
from rnn_edge.tools import Image, Step, find_program, gdb, uf2_file

from ..c.builds import export
from ..networks import one_of_each_cell, program
from . import devices
from .esp_rom import EspRom
from .pty_device import serial_port
from .stm32_rom import Stm32Rom

Built = Callable[[str, Program], Image]

PROGRAMS = ("gdb-multiarch", "qemu-system-arm", "qemu-system-riscv32", "arm-none-eabi-gcc", "riscv64-unknown-elf-gcc")
pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, PROGRAMS)), reason=f"needs {', '.join(PROGRAMS)}: type `make setup`"
)
EMULATED = sorted(name for name, board in all_boards().items() if board.emulated and "gdb" in board.flash_tool.tools)
GDB = ["gdb read back every section and it matched"]


@cache
def network(number: int = 0) -> Program:
    return program(one_of_each_cell()[number])


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    @cache
    def image(name: str, of: Program) -> Image:
        folder = tmp_path_factory.mktemp(name)
        return build(of, export(of, folder / "export"), load(name), folder / "firmware").image

    return image


def assert_answers(machine: emulators.Emulated, of: Program) -> None:
    with Link(machine.open()) as link:
        info = link.info()
        assert info.program_hash == of.hash
        assert info.tables_ok and info.self_test_ok


@pytest.mark.parametrize("name", EMULATED)
def test_gdb_flashes_every_emulated_board(name: str, built: Built) -> None:
    board = load(name)
    with emulators.emulator(board, None) as machine:
        assert flash.flash(built(name, network()), board, "gdb", str(machine.gdb)) == GDB
        assert_answers(machine, network())


def test_what_was_flashed_last_answers(built: Built) -> None:
    board = load("mps2-an386")
    with emulators.emulator(board, None) as machine:
        for of in (network(0), network(1), network(0)):
            assert flash.flash(built(board.id, of), board, "gdb", str(machine.gdb)) == GDB
            assert_answers(machine, of)


def test_one_flipped_bit_is_found(built: Built) -> None:
    board = load("qemu-microbit")
    with emulators.emulator(board, None) as machine:
        (step,) = gdb.TOOL.steps(board, built(board.id, network()), str(machine.gdb))
        assert isinstance(step, Step)
        at = step.argv.index("compare-sections") - 1
        flip = ("-ex", "set var *(char *) 0x300 = *(char *) 0x300 ^ 4")
        with pytest.raises(MismatchError, match="MIS-MATCHED"):
            tools.run([dataclasses.replace(step, argv=(*step.argv[:at], *flip, *step.argv[at:]))])


@pytest.mark.skipif(not shutil.which("stm32flash"), reason="needs stm32flash: apt install stm32flash")
def test_what_stm32flash_wrote_runs(built: Built, tmp_path: Path) -> None:
    """The double's flash, after stm32flash, is what QEMU starts: only what came over the wire can answer."""
    real, emulated, rom = load("stm32vldiscovery"), load("qemu-stm32vldiscovery"), Stm32Rom()
    with serial_port(rom) as port:
        flash.flash(built(real.id, network()), _on_a_pty(real), "stm32flash", port)
    dump = tmp_path / "flash.bin"
    dump.write_bytes(rom.flash)
    link = ["arm-none-eabi-ld", "-b", "binary", "--section-start=.data=0x08000000", "-e", "0x08000000", dump.name]
    subprocess.run([*link, "-o", "flash.elf"], cwd=tmp_path, check=True)
    with emulators.emulator(emulated, Image(tmp_path / "flash.elf", dump, dump)) as machine:
        assert_answers(machine, network())


def _on_a_pty(board: Board) -> Board:
    """The same board; a pseudo terminal has no parity."""
    return board.model_copy(update={"flash_tool": devices.board("stm32flash", parity="8n1").flash_tool})


@pytest.mark.skipif(not find_program("esptool"), reason="needs esptool: pip install 'esptool>=5,<6'")
def test_esptool_takes_the_firmware_as_it_is(built: Built) -> None:
    """All that the ELF file has is in flash, in an image whose hash esptool finds valid. Nothing runs it."""
    board, rom = load("esp32-c3-devkit"), EspRom()
    rom_only = devices.board("esptool", chip="esp32c3", stub=False, before="no-reset", after="no-reset")
    image = built(board.id, network())
    with serial_port(rom) as port:
        flash.flash(image, board.model_copy(update={"flash_tool": rom_only.flash_tool}), port=port)
    with image.elf.open("rb") as file:
        segments = [segment.data() for segment in ELFFile(file).iter_segments("PT_LOAD")]
    assert segments
    for data in segments:
        assert bytes(data) in rom.flash


@pytest.mark.parametrize("name", ["raspberry-pi-pico", "raspberry-pi-pico2"])
def test_the_drive_gets_the_whole_firmware(name: str, built: Built, tmp_path: Path) -> None:
    board, image = load(name), built(name, network())
    board_id = board.flash_tool.options("uf2")["board_id"]
    (tmp_path / "INFO_UF2.TXT").write_text(f"UF2 Bootloader v1.0\nModel: x\nBoard-ID: {board_id}\n")
    flash.flash(image, board, "uf2", str(tmp_path))
    copied = uf2_file.read((tmp_path / "firmware.uf2").read_bytes())
    assert copied.origin == board.memory.flash.origin
    assert copied.data.rstrip(b"\0") == image.binary.read_bytes().rstrip(b"\0")
