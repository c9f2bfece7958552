"""gdb `load` and `compare-sections` against QEMU, started empty; and ways in which gdb exits with 0 all the same."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
from pathlib import Path

import pytest

from rnn_edge import flash, tools
from rnn_edge.board import load
from rnn_edge.errors import MismatchError, MissingError, RnnEdgeError, UserError
from rnn_edge.tools import Image, Step, gdb

from . import devices
from .qemu_machine import powered_on

PROGRAMS = ("gdb-multiarch", "qemu-system-arm", "qemu-system-riscv32", "arm-none-eabi-gcc", "riscv64-unknown-elf-gcc")
pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, PROGRAMS)), reason=f"needs {', '.join(PROGRAMS)}: type `make setup`"
)

ARM = ("qemu-system-arm", "arm-none-eabi-")
RISCV = ("qemu-system-riscv32", "riscv64-unknown-elf-")
RV32 = ("-march=rv32imac", "-mabi=ilp32", "-mcmodel=medany")
# Core: emulator and compiler, machine, flags, flash, RAM.
MACHINES = {
    "m0": (ARM, "microbit", ("-mcpu=cortex-m0",), 0, 0x20000000),
    "m3": (ARM, "mps2-an385", ("-mcpu=cortex-m3",), 0, 0x20000000),
    "m4": (ARM, "mps2-an386", ("-mcpu=cortex-m4",), 0, 0x20000000),
    "m7": (ARM, "mps2-an500", ("-mcpu=cortex-m7",), 0, 0x20000000),
    "m33": (ARM, "mps2-an505", ("-mcpu=cortex-m33",), 0x10000000, 0x38000000),
    "m55": (ARM, "mps3-an547", ("-mcpu=cortex-m55",), 0, 0x20000000),
    "rv32": (RISCV, "virt", RV32, 0x80000000, 0x80100000),
}
BOARD = devices.board("gdb", emulated=True)
PROVEN = ["gdb read back every section and it matched"]


def looped(folder: Path, core: str) -> Image:
    (_, prefix), _, flags, flash_origin, ram_origin = MACHINES[core]
    inside = folder / "with a blank"
    inside.mkdir(exist_ok=True)
    return devices.loop(inside, prefix, flags, flash_origin, ram_origin)


def tampered(of: Image, server: Path, command: str) -> list[Step]:
    """The step of the tool with one more gdb command, just before sections are compared."""
    (step,) = gdb.TOOL.steps(BOARD, of, str(server))
    assert isinstance(step, Step)
    at = step.argv.index("compare-sections") - 1
    return [dataclasses.replace(step, argv=(*step.argv[:at], "-ex", command, *step.argv[at:]))]


@pytest.mark.parametrize("core", MACHINES)
def test_flashed_compared_and_running(core: str, tmp_path: Path) -> None:
    (program, _), machine, *_ = MACHINES[core]
    of = looped(tmp_path, core)
    options = ("-bios", "none") if core == "rv32" else ()
    with powered_on(program, machine, *options) as server:
        assert flash.flash(of, BOARD, port=str(server)) == PROVEN
        look = ["gdb-multiarch", "-nx", "-q", "-batch", str(of.elf), "-ex", f"target remote {server}"]
        seen = subprocess.run(
            [*look, "-ex", "print *(int *) &zeros"], capture_output=True, text=True, check=True
        ).stdout
    assert int(seen.split("$1 = ")[1].split()[0]) > 0


@pytest.mark.parametrize("command", ["set var *(int *) 0x44 = 7", "set var *(int *) 0xc = 1"])
def test_a_mismatch_is_found(command: str, tmp_path: Path) -> None:
    of = looped(tmp_path, "m4")
    with (
        powered_on("qemu-system-arm", "mps2-an386") as server,
        pytest.raises(MismatchError, match=r"Section \.(text|vectors), range .*: MIS-MATCHED!"),
    ):
        tools.run(tampered(of, server, command))


def test_memory_that_is_not_there(tmp_path: Path) -> None:
    of = devices.loop(tmp_path, "arm-none-eabi-", ("-mcpu=cortex-m4",), 0x90000000, 0x20000000)
    with powered_on("qemu-system-arm", "mps2-an386") as server, pytest.raises(RnnEdgeError):
        flash.flash(of, BOARD, port=str(server))


def test_a_connection_that_is_lost(tmp_path: Path) -> None:
    """gdb then compares the file with itself."""
    with powered_on("qemu-system-arm", "mps2-an386") as server, pytest.raises(RnnEdgeError):
        tools.run(tampered(looped(tmp_path, "m4"), server, "disconnect"))


SAID = (
    "Loading section .vectors, size 0x40 lma 0x0",
    "Loading section .text, size 0xc lma 0x40",
    "Loading section .data, size 0x4 lma 0x4c",
    "Section .vectors, range 0x0 -- 0x40: matched.",
    "Section .text, range 0x40 -- 0x4c: matched.",
    "Section .data, range 0x4c -- 0x50: matched.",
    "[Inferior 1 (process 1) detached]",
)


@pytest.mark.parametrize("left_out", [None, *range(len(SAID))])
def test_nothing_that_gdb_says_may_be_missing(
    left_out: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of every section: that it was loaded (else the file may be compared with itself) and that it matched."""
    of = looped(tmp_path, "m4")
    lines = "\n".join(line for number, line in enumerate(SAID) if number != left_out)
    (tmp_path / "gdb-multiarch").write_text(f"#!/bin/sh\ncat <<'end'\n{lines}\nend\n")
    (tmp_path / "gdb-multiarch").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    if left_out is None:
        assert flash.flash(of, BOARD) == PROVEN
    else:
        with pytest.raises(RnnEdgeError, match="did not say that it worked"):
            flash.flash(of, BOARD)


@pytest.mark.parametrize("server", ["/nowhere/gdb.sock", "localhost:1"])
def test_no_server(server: str, tmp_path: Path) -> None:
    of, real = looped(tmp_path, "m4"), load("nucleo-f446re")
    with pytest.raises(MissingError, match=rf"{server}.*start the GDB server at {server}, or name another with --via"):
        flash.flash(of, real, "gdb", port=server)
    with pytest.raises(MissingError, match=rf"{server}.*the emulator has ended, start again"):
        flash.flash(of, BOARD, port=server)


def test_the_commands_of_each_kind_of_server(tmp_path: Path) -> None:
    of = looped(tmp_path, "m4")
    ends = {
        "openocd": ["monitor reset halt", "load", "compare-sections", "monitor reset run", "detach"],
        "pyocd": ["monitor reset halt", "load", "compare-sections", "monitor reset", "detach"],
        "jlink": ["monitor reset", "load", "compare-sections", "monitor reset", "monitor go", "detach"],
        "bmp": ["monitor swdp_scan", "attach 1", "load", "compare-sections", "kill"],
        "qemu": ["load", "compare-sections", "monitor system_reset", "detach"],
    }
    assert set(ends) == set(gdb.SERVERS)
    for kind, commands in ends.items():
        target = "target extended-remote" if kind == "bmp" else "target remote"
        (words,) = devices.argv(gdb.TOOL, devices.board("gdb", server="/dev/tty B", kind=kind), of)
        assert words[:5] == ["gdb-multiarch", "-nx", "-q", "-batch", "{folder}/firmware.elf"]
        assert words[5::2] == ["-ex"] * (len(commands) + 3)
        assert words[6::2] == ["set confirm off", "set tcp connect-timeout 5", f"{target} /dev/tty B", *commands]


def test_the_address_of_the_server(tmp_path: Path) -> None:
    of, real = looped(tmp_path, "m4"), devices.board("gdb", server="localhost:3333")
    assert "target remote localhost:3333" in devices.argv(gdb.TOOL, real, of)[0]
    assert "monitor reset run" in devices.argv(gdb.TOOL, real, of)[0]
    assert "target remote other:1" in devices.argv(gdb.TOOL, real, of, "other:1")[0]
    twin = devices.board("gdb", emulated=True, server="localhost:3333", kind="bmp")  # inherited from the real board
    for emulated in (BOARD, twin):
        assert "target remote gdb.sock" in devices.argv(gdb.TOOL, emulated, of)[0]
        assert "monitor system_reset" in devices.argv(gdb.TOOL, emulated, of)[0]


def test_an_unknown_kind_of_server(tmp_path: Path) -> None:
    at = devices.board("gdb", server="x", kind="lauterbach")
    with pytest.raises(UserError, match="kind` is 'lauterbach', accepted is 'qemu', .* or 'bmp': correct it"):
        gdb.TOOL.steps(at, looped(tmp_path, "m4"), None)
