"""The firmware of every board: it builds, twice to the same bytes, is as large as said, is refused where too large."""

from __future__ import annotations

import importlib.util
import json
import struct
import subprocess
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from intelhex import IntelHex

from rnn_edge import compilers, footprint
from rnn_edge.board import Board, Region, all_boards, load
from rnn_edge.build import Firmware, build
from rnn_edge.errors import FitError, MissingError, RnnEdgeError, UserError
from rnn_edge.footprint import Footprint
from rnn_edge.link.device_info import least_payload
from rnn_edge.paths import Artifacts
from rnn_edge.tools import find_program
from tests.boards.bundled import NAMES, bundled
from tests.c.builds import export
from tests.networks import Network, program

BOARD_IDS = list(all_boards())
ZIG_BOARDS = ("microbit-v1", "mps2-an385", "mps2-an386", "mps2-an500", "mps2-an505", "hifive1")
FILES = ("firmware.elf", "firmware.bin", "firmware.hex", "build.json")


def holds(region: Region, address: int, size: int) -> bool:
    return region.origin <= address and address + size <= region.end


def assert_sizes_are_true(made: Firmware, board: Board) -> None:
    """The footprint against the ELF file, read in another way: by its segments."""
    content, flash, ram = made.image.binary.read_bytes(), 0, 0
    with made.image.elf.open("rb") as file:
        for segment in ELFFile(file).iter_segments("PT_LOAD"):
            data, load_at, run_at = segment.data(), segment["p_paddr"], segment["p_vaddr"]
            if data and holds(board.memory.flash, load_at, len(data)):
                start = load_at - board.memory.flash.origin
                assert content[start : start + len(data)] == data
                flash = max(flash, start + len(data))
            if holds(board.memory.ram, run_at, segment["p_memsz"]):
                ram += segment["p_memsz"]
    assert made.footprint.flash_bytes == flash == len(content) <= board.memory.flash.size
    assert made.footprint.ram_bytes - made.footprint.ram["stack"] == ram
    assert made.footprint.ram_bytes <= board.memory.ram.size
    assert all(size >= 0 for group in (made.footprint.flash, made.footprint.ram) for size in group.values())


def assert_same_bytes(one: Path, other: Path) -> None:
    for name in FILES:
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


LARGEST = ("chat", "kws")
"""Of the bundled models, in flash and in RAM: where these have room, every other one has."""

SMALL_RAM = 2048
"""Bytes in which `kws` has no room, so that it cannot stand for the others."""

FITTING = [
    (board_id, model)
    for board_id in BOARD_IDS
    for model in NAMES
    if model in LARGEST or load(board_id).memory.ram.size <= SMALL_RAM
]


def test_no_model_is_larger_than_the_largest(tmp_path: Path) -> None:
    made = {model: bundled(model).build(load("mps2-an386"), tmp_path / model).footprint for model in NAMES}
    assert max(NAMES, key=lambda model: made[model].flash_bytes) in LARGEST
    assert max(NAMES, key=lambda model: made[model].ram_bytes) in LARGEST


@pytest.mark.parametrize(("board_id", "model"), FITTING)
def test_every_board_has_room_for_every_bundled_model(board_id: str, model: str, tmp_path: Path) -> None:
    """But for one that listens, in little RAM."""
    board = load(board_id)
    if model == "kws" and board.memory.ram.size <= SMALL_RAM:
        with pytest.raises(FitError, match=r"it needs [\d,]+ bytes of RAM \(stack [\d,]+, features [\d,]+, "):
            bundled(model).build(board, tmp_path)
        return
    made = bundled(model).build(board, tmp_path)
    assert_sizes_are_true(made, board)
    written = IntelHex(str(made.image.hex))
    assert written.minaddr() == board.memory.flash.origin
    assert written.tobinstr() == made.image.binary.read_bytes()
    facts = json.loads((tmp_path / "build.json").read_text())
    assert (facts["board"], facts["program"], facts["link"]) == (board_id, bundled(model).program.hash, "uart")
    assert facts["compiler"] == made.compiler and f"{board.family.gcc.prefix}gcc" in made.compiler


ONE_OF_EACH_CORE = {load(board_id).family.core: board_id for board_id in BOARD_IDS}


@pytest.mark.parametrize("board_id", ONE_OF_EACH_CORE.values())
def test_what_is_built_twice_is_the_same(board_id: str, tmp_path: Path) -> None:
    board, source = load(board_id), bundled("power")
    made = source.build(board, tmp_path / "one")
    source.build(board, tmp_path / "a" / "deeper" / "other")
    assert_same_bytes(tmp_path / "one", tmp_path / "a" / "deeper" / "other")
    assert b"/tmp" not in made.image.elf.read_bytes()
    assert_sizes_are_true(made, board)


@pytest.mark.parametrize("board_id", ZIG_BOARDS)
def test_zig_builds_what_gcc_builds(board_id: str, tmp_path: Path) -> None:
    board = load(board_id)
    made = bundled("power").build(board, tmp_path / "one", compiler="zig")
    bundled("power").build(board, tmp_path / "other", compiler="zig")
    assert_same_bytes(tmp_path / "one", tmp_path / "other")
    assert made.compiler.startswith("zig cc 0.")
    assert_sizes_are_true(made, board)
    of_gcc = bundled("power").build(board, tmp_path / "gcc", compiler="gcc").footprint
    assert {**made.footprint.flash, **made.footprint.ram}.keys() == {**of_gcc.flash, **of_gcc.ram}.keys()
    for group in ("weights", "tables"):
        assert made.footprint.flash[group] == of_gcc.flash[group]
    assert made.footprint.ram["state"] == of_gcc.ram["state"]


def test_sizes_of_power_on_a_cortex_m4(tmp_path: Path) -> None:
    source = bundled("power")
    sizes = source.build(load("mps2-an386"), tmp_path / "made").footprint
    assert sizes.flash_bytes - sizes.flash["weights"] < 6 * 1024
    constants = sum(array.nbytes for array in source.program.constants.values() if array.dtype.kind == "i")
    assert constants / 2 < sizes.flash["weights"] < constants * 2
    assert sizes.flash["tables"] == 512 + 64  # sigmoid, CRC
    assert sizes.ram["state"] == 2 * 8 * 2  # two instances of eight int16


@pytest.mark.parametrize(
    ("board_id", "inputs", "payload"),
    [
        ("arduino-uno", 5, 2048 // 16),
        ("mps2-an386", 5, 1024),
        ("mps2-an386", 2000, 2001),  # a step on int8 inputs, and the number of the instance
    ],
)
def test_frames_take_a_share_of_the_ram_and_have_room_for_a_step(
    board_id: str, inputs: int, payload: int, tmp_path: Path
) -> None:
    made, board = program(Network(("simple_rnn",), (2,), inputs=inputs)), load(board_id)
    assert payload >= least_payload(made, board.family.core)
    try:
        build(made, export(made, tmp_path / "net"), board, tmp_path / "made")
    except MissingError as error:
        pytest.skip(str(error))
    assert f"-DDEVICE_PAYLOAD={payload}" in json.loads((tmp_path / "made" / "build.json").read_text())["flags"]


# what does not fit


@pytest.mark.parametrize(
    ("board_id", "cell", "units", "sentence"),
    [
        ("arduino-uno", "gru", 100, r"^net does not fit on Arduino Uno R3: it needs [\d,]+ bytes of flash \(weights "),
        (
            "arduino-uno",
            "simple_rnn",
            140,
            r"it needs 2,\d\d\d bytes of RAM \(stack [\d,]+, .*the board has 2,048; take ",
        ),
        (
            "stm32vldiscovery",
            "gru",
            220,
            r"it needs 1\d\d,\d\d\d bytes of flash \(weights 15\d,.* the board has 131,072",
        ),
    ],
)
def test_a_model_that_is_too_large_is_refused_with_numbers(
    board_id: str, cell: str, units: int, sentence: str, tmp_path: Path
) -> None:
    board = load(board_id)
    made = program(Network((cell,), (units,), inputs=4))
    artifacts = export(made, tmp_path / "net")
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "before").touch()
    try:
        with pytest.raises(UserError, match=sentence):
            build(made, artifacts, board, tmp_path / "made")
    except MissingError as error:
        pytest.skip(str(error))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["made", "net"]
    assert [path.name for path in (tmp_path / "made").iterdir()] == ["before"]


@pytest.mark.parametrize(("scheme", "advice"), [("int8", "units or a"), ("int16x8", "units, the scheme int8 or a")])
def test_what_would_help_is_said(scheme: str, advice: str) -> None:
    with pytest.raises(FitError, match=f"needs 40,000 bytes of flash .* has 32,256; take fewer {advice} larger board"):
        footprint.check(Footprint({"weights": 40_000}, {}), load("arduino-uno"), "net", scheme)


def test_a_step_that_no_frame_holds_is_refused(tmp_path: Path) -> None:
    made = program(Network(("simple_rnn",), (1,), inputs=40000))
    with pytest.raises(UserError, match=r"^One step of net is 40,001 bytes on the link, which carries 32,000 at once"):
        build(made, export(made, tmp_path / "net"), load("mps2-an386"), tmp_path / "made")


# what is missing or wrong


def test_a_model_that_was_not_exported_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"power\.h is not there; run `rnn-edge export` first\.$"):
        build(bundled("power").program, Artifacts(tmp_path, "power"), load("mps2-an386"), tmp_path / "made")


def test_damaged_c_is_refused_with_the_first_complaint(tmp_path: Path) -> None:
    made = program(Network(("gru",), (3,)))
    artifacts = export(made, tmp_path / "net")
    (artifacts.c_folder / "net.c").write_text("int x = y;\n")
    try:
        with pytest.raises(RnnEdgeError, match=r"gcc refused the firmware: net\.c:1:9: error: 'y' undeclared"):
            build(made, artifacts, load("mps2-an386"), tmp_path / "made", compiler="gcc")
    except MissingError as error:
        pytest.skip(str(error))
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("change", "link", "sentence"),
    [
        (
            {"chip": "none"},
            "uart",
            r"^mps2-an386: `chip` is 'none', accepted for the port cortex_m is .*, stm32, stm32f1:",
        ),
        ({}, "usb", r"^mps2-an386: `link` is 'usb', accepted for the port cortex_m is semihosting: correct it\.$"),
    ],
)
def test_what_a_port_does_not_have_is_refused(change: dict[str, str], link: str, sentence: str, tmp_path: Path) -> None:
    board = load("mps2-an386").model_copy(update=change)
    with pytest.raises(UserError, match=sentence):
        bundled("power").build(board, tmp_path / "made", link)


def test_without_a_compiler_the_way_to_get_one_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        MissingError, match=r"no compiler for Cortex-M4; get one with `apt install gcc-arm-none-eabi` or `pip"
    ):
        compilers.find(load("mps2-an386").family)
    with pytest.raises(MissingError, match=r"for AVR ATmega328P; get one with `apt install gcc-avr avr-libc`\.$"):
        compilers.find(load("arduino-uno").family)
    with pytest.raises(UserError, match=r"^AVR ATmega328P cannot be compiled with 'zig'; use gcc\.$"):
        compilers.find(load("arduino-uno").family, "zig")


# what the ROM of a chip looks for


def crc32_of_rp2040(data: bytes) -> int:
    """Polynomial 04C11DB7, not reflected, from all ones, not inverted (RP2040 datasheet, 2.8.1.3.1)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ (0x04C11DB7 if crc >> 31 else 0)) & 0xFFFFFFFF
    return crc


@pytest.mark.parametrize("compiler", ["gcc", "zig"])
def test_rp2040_image_begins_with_a_boot_stage_of_its_own(compiler: str, tmp_path: Path) -> None:
    board = load("raspberry-pi-pico")
    content = bundled("power").build(board, tmp_path / "made", compiler=compiler).image.binary.read_bytes()
    assert crc32_of_rp2040(b"123456789") == 0x0376E6E7  # as the catalogues of CRCs have it
    assert crc32_of_rp2040(content[:252]) == int.from_bytes(content[252:256], "little")
    stack, reset = struct.unpack("<II", content[256:264])
    assert stack == board.memory.ram.end and reset % 2 == 1 and holds(board.memory.flash, reset, 2)


def test_rp2350_image_has_its_block_in_the_first_4_kib(tmp_path: Path) -> None:
    board = load("raspberry-pi-pico2")
    content = bundled("power").build(board, tmp_path / "made").image.binary.read_bytes()
    block = struct.pack("<IIIII", 0xFFFFDED3, 0x10210142, 0x1FF, 0, 0xAB123579)
    assert content.count(block) == 1 and content.index(block) % 4 == 0 and content.index(block) + len(block) <= 4096
    assert struct.unpack("<I", content[:4])[0] == board.memory.ram.end


def test_esp32_image_is_loaded_to_the_two_faces_of_one_ram(tmp_path: Path) -> None:
    program = find_program("esptool")
    if program is None:
        pytest.skip("esptool is missing: pip install 'esptool>=5,<6'")
    board = load("esp32-c3-devkit")
    made = bundled("vowels").build(board, tmp_path / "made")
    image = tmp_path / "image.bin"
    chip = [program, "--chip", "esp32c3"]
    subprocess.run([*chip, "elf2image", "--output", image, made.image.elf], check=True, capture_output=True, timeout=60)
    shown = subprocess.run([*chip, "image-info", image], check=True, capture_output=True, timeout=60, text=True).stdout
    assert "valid" in shown and "invalid" not in shown
    behind_code = board.memory.flash.end - 0x40380000 + 0x3FC80000  # the same byte, on the bus for data
    assert behind_code <= board.memory.ram.origin
    with made.image.elf.open("rb") as file:
        for segment in ELFFile(file).iter_segments("PT_LOAD"):
            assert segment["p_paddr"] == segment["p_vaddr"]  # start-up has nothing to copy
