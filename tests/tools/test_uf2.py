"""UF2: the file block by block, and the drive it is copied to (a folder: all that a mounted drive is to a program)."""

from __future__ import annotations

import os
import struct
import sys
from pathlib import Path

import pytest

from rnn_edge import flash
from rnn_edge.errors import MismatchError, MissingError, UserError
from rnn_edge.tools import uf2, uf2_file
from rnn_edge.tools.uf2_file import Contents

from . import devices

RP2040 = 0xE48BFF56
PICO = devices.board("uf2", origin=0x10000000, family=RP2040, board_id="RPI-RP2")
NOT_PROVEN = ["the drive took the file; its flash cannot be read back (no CURRENT.UF2), so the board has to answer"]


def drive(folder: Path, board_id: str = "RPI-RP2") -> Path:
    folder.mkdir()
    (folder / "INFO_UF2.TXT").write_text(f"UF2 Bootloader v3.0\r\nModel: Raspberry Pi RP2\r\nBoard-ID: {board_id}\r\n")
    return folder


@pytest.fixture(autouse=True)
def mounted(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    folders: list[Path] = []
    monkeypatch.setattr(uf2, "mounted_folders", lambda: folders)
    monkeypatch.setattr(uf2, "SETTLE_SECONDS", 0.2)
    return folders


@pytest.mark.parametrize(("size", "blocks"), [(1, 1), (256, 1), (257, 2), (5000, 20)])
def test_blocks_are_as_the_standard_says(size: int, blocks: int) -> None:
    data = os.urandom(size)
    made = uf2_file.write(Contents(0x10000000, data, RP2040))
    assert len(made) == 512 * blocks
    for number in range(blocks):
        block = made[512 * number : 512 * (number + 1)]
        assert block[:8] == b"UF2\n\x57\x51\x5d\x9e"
        assert block[-4:] == b"\x30\x6f\xb1\x0a"
        words = struct.unpack_from("<6I", block, 8)
        assert words == (0x2000, 0x10000000 + 256 * number, 256, number, blocks, RP2040)
        assert block[32:288] == data[256 * number : 256 * (number + 1)].ljust(256, b"\0")
    assert uf2_file.read(made) == Contents(0x10000000, data + bytes(-size % 256), RP2040)


@pytest.mark.parametrize("at", [0, 4, 8, 12, 16, 20, 24, 28, 508])
def test_a_damaged_word_is_found(at: int) -> None:
    made = bytearray(uf2_file.write(Contents(0, bytes(3 * 256), RP2040)))
    made[512 + at] ^= 0x10
    with pytest.raises(UserError, match="Block 1 of the UF2 file is damaged"):
        uf2_file.read(bytes(made))


@pytest.mark.parametrize("cut", [0, 1, 511, 513])
def test_a_cut_file_is_found(cut: int) -> None:
    with pytest.raises(UserError, match="blocks of 512 bytes"):
        uf2_file.read(uf2_file.write(Contents(0, bytes(600), RP2040))[:cut])


def test_a_missing_block_is_found() -> None:
    with pytest.raises(UserError, match="Block 0"):
        uf2_file.read(uf2_file.write(Contents(0, bytes(600), RP2040))[:512])


@pytest.mark.parametrize("contents", [Contents(0x10000004, b"x", RP2040), Contents(0x10000000, b"", RP2040)])
def test_what_cannot_be_written(contents: Contents) -> None:
    with pytest.raises(UserError, match="multiple of 256"):
        uf2_file.write(contents)


def test_copied_to_the_drive_of_the_board(mounted: list[Path], tmp_path: Path) -> None:
    mounted += [drive(tmp_path / "samd", "SAMD51J19A-v0"), tmp_path / "not there", drive(tmp_path / "my pico")]
    of = devices.image(tmp_path, os.urandom(1000))
    assert flash.flash(of, PICO) == NOT_PROVEN
    assert (tmp_path / "my pico" / "firmware.uf2").read_bytes() == of.binary.with_suffix(".uf2").read_bytes()
    copied = uf2_file.read((tmp_path / "my pico" / "firmware.uf2").read_bytes())
    assert copied == Contents(0x10000000, of.binary.read_bytes() + bytes(24), RP2040)
    assert not (tmp_path / "samd" / "firmware.uf2").exists()


def test_a_drive_that_shows_its_flash_is_compared(tmp_path: Path) -> None:
    at, of = drive(tmp_path / "pico"), devices.image(tmp_path, os.urandom(1000))
    before, behind = os.urandom(512), os.urandom(2048)
    whole = before + of.binary.read_bytes() + bytes(24) + behind
    (at / "CURRENT.UF2").write_bytes(uf2_file.write(Contents(0x10000000 - 512, whole, RP2040)))
    assert flash.flash(of, PICO, port=str(at)) == ["CURRENT.UF2 of the drive has the bytes that were copied"]
    for other in (whole[:-2048], whole[1:] + b"x", whole[:600]):
        (at / "CURRENT.UF2").write_bytes(uf2_file.write(Contents(0x10000000 - 512, other, RP2040)))
        if other == whole[:-2048]:
            assert flash.flash(of, PICO, port=str(at))
        else:
            with pytest.raises(MismatchError, match="other bytes"):
                flash.flash(of, PICO, port=str(at))


def test_a_drive_that_shows_something_else(tmp_path: Path) -> None:
    at = drive(tmp_path / "pico")
    (at / "CURRENT.UF2").write_bytes(b"not of this format")
    assert flash.flash(devices.image(tmp_path), PICO, port=str(at)) == NOT_PROVEN


def test_no_drive(mounted: list[Path], tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"Board-ID RPI-RP2 \(no drive of a boot loader was seen\); hold BOOTSEL"):
        flash.flash(devices.image(tmp_path), PICO)
    mounted.append(drive(tmp_path / "samd", "SAMD51J19A-v0"))
    with pytest.raises(MissingError, match=r"samd is SAMD51J19A-v0\); hold BOOTSEL"):
        flash.flash(devices.image(tmp_path), PICO)


def test_two_drives_are_listed_not_guessed(mounted: list[Path], tmp_path: Path) -> None:
    mounted += [drive(tmp_path / "a"), drive(tmp_path / "b")]
    with pytest.raises(UserError, match=r"\(.*/a, .*/b\); name one with --via"):
        flash.flash(devices.image(tmp_path), PICO)
    assert flash.flash(devices.image(tmp_path), PICO, port=str(tmp_path / "b")) == NOT_PROVEN
    assert not (tmp_path / "a" / "firmware.uf2").exists()


def test_a_folder_that_is_no_such_drive(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="has no INFO_UF2.TXT with Board-ID RPI-RP2"):
        flash.flash(devices.image(tmp_path), PICO, port=str(tmp_path))
    with pytest.raises(MissingError, match="is SAMD51J19A-v0"):
        flash.flash(devices.image(tmp_path), PICO, port=str(drive(tmp_path / "samd", "SAMD51J19A-v0")))


def test_a_drive_that_cannot_be_written(tmp_path: Path) -> None:
    at = drive(tmp_path / "pico")
    (at / "firmware.uf2").mkdir()
    with pytest.raises(MissingError, match=r"firmware\.uf2 could not be written"):
        flash.flash(devices.image(tmp_path), PICO, port=str(at))


def test_mounted_drives_are_those_of_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(sys, "platform", "linux")
    mounts = "/dev/sda1 / ext4 rw 0 0\n/dev/sdb1 /media/me/RPI\\040RP2 vfat rw 0 0\nserver:/home /home nfs rw 0 0\n"
    monkeypatch.setattr(Path, "read_text", lambda path: mounts)
    assert uf2.mounted_folders() == [Path("/media/me/RPI RP2")]
