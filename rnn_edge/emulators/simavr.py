"""simavr: boards with an AVR, emulated with their bootloader or without.

Debian's `simavr` has no serial port that a flash tool can open. The runner is our own, firmware/emulators/simboard.c,
compiled once into the user's cache folder.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import platformdirs
from elftools.elf.elffile import ELFFile
from intelhex import IntelHex, IntelHexError

from ..board import Board
from ..errors import MissingError, RnnEdgeError, UserError
from ..paths import FIRMWARE
from ..processes import compiler_complaint
from ..tools import Image

BOOTLOADERS = Path("/usr/share/arduino/hardware/arduino/avr/bootloaders")
"""Where Debian's arduino-core-avr has them."""

HEADERS = Path("/usr/include/simavr")
"""Where Debian's libsimavr-dev has them."""

_RUNNER = FIRMWARE / "emulators" / "simboard.c"
_ERASED = 0xFF


@dataclass(frozen=True)
class Machine:
    """A running board. Opening `uart`, a pseudo-terminal, resets it, as an Arduino; closed, it stands still."""

    uart: Path
    flash: Path  # what the flash holds now, byte by byte; in memory, no file of it can be left behind


@dataclass(frozen=True)
class _Chip:
    flash: int  # bytes
    bootloader: Callable[[], IntelHex]


def how_to_get() -> list[str]:
    """The command that installs what the runner and its bootloaders need; none where all is there."""
    needs = {
        "gcc": shutil.which("gcc") is not None,
        "libsimavr-dev libelf-dev": HEADERS.is_dir(),
        "arduino-core-avr": BOOTLOADERS.is_dir(),
    }
    missing = [packages for packages, there in needs.items() if not there]
    return [f"apt install {' '.join(missing)}"] if missing else []


@contextmanager
def machine(board: Board, image: Image | None) -> Iterator[Machine]:
    """A board with `image` in its flash; without an image, with the bootloader of an Arduino, for a flash tool.

    MissingError where simavr or the bootloader is not installed.
    """
    assert board.emulator is not None
    chip = _CHIPS.get(board.emulator.machine)
    if chip is None:
        raise UserError(
            f"{board.id}: emulator.machine is {board.emulator.machine!r}, accepted is one of {', '.join(_CHIPS)}: "
            "correct it."
        )
    content = chip.bootloader() if image is None else _read_hex(image.hex)
    if content.maxaddr() >= chip.flash:
        raise UserError(f"{board.id} has {chip.flash:,} bytes of flash; the image ends at {content.maxaddr() + 1:,}.")
    runner = _compiled("simboard", "gcc", ("-O2", "-isystem", str(HEADERS)), _RUNNER, ("-lsimavr",), _GET)
    content.padding = _ERASED
    boot = content.minaddr() if image is None else 0
    with os.fdopen(os.memfd_create("flash"), "wb", buffering=0) as memory:
        memory.write(content.tobinstr(start=0, end=chip.flash - 1))
        flash = Path(f"/proc/self/fd/{memory.fileno()}")  # for us and, with the same number, for the runner
        command = [str(runner), board.emulator.machine, str(board.clock.hz), str(flash), str(boot)]
        pipe, inherited = subprocess.PIPE, [memory.fileno()]
        with subprocess.Popen(command, stdout=pipe, stderr=pipe, pass_fds=inherited, text=True) as process:
            try:
                yield Machine(_terminal(process), flash)
            finally:
                process.kill()


def _terminal(process: subprocess.Popen[str]) -> Path:
    """The first line that the runner prints."""
    assert process.stdout is not None and process.stderr is not None
    line = process.stdout.readline().strip()
    if not line:
        raise RnnEdgeError(f"simavr did not start: {process.stderr.read().strip() or 'it printed nothing'}.")
    return Path(line)


def _read_hex(path: Path) -> IntelHex:
    try:
        return IntelHex(str(path))
    except (OSError, IntelHexError) as error:
        raise UserError(f"{path} cannot be read as Intel HEX ({error}); build the firmware again.") from error


# bootloaders


def _stk500() -> IntelHex:
    """That of the Arduino Mega, as Debian has it."""
    return _read_hex(_of_arduino("stk500v2/stk500boot_v2_mega2560.hex"))


def _optiboot() -> IntelHex:
    """That of the Arduino Uno, compiled without the blinking.

    The optiboot_atmega328.hex of Debian has 532 bytes, for a boot section of 512: the last bytes lie behind the flash,
    and the version word lies over an instruction.
    """
    defines = ("-DF_CPU=16000000L", "-DBAUD_RATE=115200", "-DLED_START_FLASHES=0")
    small = ("-w", "-Os", "-fno-inline-small-functions", "-fno-split-wide-types", "-mshort-calls")
    linked = ("-nostartfiles", "-Wl,--section-start=.text=0x7e00,--relax,--gc-sections")
    flags = ("-mmcu=atmega328p", *defines, *small, *linked)
    elf = _compiled("optiboot", "avr-gcc", flags, _of_arduino("optiboot/optiboot.c"), (), "gcc-avr avr-libc")
    content = IntelHex()
    with elf.open("rb") as file:
        for segment in ELFFile(file).iter_segments("PT_LOAD"):
            content.puts(segment["p_paddr"], segment.data())
    return content


_CHIPS = {"atmega328p": _Chip(2**15, _optiboot), "atmega2560": _Chip(2**18, _stk500)}


def _of_arduino(name: str) -> Path:
    path = BOOTLOADERS / name
    if not path.is_file():
        raise MissingError(f"The bootloader {path} is not there; get it with `apt install arduino-core-avr`.")
    return path


# compiling

_GET = "libsimavr-dev libelf-dev gcc"


def _compiled(
    name: str, compiler: str, flags: Sequence[str], source: Path, libraries: Sequence[str], packages: str
) -> Path:
    """The program of one C file, compiled unless the cache folder has it from before."""
    command = [compiler, *flags, str(source), *libraries]
    digest = hashlib.sha256("\0".join([*command, source.read_text()]).encode()).hexdigest()[:16]
    program = platformdirs.user_cache_path("rnn_edge") / f"{name}-{digest}"
    if program.is_file():
        return program
    if shutil.which(compiler) is None:
        raise MissingError(f"{compiler} is not installed; get it with `apt install {packages}`.")
    program.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=program.parent) as folder:
        made = Path(folder) / name
        complaint = compiler_complaint([*command, "-o", str(made)])
        if complaint:
            raise MissingError(
                f"{source.name} cannot be compiled ({complaint}); get what it needs with `apt install {packages}`."
            )
        made.replace(program)
    return program
