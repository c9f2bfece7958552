"""A board that runs a model and can be asked: what flash, verify and monitor have in common."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from . import emulators, flash, serial_ports
from .board import Board
from .build import USUAL, Firmware, Variant, build
from .errors import MismatchError, UserError
from .files import replacing_folder
from .ir.check import check
from .ir.program import Program, load
from .link import Link
from .link.device_info import DeviceInfo
from .link.transports import SerialTransport
from .names import identifier
from .paths import Artifacts
from .tools import Image

BAUD = 115200
"""Of a board that nobody has named."""

KEPT = ".boards"
"""Folder, beside those of the models, with what was flashed to emulated boards."""


@dataclass(frozen=True)
class Way:
    """How a board is reached; None: found by its USB id, chosen by its file."""

    tool: str | None = None
    port: str | None = None  # serial port of the link
    via: str | None = None  # GDB server, serial number of a probe, or drive that the tool writes through


@dataclass(frozen=True)
class Device:
    """A board that answers."""

    link: Link
    info: DeviceInfo
    proven: tuple[str, ...] = ()  # what flashing proved
    counts: str = ""  # what its cycles are worth, where they are not those of silicon

    @property
    def banner(self) -> str:
        """The line that it says at boot, made from its info."""
        info, passed = self.info, "tables ok self-test ok"  # the others are refused, see `identify`
        return f"rnn_edge {info.version} model {info.model} program {info.program_hash[:12]} core {info.core} {passed}"


@contextmanager
def flashed(
    image: Image, program_hash: str, board: Board, way: Way, say: Callable[[str], None] = lambda line: None
) -> Iterator[Device]:
    """Write the image to the board, which then has to answer with `program_hash`; `say` hears every command.

    An emulated board is started for it and ends with the block. Errors are those of `flash.flash`, LinkError where the
    board does not answer, and those of `identify`.
    """
    tool = flash.choose(board, way.tool)
    if board.emulated:
        at_start = image if tool.name in emulators.AT_START else None
        with emulators.emulator(board, at_start, tool.name) as emulated:
            proven = flash.flash(image, board, tool.name, str(emulated.gdb or emulated.uart), say)
            with Link(emulated.open()) as link:
                yield Device(link, identify(link, board, program_hash), tuple(proven))
        return
    port = serial_ports.find(board, way.port)
    proven = flash.flash(image, board, tool.name, port if tool.serial else way.via, say)
    with Link(SerialTransport(port, board.uart.baud)) as link:
        yield Device(link, identify(link, board, program_hash), tuple(proven))


@contextmanager
def connected(board: Board | None, port: str | None, out: Path) -> Iterator[Device]:
    """A board that was flashed before: a real one at its port, an emulated one with what `keep` put into `out`.

    Without a board: whatever answers at `port`, at the usual BAUD. UserError without a port too.
    """
    if board is None:
        if port is None:
            raise UserError("Neither a board nor a port is named; add --board or --port.")
        with Link(SerialTransport(port, BAUD)) as link:
            yield Device(link, _sound(link.info(), f"the board at {port}"))
        return
    if board.emulated:
        image = _image_in(out / KEPT / board.id)
        if not image.elf.is_file():
            raise UserError(f"Nothing was flashed to {board.id} yet; run `rnn-edge flash MODEL --board {board.id}`.")
        tool = flash.choose(board).name
        with emulators.emulator(board, image, tool) as emulated, Link(emulated.open()) as link:
            yield Device(link, identify(link, board), counts=emulators.counts(board, tool))
        return
    with Link(SerialTransport(serial_ports.find(board, port), board.uart.baud)) as link:
        yield Device(link, identify(link, board))


@contextmanager
def by_semihosting(
    program: Program, artifacts: Artifacts, board: Board, variant: Variant = USUAL, icount: int | None = None
) -> Iterator[Link]:
    """An emulated board whose firmware was built for the link `semihosting`, which is faster than an emulated UART.

    `icount`: see `emulators.emulator`.
    """
    folder, link_name = artifacts.board(f"{board.id}-semihosting"), "semihosting"
    image = build(program, artifacts, board, folder, link_name, variant=variant).image
    with emulators.emulator(board, image, None, link_name, icount) as emulated, Link(emulated.open()) as link:
        identify(link, board, program.hash)
        yield link


def build_for(artifacts: Artifacts, board: Board, variant: Variant = USUAL) -> tuple[Program, Firmware]:
    """The exported program and its firmware, built into the model's folder. Errors are those of `build.build`."""
    program = check(load(artifacts.program_json, artifacts.program_npz))
    return program, build(program, artifacts, board, artifacts.board(board.id), variant=variant)


def commands(image: Image, board: Board, way: Way) -> list[str]:
    """The lines that `flashed` would run."""
    return flash.dry_run(image, board, way.tool, way.port, way.via)


def artifacts_on(device: Device, out: Path) -> Artifacts:
    """Where the export of the model that a board runs is, or was, below `out`."""
    name = identifier(device.info.model)
    return Artifacts(out / name, name)


def program_on(device: Device, out: Path) -> Program:
    """The program that a board runs, from the exports in `out`; UserError where it is not there, or another by now."""
    artifacts = artifacts_on(device, out)
    if artifacts.program_json.is_file():
        program = check(load(artifacts.program_json, artifacts.program_npz))
        if program.hash == device.info.program_hash:
            return program
    raise UserError(
        f"The board runs program {device.info.program_hash[:12]} of {artifacts.name}, which is not in "
        f"{artifacts.folder}; export it again, or flash what is there."
    )


def keep(image: Image, board: Board, out: Path) -> None:
    """Remember what was flashed to an emulated board, whose own memory ends with its emulator."""
    with replacing_folder(out / KEPT / board.id) as folder:
        for source, copy in zip(_files(image), _files(_image_in(folder)), strict=True):
            shutil.copyfile(source, copy)


def identify(link: Link, board: Board, program_hash: str | None = None) -> DeviceInfo:
    """What the board says about itself, once it is the board it should be and its firmware is sound.

    UserError where its core is another, MismatchError where its program is another, its tables are damaged or its
    self-test fails.
    """
    info = link.info()
    if info.core != board.family.core:
        raise UserError(
            f"The board that answered has a {info.core}, but {board.id} has a {board.family.core}; "
            "name the right board, or another port with --port."
        )
    if program_hash is not None and info.program_hash != program_hash:
        raise MismatchError(
            f"{board.id} runs program {info.program_hash[:12]} of {info.model}, not {program_hash[:12]}; flash it."
        )
    return _sound(info, board.id)


def _sound(info: DeviceInfo, who: str) -> DeviceInfo:
    if not info.tables_ok:
        raise MismatchError(f"The tables in the flash of {who} are damaged: their CRC differs; flash it again.")
    if not info.self_test_ok:
        raise MismatchError(f"The built-in vectors came out wrong on {who}; flash it again, or suspect the board.")
    return info


def _image_in(folder: Path) -> Image:
    return Image(*(folder / f"firmware.{suffix}" for suffix in ("elf", "bin", "hex")))


def _files(image: Image) -> Sequence[Path]:
    return image.elf, image.binary, image.hex
