"""Every instruction that a function executes, from the log of QEMU 7.2."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import IO

from elftools.elf.elffile import ELFFile

from .. import tools
from ..board import Board
from ..errors import MissingError, RnnEdgeError, UserError
from ..files import vanishing_folder
from .cycles import Executed
from .cycles_decode import GET_CAPSTONE, Decoder, is_installed

_PROGRAM = "qemu-system-arm"
_TIMEOUT_SECONDS = 120

_SEMIHOSTING = ("-semihosting-config", "enable=on,target=native")
# One instruction a translation block, the registers before each; -icount so that interrupts come where they always do.
_LOG = ("-singlestep", "-d", "exec,cpu,nochain", "-icount", "shift=6")

_EXECUTED = re.compile(rb"Trace \d+: \S+ \[[0-9a-f]+/([0-9a-f]+)/")
_NOT_EXECUTED = b"Stopped execution"  # of the block before, which will be logged again
_REGISTER = re.compile(rb"R(\d\d)=([0-9a-f]{8})")

_INPUT = "link.in"  # firmware/ports/bare/link_semihosting.c ends the program where it cannot open it

_LR, _SP = 14, 13

Moment = tuple[int, bytes]
"""Address of the next instruction, and the registers as QEMU prints them."""


def how_to_get() -> list[str]:
    """The commands that install what is missing for a trace; none where nothing is."""
    capstone = [] if is_installed() else [GET_CAPSTONE]
    return [*tools.how_to_get([_PROGRAM]), *capstone]


def require() -> None:
    """MissingError without QEMU or capstone."""
    ways = how_to_get()
    if ways:
        raise MissingError(f"A tool for the trace of instructions is not installed; get it with `{ways[0]}`.")


def trace(elf: Path, board: Board, function: str, call: int = 1) -> list[Executed]:
    """A call of `function`, counted from 1, from its first instruction to its return, with all that it calls.

    The program has to call it on its own after reset, with an empty input. UserError where the board is not one of
    Arm's in QEMU, MissingError without QEMU or capstone, RnnEdgeError where there is no such call.
    """
    if not board.emulated or board.family.emulator is None or board.family.emulator.program != _PROGRAM:
        raise UserError(f"Instructions of {board.id} cannot be traced; take an emulated Cortex-M board.")
    require()
    entry = _address(elf, function)
    decoder = Decoder(elf)
    with _log(elf, board) as log:
        moments = _moments_of_call(_moments(log), entry, call)
    if not moments:
        times = "" if call == 1 else f" {call} times"
        raise RnnEdgeError(
            f"{elf} on {board.id} did not call {function} and return from it{times} in {_TIMEOUT_SECONDS} s."
        )
    return [_executed(decoder, board, moment, following) for moment, (following, _) in pairwise(moments)]


def _executed(decoder: Decoder, board: Board, moment: Moment, following: int) -> Executed:
    address, registers = moment
    instruction, pointer = decoder.at(address)
    jumps = following != address + instruction.size
    if jumps and not instruction.can_jump:
        raise RnnEdgeError(f"An interrupt came at {address:#x}; build the program without interrupts to trace it.")
    flash, data = board.memory.flash, None
    if pointer is not None:
        start, size = pointer.read(_registers(registers))
        data = (start, size) if flash.origin <= start < flash.end else None
    return Executed(instruction, jumps, data)


def _address(elf: Path, function: str) -> int:
    with elf.open("rb") as file:
        symbols = ELFFile(file).get_section_by_name(".symtab").get_symbol_by_name(function) or []
        if len(symbols) != 1:
            raise RnnEdgeError(f"{elf} has {len(symbols)} symbols {function}, one is needed: build it again.")
        return int(symbols[0]["st_value"]) & ~1


# the log


@contextmanager
def _log(elf: Path, board: Board) -> Iterator[IO[bytes]]:
    """What QEMU logs of a run from reset on. It ends with the block, and by itself where we are killed."""
    assert board.emulator is not None
    program = tools.find_program(_PROGRAM)
    assert program is not None
    reader, writer = os.pipe()
    machine = ("-machine", board.emulator.machine, "-display", "none", "-monitor", "none", "-serial", "null")
    with vanishing_folder() as folder, os.fdopen(reader, "rb", 1 << 16) as log:
        (folder / _INPUT).touch()
        process = subprocess.Popen(
            [program, *machine, *_SEMIHOSTING, *_LOG, "-D", f"/dev/fd/{writer}", "-kernel", str(elf.resolve())],
            cwd=folder,  # a program may write files through semihosting
            pass_fds=(writer,),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=_limit_time,
        )
        os.close(writer)
        alarm = threading.Timer(_TIMEOUT_SECONDS, process.kill)
        with process:
            alarm.start()
            try:
                yield log
            finally:
                alarm.cancel()
                process.kill()


def _limit_time() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (_TIMEOUT_SECONDS, _TIMEOUT_SECONDS))


def _moments(log: Iterable[bytes]) -> Iterator[Moment]:
    """Every execution in the log; the last one may lack some registers where the log was cut off."""
    address, registers = None, b""
    for line in log:
        if line.startswith(b"R"):
            registers += line
        elif found := _EXECUTED.match(line):
            if address is not None:
                yield address, registers
            address, registers = int(found[1], 16), b""
        elif line.startswith(_NOT_EXECUTED):
            address = None


def _moments_of_call(moments: Iterator[Moment], entry: int, number: int) -> list[Moment]:
    """From the first instruction of a function to the one behind its call, which included; empty if it is not there."""
    call: list[Moment] = []
    calls, back, stack = 0, 0, 0
    for address, registers in moments:
        if not call:
            if address != entry:
                continue
            numbers = _registers(registers)
            back, stack = numbers[_LR] & ~1, numbers[_SP]
        call.append((address, registers))
        if address == back and _registers(registers)[_SP] == stack:
            calls += 1
            if calls == number:
                return call
            call = []
    return []


def _registers(printed: bytes) -> dict[int, int]:
    return {int(number): int(value, 16) for number, value in _REGISTER.findall(printed)}
