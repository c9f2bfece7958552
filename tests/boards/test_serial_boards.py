"""Real boards, as far as that goes without one: whatever may answer at a serial port, in `verify` and `monitor`."""

from __future__ import annotations

import re

import pytest
import serial

from rnn_edge import emulators
from rnn_edge.board import load
from rnn_edge.link import Transport
from rnn_edge.tools import Image
from tests.boards.bundled import bundled
from tests.boards.command_line import CommandLine
from tests.boards.serial_line import Leaving, Silent, serial_port
from tests.fake_device import FakeDevice
from tests.networks import GRU, program

BOARD = "nucleo-f446re"
CORE = load(BOARD).family.core
EMULATED = "mps2-an386"  # of the same core

POWER = bundled("power").program
OTHER = program(GRU)
FEW = 1000  # lines of vectors
UNPLUGGED = "The board's end of the link is closed"


def verified(rnn_edge: CommandLine, device: Transport, code: int = 1) -> str:
    """The table of a verification with the first vectors."""
    few = rnn_edge.folder / "few.txt"
    few.write_text("".join(bundled("power").artifacts.vectors.read_text().splitlines(keepends=True)[:FEW]))
    with serial_port(device) as port:
        return rnn_edge.run("verify", "power", "--board", BOARD, "--port", port, "--vectors", few, code=code)


def monitored(rnn_edge: CommandLine, device: Transport, code: int) -> str:
    with serial_port(device) as port:
        return rnn_edge.refused("monitor", "--board", BOARD, "--port", port, sent="1\n2\n3\n", code=code)


def test_a_board_that_computes_what_it_should(rnn_edge: CommandLine) -> None:
    """The firmware of another board of the same core, in QEMU."""
    rnn_edge.run("build", "power", "--board", EMULATED)
    made = rnn_edge.folder / "build" / "power" / "boards" / EMULATED
    image = Image(*(made / f"firmware.{suffix}" for suffix in ("elf", "bin", "hex")))
    with emulators.emulator(load(EMULATED), image, "qemu") as emulated:
        transport = emulated.open()
        table = verified(rnn_edge, transport, code=0)
        transport.close()
    assert re.search(rf"^{BOARD} +as flashed +exact +[\d.]+( k)? +0 +0 ", table, re.MULTILINE)
    assert re.search(rf"^{BOARD}: stack \d+ of [\d,]+ bytes$", table, re.MULTILINE)


DEVICES: dict[str, tuple[Transport, str, int]] = {
    "another core": (FakeDevice(POWER, core="Cortex-M0"), f"The board that answered has a Cortex-M0, but {BOARD}", 2),
    "damaged tables": (FakeDevice(POWER, core=CORE, flags=2), f"The tables in the flash of {BOARD} are damaged", 1),
    "wrong self-test": (FakeDevice(POWER, core=CORE, flags=1), f"The built-in vectors came out wrong on {BOARD}", 1),
    "silence": (Silent(), "The board gave no answer within 5 s", 3),
    "unplugged": (Leaving(FakeDevice(POWER, core=CORE), 4), UNPLUGGED, 3),
}


@pytest.mark.parametrize("case", DEVICES)
def test_a_board_that_cannot_be_monitored(case: str, rnn_edge: CommandLine) -> None:
    device, said, code = DEVICES[case]
    assert said in monitored(rnn_edge, device, code)


def test_a_board_that_nobody_has_named(rnn_edge: CommandLine) -> None:
    with serial_port(FakeDevice(POWER, core="none of ours")) as port:
        assert "on none of ours" in rnn_edge.run("monitor", "--port", port, sent="1\n2\n3\n")
    assert "add --board or --port" in rnn_edge.refused("monitor")


@pytest.mark.parametrize("case", ["another core", "damaged tables"])
def test_a_board_that_cannot_be_verified(case: str, rnn_edge: CommandLine) -> None:
    device, said, _ = DEVICES[case]
    table = verified(rnn_edge, device)
    assert re.search(rf"^{BOARD} .* failed ", table, re.MULTILINE)
    assert said.removeprefix(f"{BOARD} ") in table and "0 of 1 exact runtimes" in table


def test_a_board_that_is_unplugged_while_it_is_verified(rnn_edge: CommandLine) -> None:
    assert UNPLUGGED in verified(rnn_edge, Leaving(FakeDevice(POWER, core=CORE), 60))


def test_another_program(rnn_edge: CommandLine) -> None:
    device = FakeDevice(OTHER, core=CORE)
    assert f"runs program {OTHER.hash[:12]} of net, not {POWER.hash[:12]}" in verified(rnn_edge, device)
    sentence = monitored(rnn_edge, device, 2)
    assert f"The board runs program {OTHER.hash[:12]} of net, which is not in build/net" in sentence


def test_a_port_in_use(rnn_edge: CommandLine) -> None:
    with serial_port(Silent()) as port, serial.Serial(port, exclusive=True):
        sentence = rnn_edge.refused("monitor", "--board", BOARD, "--port", port)
        assert sentence == f"rnn-edge: Another program has {port} open; close it.\n"
