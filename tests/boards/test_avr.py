"""Arduino Uno and Mega in simavr: flashed by avrdude through their own bootloaders, then asked over the link."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from intelhex import IntelHex

from rnn_edge import board, emulators, flash, link, tools
from rnn_edge.board import Board, FlashTool
from rnn_edge.build import Firmware, build
from rnn_edge.emulators import simavr
from rnn_edge.errors import FitError, MissingError, RnnEdgeError, UserError
from rnn_edge.export import export
from rnn_edge.ir.interpret import InterpreterSession
from rnn_edge.ir.program import Program
from rnn_edge.link.frames import Frame, Request, Status
from rnn_edge.paths import Artifacts
from rnn_edge.source import open_source
from rnn_edge.tools import Image, Step, all_tools
from rnn_edge.vectors import play, read_commands
from tests.c.builds import export as export_c
from tests.c.builds import script
from tests.networks import Network
from tests.networks import program as network

from .avr import MEGA, NEEDS, UNO, Terminal

BOARDS = pytest.mark.parametrize("at", [UNO, MEGA], ids=lambda at: at.id)


@pytest.fixture(scope="module")
def power(tmp_path_factory: pytest.TempPathFactory) -> tuple[Program, Artifacts]:
    return _exported("power", tmp_path_factory.mktemp("power"))


def _exported(name: str, folder: Path) -> tuple[Program, Artifacts]:
    artifacts = Artifacts(folder / name, name)
    return export(open_source(name, artifacts, None), artifacts, formats=("c",)).program, artifacts


@pytest.fixture(scope="module")
def firmwares(power: tuple[Program, Artifacts], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Firmware]:
    folder = tmp_path_factory.mktemp("firmware")
    return {at.id: build(*power, at, folder / at.id) for at in (UNO, MEGA)}


# the firmware in the flash at start


@NEEDS
@BOARDS
def test_what_a_board_says(at: Board, power: tuple[Program, Artifacts], firmwares: dict[str, Firmware]) -> None:
    program, artifacts = power
    commands, expected = read_commands(program, artifacts.vectors)
    commands = commands[:500]
    with emulators.emulator(at, firmwares[at.id].image) as emulated, link.Link(emulated.open()) as board_:
        info = board_.info()
        assert (info.program_hash, info.core) == (program.hash, at.family.core)
        assert info.tables_ok and info.self_test_ok and board_.self_test() == (True, 8)
        found = link.play(board_, program, commands)
        differing = sum(a.tolist() != b.tolist() for a, b in zip(found, expected, strict=False))
        assert (differing, len(found) > 400) == (0, True)
        cycles, clock = board_.cycles()
        assert clock == 16_000_000 and cycles > 30_000
        used, size = board_.stack()
        assert 100 < used < firmwares[at.id].footprint.ram["stack"] < size


BANNER = rb"rnn_edge \S+ model power program [0-9a-f]{12} core AVR \S+ tables ok self-test ok \(8 steps\)\r\n"
NO_FRAME = b"\0\2\0"  # answered with a frame that nobody reads


@NEEDS
@BOARDS
def test_opening_the_port_resets_the_board(at: Board, firmwares: dict[str, Firmware]) -> None:
    """At once after another: what the board sends until it is reset comes before the banner, as on a real one."""
    with simavr.machine(at, firmwares[at.id].image) as machine:
        for _ in range(10):
            terminal = Terminal(machine.uart)
            assert re.search(BANNER + rb"\Z", terminal.until(b"\r\n"))
            assert terminal.until(b"\0") == b"\0"
            terminal.write(NO_FRAME)
            terminal.close()


@NEEDS
@BOARDS
def test_what_one_host_has_not_read_is_not_for_the_next(at: Board, firmwares: dict[str, Firmware]) -> None:
    with simavr.machine(at, firmwares[at.id].image) as machine:
        for _ in range(2):
            terminal = Terminal(machine.uart)
            assert re.fullmatch(rb"\0?" + BANNER, terminal.until(b"\r\n"))
            assert terminal.until(b"\0") == b"\0"
            terminal.write(NO_FRAME)
            time.sleep(0.5)  # the board answers
            terminal.close()
            time.sleep(1.0)  # it is seen to be closed


@NEEDS
def test_bytes_that_come_while_a_step_runs_are_not_lost(firmwares: dict[str, Firmware]) -> None:
    """Two requests at once, the second within the ring that the UART's interrupt fills."""
    step = Frame(200, Request.STEP, bytes([0, 1])).to_wire()
    info = Frame(201, Request.INFO, b"").to_wire()
    with emulators.emulator(UNO, firmwares[UNO.id].image) as emulated:
        transport = emulated.open()
        received, deadline = b"", time.monotonic() + 10
        while not received.endswith(b"\r\n\0") and time.monotonic() < deadline:
            received += transport.read(1)
        transport.write(step + info)
        received = b""
        while received.count(b"\0") < 4 and time.monotonic() < deadline:
            received += transport.read(1)
        transport.close()
    answers = [Frame.from_wire(coded) for coded in received.split(b"\0") if coded]
    assert [(answer.sequence, answer.payload[0]) for answer in answers] == [(200, Status.OK), (201, Status.OK)]


@NEEDS
def test_tables_take_no_ram(firmwares: dict[str, Firmware]) -> None:
    footprint = firmwares[UNO.id].footprint
    assert set(footprint.ram) <= {"harness", "state", "stack", "rest"}
    assert footprint.ram.get("rest", 0) == 0
    assert footprint.flash_bytes < 10_000 and footprint.ram_bytes < 1_300


@NEEDS
def test_vowels_fits_the_uno(tmp_path: Path) -> None:
    program, artifacts = _exported("vowels", tmp_path)
    made = build(program, artifacts, UNO, tmp_path / "firmware")
    commands, expected = read_commands(program, artifacts.vectors)
    with emulators.emulator(UNO, made.image) as emulated, link.Link(emulated.open()) as board_:
        found = link.play(board_, program, commands[:40])
    assert len(found) > 20
    assert all(a.tolist() == b.tolist() for a, b in zip(found, expected, strict=False))


@NEEDS
@pytest.mark.parametrize(
    ("units", "sentence"),
    [
        (
            (128,),
            r"^net does not fit on .*: its table net_lstm0_gh_weight has 65,536 bytes, a table on AVR ATmega2560 has "
            r"32,767 at most; take fewer units or a board with another core\.$",
        ),
        (
            (80, 60),
            r"^net does not fit on .*: its tables end at 71,\d\d\d bytes of flash, AVR ATmega2560 reads them from the "
            r"first 65,536; take fewer units or a board with another core\.$",
        ),
    ],
)
def test_tables_that_pointers_do_not_reach_are_refused(units: tuple[int, ...], sentence: str, tmp_path: Path) -> None:
    made = network(Network(("lstm",) * len(units), units, inputs=4))
    with pytest.raises(FitError, match=sentence):
        build(made, export_c(made, tmp_path / "net"), MEGA, tmp_path / "made")


@NEEDS
def test_the_last_tables_that_pointers_reach(tmp_path: Path) -> None:
    """Two layers, one of them with a table of nearly 32 KiB, both together nearly 64 KiB."""
    made = network(Network(("lstm", "lstm"), (90, 41), inputs=3))
    firmware = build(made, export_c(made, tmp_path / "net"), MEGA, tmp_path / "made")
    assert 63_000 < firmware.footprint.flash["weights"] < 65_536
    commands = script(made)
    with emulators.emulator(MEGA, firmware.image) as emulated, link.Link(emulated.open()) as board_:
        found = link.play(board_, made, commands)
        assert board_.info().tables_ok and board_.info().self_test_ok
    expected = play(InterpreterSession(made), made, commands)
    assert [result.tolist() for result in found] == [result.tolist() for result in expected]


# flashing


@NEEDS
@BOARDS
def test_avrdude_through_the_bootloader(
    at: Board, power: tuple[Program, Artifacts], firmwares: dict[str, Firmware]
) -> None:
    image = firmwares[at.id].image
    with emulators.emulator(at, None) as emulated:
        assert flash.flash(image, at, "avrdude", str(emulated.uart)) == [
            "avrdude read the flash back and every byte was the same"
        ]
        with link.Link(emulated.open()) as board_:
            assert board_.info().program_hash == power[0].hash
            assert board_.self_test() == (True, 8)


@NEEDS
@BOARDS
def test_the_flash_holds_the_firmware_and_the_bootloader(at: Board, firmwares: dict[str, Firmware]) -> None:
    image = firmwares[at.id].image
    content = IntelHex(str(image.hex)).tobinstr()
    with simavr.machine(at, None) as machine:
        empty = machine.flash.read_bytes()
        room = at.memory.flash.size
        assert empty[:room] == b"\xff" * room and empty[room] != 0xFF  # all of it, up to the bootloader
        flash.flash(image, at, "avrdude", str(machine.uart))
        written = machine.flash.read_bytes()
    assert written[: len(content)] == content
    assert written[room:] == empty[room:]


def _with(at: Board, **options: object) -> Board:
    """The board with other options of avrdude."""
    table = {**at.flash_tool.options("avrdude"), **options}
    return at.model_copy(update={"flash_tool": FlashTool.model_validate({"tools": ("avrdude",), "avrdude": table})})


@NEEDS
def test_another_chip_is_refused(firmwares: dict[str, Firmware]) -> None:
    with simavr.machine(UNO, None) as machine:
        with pytest.raises(RnnEdgeError, match="exit code 1: .*expected signature for ATmega168") as error:
            flash.flash(firmwares[UNO.id].image, _with(UNO, part="m168"), "avrdude", str(machine.uart))
        assert error.value.exit_code != 0
        assert machine.flash.read_bytes()[:0x7E00] == b"\xff" * 0x7E00


@NEEDS
def test_one_wrong_bit_is_reported(firmwares: dict[str, Firmware], tmp_path: Path) -> None:
    """The same command, but it compares only, with an image that has one bit more."""
    image = firmwares[UNO.id].image
    other = IntelHex(str(image.hex))
    other[100] ^= 1
    other.write_hex_file(str(tmp_path / "other.hex"))
    with simavr.machine(UNO, None) as machine:
        flash.flash(image, UNO, "avrdude", str(machine.uart))
        (step,) = all_tools()["avrdude"].steps(UNO, _image(tmp_path / "other.hex"), str(machine.uart))
        assert isinstance(step, Step)
        argv = tuple(word.replace("flash:w:", "flash:v:") for word in step.argv)
        with pytest.raises(RnnEdgeError, match="mismatch") as error:
            tools.run([Step(argv, step.proves, step.expect, step.timeout, step.failures)])
    assert error.value.exit_code == 1


@NEEDS
def test_no_board_at_the_port(tmp_path: Path) -> None:
    IntelHex({0: 0}).write_hex_file(str(tmp_path / "one.hex"))
    steps = all_tools()["avrdude"].steps(UNO, _image(tmp_path / "one.hex"), os.devnull)
    with pytest.raises(
        MissingError, match="exit code 1: .*; connect the board, and let no other program hold its port"
    ):
        tools.run(steps)


def test_command_line() -> None:
    for name, part, programmer in (("arduino-uno", "m328p", "arduino"), ("arduino-mega", "m2560", "wiring")):
        (step,) = all_tools()["avrdude"].steps(board.load(name), _image(Path("f.hex")), "/dev/ttyACM0")
        assert isinstance(step, Step)
        assert step.argv == (
            *("avrdude", "-p", part, "-c", programmer, "-P", "/dev/ttyACM0", "-b", "115200"),
            *("-D", "-U", "flash:w:f.hex:i"),
        )


def _image(path: Path) -> Image:
    return Image(path, path, path)


# the emulator itself


@NEEDS
def test_it_ends_with_the_process_that_started_it_and_leaves_no_file(
    firmwares: dict[str, Firmware], tmp_path: Path
) -> None:
    script, temporary = tmp_path / "start.py", tmp_path / "temporary"
    temporary.mkdir()
    path = firmwares[UNO.id].image.hex
    script.write_text(
        "import os, signal; from pathlib import Path; from rnn_edge import board, tools\n"
        "from rnn_edge.emulators import simavr\n"
        f"with simavr.machine(board.load('simavr-uno'), tools.Image(*[Path({str(path)!r})] * 3)) as machine:\n"
        "    print(Path('/proc/thread-self/children').read_text(), flush=True); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environment = {**os.environ, "TMPDIR": str(temporary)}
    started = subprocess.run([sys.executable, script], capture_output=True, text=True, env=environment)
    assert started.stdout.strip().isdecimal(), started.stderr
    deadline = time.monotonic() + 30
    while is_running(started.stdout.strip()):
        assert time.monotonic() < deadline, "the emulator still runs"
        time.sleep(0.05)
    assert list(temporary.iterdir()) == []


def is_running(process: str) -> bool:
    try:
        return Path("/proc", process, "cmdline").read_bytes() != b""  # empty where nobody has waited for it
    except OSError:  # it ends just now
        return False


def test_an_image_that_is_too_large(tmp_path: Path) -> None:
    large = IntelHex({0x8000: 0})
    large.write_hex_file(str(tmp_path / "large.hex"))
    with pytest.raises(UserError, match="32,768 bytes of flash; the image ends at 32,769"):  # noqa: SIM117
        with simavr.machine(UNO, _image(tmp_path / "large.hex")):
            pass


@NEEDS
def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert simavr.how_to_get() == []
    monkeypatch.setattr(simavr, "HEADERS", tmp_path / "none")
    assert simavr.how_to_get() == ["apt install libsimavr-dev libelf-dev"]
    with pytest.raises(MissingError, match="flashed with avrdude, .*`apt install libsimavr-dev libelf-dev`"):
        flash.choose(UNO)
    monkeypatch.setattr(simavr, "BOOTLOADERS", tmp_path / "none")
    assert simavr.how_to_get() == ["apt install libsimavr-dev libelf-dev arduino-core-avr"]
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(simavr, "BOOTLOADERS", tmp_path)
    with pytest.raises(MissingError, match="apt install arduino-core-avr"), simavr.machine(MEGA, None):
        pass
    hexadecimal = tmp_path / "one.hex"
    IntelHex({0: 0}).write_hex_file(str(hexadecimal))
    monkeypatch.setenv("PATH", os.devnull)
    with pytest.raises(MissingError, match="apt install libsimavr-dev"), simavr.machine(UNO, _image(hexadecimal)):
        pass
