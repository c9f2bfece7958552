"""OpenOCD and pyOCD flash a simulated nRF51822 as users have them do it: our command lines, their flash algorithms.

The algorithms run on QEMU's Cortex-M0 and drive its flash controller; then the firmware boots from that flash and
computes.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from rnn_edge import board, link, tools, vectors
from rnn_edge.board import Board, FlashTool
from rnn_edge.build import build
from rnn_edge.errors import MismatchError, RnnEdgeError
from rnn_edge.flash import flash
from rnn_edge.ir.interpret import InterpreterSession
from rnn_edge.ir.program import Program
from rnn_edge.link import Link
from rnn_edge.link.transports import SocketTransport
from rnn_edge.tools import Image, Step
from tests.c.builds import export, script
from tests.networks import golden_program

from . import pyocd_remote, remote_bitbang
from .debug_port import CoreDebug, DebugPort
from .qemu_target import ERASED, NVMC_CONFIG, QemuTarget, qemu_target

NEEDED = ("qemu-system-arm", "arm-none-eabi-gcc", "openocd", "pyocd")
MISSING = [program for program in NEEDED if tools.find_program(program) is None]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")

Serve = Callable[[socket.socket, DebugPort], None]
SERVE: dict[str, Serve] = {"openocd": remote_bitbang.serve, "pyocd": pyocd_remote.serve}
every_tool = pytest.mark.parametrize("name", SERVE)


@pytest.fixture(scope="module")
def program() -> Program:
    return golden_program()


@pytest.fixture(scope="module")
def image(program: Program, tmp_path_factory: pytest.TempPathFactory) -> Image:
    folder = tmp_path_factory.mktemp("firmware")
    return build(program, export(program, folder), board.load("microbit-v1"), folder / "firmware").image


@pytest.fixture(autouse=True)
def no_process_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("OPENOCD_SCRIPTS", str(Path(__file__).parent / "openocd_scripts"))
    before = children()
    yield
    assert children() == before


def children() -> set[str]:
    found: set[str] = set()
    for task in Path("/proc/self/task").iterdir():
        with suppress(OSError):  # a thread that ends just now
            found.update((task / "children").read_text().split())
    return found


@contextmanager
def chip(name: str, core_debug: Callable[[QemuTarget], CoreDebug] = CoreDebug) -> Iterator[tuple[QemuTarget, int]]:
    """A chip and the TCP port at which its debug port waits for a tool."""
    with qemu_target() as target, socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)
        port = DebugPort(core_debug(target))

        def serve() -> None:
            connection, _ = listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with connection, suppress(ConnectionAbortedError):
                SERVE[name](connection, port)

        server = threading.Thread(target=serve)
        server.start()
        try:
            yield target, listener.getsockname()[1]
        finally:
            server.join()


def microbit(name: str, port: int) -> Board:
    """The board as users have it, but for the probe."""
    probes: dict[str, dict[str, object]] = {
        "openocd": {"interface": "debug_port", "config": [f"remote_bitbang port {port}"]},
        "pyocd": {"probe": f"remote:127.0.0.1:{port}"},
    }
    real = board.load("microbit-v1")
    flash_tool = {"tools": [name], name: real.flash_tool.options(name) | probes[name]}
    return real.model_copy(update={"flash_tool": FlashTool.model_validate(flash_tool)})


def test_flash_is_written_by_its_controller_only() -> None:
    with qemu_target() as target:
        assert target.locked_up
        target.write(0, 0x12345678, 4)
        assert target.read(0, 4) == ERASED
        target.write(NVMC_CONFIG, 1, 4)
        target.write(0, 0x12345678, 4)
        assert target.read(0, 4) == 0x12345678


def banner(uart: SocketTransport) -> bytes:
    """What the firmware says first, up to its zero byte."""
    said = b""
    while b"\0" not in said:
        part = uart.read(5)
        assert part, f"only {said!r} came"
        said += part
    return said


@every_tool
def test_firmware_is_flashed_and_boots(name: str, program: Program, image: Image) -> None:
    with chip(name) as (target, port), closing(SocketTransport(target.uart)) as uart:
        flash(image, microbit(name, port))
        assert target.read_block(0, image.binary.stat().st_size) == image.binary.read_bytes()
        assert b"tables ok self-test ok" in banner(uart)
        commands = script(program)
        for found, expected in zip(
            link.play(Link(uart), program, commands),
            vectors.play(InterpreterSession(program), program, commands),
            strict=True,
        ):
            assert np.array_equal(found, expected)


class Disturbed(CoreDebug):
    """Something happens as one word, in the middle of the firmware, is on its way to the chip."""

    def __init__(self, happens: Callable[[QemuTarget], int], image: Image, target: QemuTarget) -> None:
        super().__init__(target)
        words = np.frombuffer(image.binary.read_bytes(), dtype="<u4").tolist()
        self._word = next(word for word in words[len(words) // 2 :] if words.count(word) == 1)
        self._happens = happens

    def write(self, address: int, value: int, size: int) -> None:
        flipped = self._happens(self.target) if value == self._word else 0
        super().write(address, value ^ flipped, size)


def a_bit_flips(target: QemuTarget) -> int:
    return 1


def the_board_goes_away(target: QemuTarget) -> int:
    target.kill()
    return 0


def the_probe_goes_away(target: QemuTarget) -> int:
    raise ConnectionAbortedError


@every_tool
def test_a_wrong_bit_in_flash_is_found(name: str, image: Image) -> None:
    with chip(name, partial(Disturbed, a_bit_flips, image)) as (_, port), pytest.raises(MismatchError):
        flash(image, microbit(name, port))


@every_tool
def test_a_board_that_goes_away_is_an_error(name: str, image: Image) -> None:
    with chip(name, partial(Disturbed, the_board_goes_away, image)) as (_, port), pytest.raises(RnnEdgeError):
        flash(image, microbit(name, port))


@every_tool
def test_a_tool_that_hangs_without_its_probe_is_ended(name: str, image: Image) -> None:
    with chip(name, partial(Disturbed, the_probe_goes_away, image)) as (_, port), pytest.raises(RnnEdgeError):
        steps = tools.all_tools()[name].steps(microbit(name, port), image, None)
        tools.run(replace(step, timeout=3) for step in steps if isinstance(step, Step))
