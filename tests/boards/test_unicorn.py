"""A machine with nothing but PyPI packages: firmware compiled with zig answers on boards that unicorn emulates."""

from __future__ import annotations

import importlib.util
import shutil
import signal
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from rnn_edge import board, device, emulators, flash
from rnn_edge.build import Firmware
from rnn_edge.errors import LinkError, MissingError, UserError
from rnn_edge.link import Link, play
from rnn_edge.tools import Image
from rnn_edge.vectors import Command, Result, read_commands
from tests.boards.bundled import bundled

pytest.importorskip("unicorn", reason="pip install 'unicorn>=2.1.4,<3'")
pytest.importorskip("ziglang", reason="pip install 'ziglang>=0.13,<0.18'")

ONE_OF_EACH_CORE = ("qemu-microbit", "mps2-an385", "mps2-an386", "mps2-an500", "mps2-an505")
OTHER_UARTS = ("lm3s6965evb", "qemu-netduinoplus2", "qemu-stm32vldiscovery")
STEPS = 400
SECONDS = 20


@cache
def script() -> tuple[list[Command], list[Result]]:
    """The first steps of the model's vectors, as many as take about a second, with their results."""
    power = bundled("power")
    commands, results = read_commands(power.program, power.artifacts.vectors)
    ends = np.cumsum([command.steps for command in commands])
    commands = commands[: int(np.searchsorted(ends, STEPS)) + 1]
    return commands, results[: sum(command.x is not None for command in commands)]


def build(on: str, folder: Path, compiler: str | None = None) -> Firmware:
    return bundled("power").build(board.load(on), folder / "firmware", compiler=compiler)


def played(link: Link) -> list[Result]:
    commands, _ = script()
    return play(link, bundled("power").program, commands)


@pytest.fixture
def only_pypi(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert shutil.which("arm-none-eabi-gcc") is None and shutil.which("qemu-system-arm") is None


def differing(results: list[Result], expected: list[Result]) -> int:
    assert len(results) == len(expected)
    return sum(not np.array_equal(*pair) for pair in zip(results, expected, strict=True))


@pytest.mark.usefixtures("only_pypi")
@pytest.mark.parametrize("on", [*ONE_OF_EACH_CORE, *OTHER_UARTS])
def test_power_runs_where_pip_installs_all(on: str, tmp_path: Path) -> None:
    commands, results = script()
    assert sum(command.steps for command in commands) >= STEPS
    firmware = build(on, tmp_path)
    assert firmware.compiler.startswith("zig")
    at = board.load(on)
    program_hash = bundled("power").program.hash
    with device.flashed(firmware.image, program_hash, at, device.Way()) as running:
        info, link = running.info, running.link
        assert (info.model, info.core, info.program_hash) == ("power", at.family.core, program_hash)
        assert info.tables_ok and info.self_test_ok
        assert differing(played(link), results) == 0
        assert link.cycles() == (0, at.clock.hz)  # it has no cycle counter
        used, size = link.stack()
        assert 100 < used < size


@pytest.mark.parametrize("on", ONE_OF_EACH_CORE)
def test_zig_and_gcc_give_the_same_answers(on: str, tmp_path: Path) -> None:
    answers = []
    for compiler in ("gcc", "zig"):
        firmware = build(on, tmp_path / compiler, compiler)
        with device.flashed(firmware.image, bundled("power").program.hash, board.load(on), device.Way("unicorn")) as at:
            assert at.link.cycles()[0] == 0  # not QEMU
            answers.append([*played(at.link), np.array(at.link.self_test())])
    assert differing(*answers) == 0


def test_zig_leaves_nothing_behind_and_needs_no_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    images = []
    for name in ("HOME", "XDG_CACHE_HOME"):
        images.append(build("mps2-an385", tmp_path, "zig").image.elf.read_bytes())
        monkeypatch.delenv(name, raising=False)
    assert images[0] == images[1]
    assert not list(here.iterdir())


def test_the_fault_of_a_program_reaches_the_host(tmp_path: Path) -> None:
    """Its stack is where the other board has memory."""
    image = build("mps2-an385", tmp_path, "zig").image
    said = "The emulator said: The program on the emulated qemu-microbit writes to 0x203ffff"
    with (
        pytest.raises(LinkError, match=said),
        emulators.emulator(board.load("qemu-microbit"), image, "unicorn") as emulated,
        Link(emulated.open()) as link,
    ):
        link.info()


@pytest.mark.usefixtures("only_pypi")
@pytest.mark.parametrize(
    ("on", "tool", "message"),
    [
        ("mps2-an385", "unicorn", "^unicorn is not installed; get it with `pip install 'unicorn"),
        ("mps2-an385", None, "^qemu-system-arm is not installed; get it with `apt install qemu-system-arm`.$"),
        ("mps3-an547", None, "^qemu-system-arm is not installed; get it with `apt install qemu-system-arm`.$"),
    ],
)
def test_without_unicorn(on: str, tool: str | None, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    image = Image(Path("no.elf"), Path("no.bin"), Path("no.hex"))
    with pytest.raises(MissingError, match=message), emulators.emulator(board.load(on), image, tool):
        pass


@pytest.mark.usefixtures("only_pypi")
def test_without_any_tool_every_way_to_get_one_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    said = (
        r"flashed with gdb or qemu or unicorn, .*`apt install qemu-system-arm` or `pip install 'unicorn>=2.1.4,<3'`\.$"
    )
    with pytest.raises(MissingError, match=said):
        flash.choose(board.load("mps2-an385"))


@pytest.mark.usefixtures("only_pypi")
def test_an_empty_machine_for_gdb_needs_qemu() -> None:
    with pytest.raises(MissingError, match="qemu-system-arm"), emulators.emulator(board.load("mps2-an385"), None):
        pass


PARENT = """
import sys, time
from rnn_edge import board, emulators
from rnn_edge.tools import Image
from pathlib import Path
elf = Path(sys.argv[1])
with emulators.emulator(board.load("mps2-an385"), Image(elf, elf, elf), "unicorn") as emulated:
    print(emulated._process.pid, flush=True)
    time.sleep(60)
"""


def test_the_emulator_ends_with_its_parent(tmp_path: Path) -> None:
    elf = build("mps2-an385", tmp_path, "zig").image.elf
    # nobody has connected: what ends it is no closed connection
    with subprocess.Popen([sys.executable, "-c", PARENT, str(elf)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        emulator = int(parent.stdout.readline())
        assert is_running(emulator)
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + SECONDS
    while is_running(emulator) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_running(emulator)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_the_tool_says_what_is_started(tmp_path: Path) -> None:
    image = Image(tmp_path / "a.elf", tmp_path / "a.bin", tmp_path / "a.hex")
    for path in (image.elf, image.binary, image.hex):
        path.touch()
    at = board.load("mps2-an385")
    assert flash.dry_run(image, at, "unicorn") == [f"# start unicorn as mps2-an385 with {image.elf}"]
    with pytest.raises(UserError, match="mps3-an547 is not flashed with 'unicorn'"):
        flash.dry_run(image, board.load("mps3-an547"), "unicorn")
