"""OpenOCD and pyOCD where no debug probe is connected: what they accept, and what the user reads then."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

from rnn_edge import flash, tools
from rnn_edge.board import all_boards
from rnn_edge.errors import MissingError, RnnEdgeError
from rnn_edge.tools import Step, find_program

from . import devices

needs_openocd = pytest.mark.skipif(not shutil.which("openocd"), reason="needs openocd: apt install openocd")
needs_pyocd = pytest.mark.skipif(not find_program("pyocd"), reason="needs pyocd: pip install 'pyocd>=0.36,<1'")
REAL = {name: board for name, board in all_boards().items() if not board.emulated}
LATER = {"raspberry-pi-pico2"}  # its file is not in OpenOCD 0.12
AT_ONCE = {"hifive1"}  # its file looks for the probe before the last command


@needs_openocd
@pytest.mark.parametrize(
    "name",
    sorted(name for name, board in REAL.items() if "openocd" in board.flash_tool.tools and name not in LATER | AT_ONCE),
)
def test_openocd_takes_the_files_of_every_board(name: str, tmp_path: Path) -> None:
    """All but the last command, which would need the probe."""
    (step,) = tools.all_tools()["openocd"].steps(REAL[name], devices.image(tmp_path), None)
    assert isinstance(step, Step)
    assert step.argv[-2] == "-c"
    tools.run([dataclasses.replace(step, argv=(*step.argv[:-1], "shutdown"), expect=())])


@needs_openocd
def test_openocd_without_a_probe(tmp_path: Path) -> None:
    at = devices.board("openocd", interface="cmsis-dap", target="nrf51")
    with pytest.raises(
        MissingError, match="unable to find a matching CMSIS-DAP device; connect the board's debug probe"
    ):
        flash.flash(devices.image(tmp_path), at)


@needs_openocd
@pytest.mark.parametrize("name", sorted(AT_ONCE))
def test_openocd_without_the_probe_of_a_board(name: str, tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="no device found; connect the board's debug probe"):
        flash.flash(devices.image(tmp_path), REAL[name], "openocd")


@needs_openocd
def test_openocd_without_such_a_target(tmp_path: Path) -> None:
    at = devices.board("openocd", interface="cmsis-dap", target="nrf99")
    with pytest.raises(RnnEdgeError, match="Can't find target/nrf99.cfg") as error:
        flash.flash(devices.image(tmp_path), at)
    assert type(error.value) is RnnEdgeError


@needs_pyocd
def test_pyocd_without_a_probe(tmp_path: Path) -> None:
    at = devices.board("pyocd", target="nrf51")
    with pytest.raises(MissingError, match=r"^pyocd failed with exit code 1: error: no debug probe 0f00 was found"):
        flash.flash(devices.image(tmp_path), at, port="0f00")


@needs_pyocd
def test_pyocd_without_its_server(tmp_path: Path) -> None:
    at = devices.board("pyocd", target="nrf51")
    with pytest.raises(MissingError, match="Connection refused"):
        flash.flash(devices.image(tmp_path), at, port="remote:localhost:1")
