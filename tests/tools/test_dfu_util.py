"""dfu-util needs a USB device, and there is none: a double of the program itself plays write and read back.

So this proves that our two command lines fit together, and the comparison; that dfu-util takes them is only known as
far as its real search for a device.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from rnn_edge import flash
from rnn_edge.errors import MismatchError, MissingError, RnnEdgeError

from . import devices

BOARD = devices.board("dfu-util")
# The chip is a file beside it. Like dfu-util it will not overwrite a file, and exits with 74 without a device.
DOUBLE = """#!{python}
import pathlib, sys
at, of = pathlib.Path(__file__).with_name("chip"), sys.argv
if "-D" in of:
    at.write_bytes(pathlib.Path(of[of.index("-D") + 1]).read_bytes())
    print("File downloaded successfully")
else:
    address, size, leave = of[of.index("-s") + 1].split(":")
    assert leave == "leave"
    data = bytearray(at.read_bytes()[: int(size)])
    {fault}
    open(of[of.index("-U") + 1], "xb").write(data)
"""


def write(monkeypatch: pytest.MonkeyPatch, folder: Path, fault: str = "") -> list[str]:
    program = folder / "dfu-util"
    program.write_text(DOUBLE.format(python=sys.executable, fault=fault))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return flash.flash(devices.image(folder), BOARD)


def test_read_back_and_compared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for _ in range(2):
        assert write(monkeypatch, tmp_path) == ["dfu-util read the flash back and every byte was the same"]
        assert not (tmp_path / "firmware.readback.bin").exists()


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("data[5] ^= 1", "read back 0x07 at offset 0x5, not 0x06"),
        ("del data[100:]", "read back 100 bytes, not 199"),
    ],
)
def test_a_mismatch_is_found(fault: str, message: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(MismatchError, match=message):
        write(monkeypatch, tmp_path, fault)
    assert not (tmp_path / "firmware.readback.bin").exists()


def test_a_read_back_that_fails_leaves_no_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(RnnEdgeError, match="cable was pulled"):
        write(monkeypatch, tmp_path, "open(of[of.index('-U') + 1], 'wb'); sys.exit('error: the cable was pulled')")
    assert not (tmp_path / "firmware.readback.bin").exists()


@pytest.mark.skipif(not shutil.which("dfu-util"), reason="needs dfu-util: apt install dfu-util")
def test_no_device(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="No DFU capable USB device available; set BOOT0 high"):
        flash.flash(devices.image(tmp_path), devices.board("dfu-util", vid_pid="0001:0002"))
