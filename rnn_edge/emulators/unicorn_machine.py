"""An emulated Cortex-M board on the CPU emulator unicorn, a process: `unicorn_machine BOARD ELF SOCKET`.

BOARD is a board in JSON, SOCKET the number of an open socket that listens. The program starts when a host connects, as
with QEMU's `-chardev socket,server=on`, and this process ends when that host closes the connection. A fault of the
program ends it too, with one sentence. Interrupts are not taken and no time passes: there is no cycle counter.

A process of its own, because unicorn is a C library that may crash.
"""

from __future__ import annotations

import signal
import socket
import struct
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import unicorn
from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from unicorn import arm_const

from ..board import Board, Region
from ..errors import RnnEdgeError, UserError
from .unicorn_devices import PAGE, HostLeft, ResetRequest, Wire, devices

CORES = {
    "Cortex-M0": arm_const.UC_CPU_ARM_CORTEX_M0,
    "Cortex-M0+": arm_const.UC_CPU_ARM_CORTEX_M0,  # M0 lacks only its optional VTOR and MPU
    "Cortex-M3": arm_const.UC_CPU_ARM_CORTEX_M3,
    "Cortex-M4": arm_const.UC_CPU_ARM_CORTEX_M4,
    "Cortex-M7": arm_const.UC_CPU_ARM_CORTEX_M7,
    "Cortex-M33": arm_const.UC_CPU_ARM_CORTEX_M33,
}

_NO_END = 0xFFFFFFFF  # odd, so never the address of an instruction
_DOES = {
    unicorn.UC_MEM_READ_UNMAPPED: "reads from {}, where this board has nothing",
    unicorn.UC_MEM_WRITE_UNMAPPED: "writes to {}, where this board has nothing",
    unicorn.UC_MEM_FETCH_UNMAPPED: "jumps to {}, where this board has nothing",
    unicorn.UC_MEM_WRITE_PROT: "writes to {}, which is flash",
    unicorn.UC_MEM_FETCH_PROT: "jumps to {}, which holds no program",
}
_UNKNOWN = "an instruction that this core does not have"
_EXCEPTIONS = {  # QEMU's numbers
    1: _UNKNOWN,
    2: "svc",
    3: "a place that holds no program",
    4: "an access that is not aligned",  # the only data abort: the MPU is off, and _DOES has the others
    7: "bkpt",
    17: _UNKNOWN,
    18: "code that is not Thumb",
    22: "an access that is not aligned",
    23: "a division by zero",
}


class Fault(RnnEdgeError):
    """The program did something that stops it."""


class Machine:
    """Core, memories and devices of one board; `wire` is the line of its UART."""

    def __init__(self, board: Board, wire: Wire) -> None:
        self._board = board
        self._wire = wire
        self._core = _core(board)
        self._pages = devices(board, wire)
        self._end: Exception | None = None
        self._fault = ""
        self._map()
        self._core.hook_add(unicorn.UC_HOOK_MEM_INVALID, self._invalid)
        self._core.hook_add(unicorn.UC_HOOK_INTR, self._exception)

    def _map(self) -> None:
        flash, ram = self._board.memory.flash, self._board.memory.ram
        try:
            self._core.mem_map(flash.origin, flash.size, unicorn.UC_PROT_READ | unicorn.UC_PROT_EXEC)
            self._core.mem_map(ram.origin, ram.size)
            for page in self._pages:
                self._core.mmio_map(page, PAGE, self._read, page, self._write, page)
        except unicorn.UcError as error:
            raise UserError(
                f"{self._board.id}: unicorn takes memories that begin at a multiple of 1 KiB and overlap no device; "
                "move them, or use QEMU."
            ) from error

    def load(self, elf: Path) -> None:
        """Write the program of an ELF file into the memories; UserError where it is none for this board."""
        for address, data in _segments(elf, self._board):
            self._core.mem_write(address, data)
        flash = self._board.memory.flash
        _, start = self._vectors()
        if not (start % 2 and _holds(flash, start, 1)):
            raise UserError(f"{elf} begins with no vector table at {flash.origin:#x}: build it for {self._board.id}.")

    def run(self) -> None:
        """Run from reset, and again from each reset that the program asks for, until the host leaves; or Fault."""
        while isinstance(end := self._run_from_reset(), ResetRequest):
            self._pages = devices(self._board, self._wire)
        if not isinstance(end, HostLeft):
            with suppress(HostLeft):
                self._wire.flush()
            raise end

    def _run_from_reset(self) -> Exception:
        """Why it ended."""
        stack, start = self._vectors()
        self._core.reg_write(arm_const.UC_ARM_REG_SP, stack)
        self._end, self._fault = None, ""
        try:
            self._core.emu_start(start, _NO_END)
        except unicorn.UcError as error:
            unknown = error.errno == unicorn.UC_ERR_INSN_INVALID
            self._fault = self._fault or f"runs into {_UNKNOWN if unknown else f'what unicorn calls {error}'}"
        return self._end or Fault(
            f"The program on the emulated {self._board.id} {self._fault}, at pc {self._pc():#010x}; it was ended."
        )

    def _vectors(self) -> tuple[int, int]:
        """Stack pointer and program counter after a reset."""
        stack, start = struct.unpack("<II", self._core.mem_read(self._board.memory.flash.origin, 8))
        return stack, start

    def _pc(self) -> int:
        return int(self._core.reg_read(arm_const.UC_ARM_REG_PC))

    def _read(self, core: Any, offset: int, size: int, page: int) -> int:
        try:
            return self._pages[page].read(offset)
        except (HostLeft, ResetRequest) as end:
            self._stop(end)
            return 0

    def _write(self, core: Any, offset: int, size: int, value: int, page: int) -> None:
        try:
            self._pages[page].write(offset, value)
        except (HostLeft, ResetRequest) as end:
            self._stop(end)

    def _stop(self, end: Exception) -> None:
        """Leave emu_start; an exception cannot pass through it."""
        self._end = end
        self._core.emu_stop()

    def _invalid(self, core: Any, access: int, address: int, size: int, value: int, data: Any) -> bool:
        self._fault = _DOES.get(access, "uses {} in a way that is not allowed").format(f"{address:#010x}")
        return False

    def _exception(self, core: Any, number: int, data: Any) -> None:
        self._fault = f"runs into {_EXCEPTIONS.get(number, f'exception {number}')}"
        self._core.emu_stop()


def _core(board: Board) -> Any:
    """UserError for a core that unicorn lacks.

    Without UC_MODE_MCLASS: with it, unicorn 2.1 takes every model for a Cortex-M33, and code for it would run on a M0.
    """
    model = CORES.get(board.family.core)
    if model is None:
        raise UserError(
            f"{board.id}: unicorn has no {board.family.core}, it has {', '.join(CORES)}: use QEMU for this board."
        )
    core = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB)
    core.ctl_set_cpu_model(model)
    return core


def _segments(elf: Path, board: Board) -> list[tuple[int, bytes]]:
    """Address and bytes of what a loader writes."""
    try:
        with elf.open("rb") as file:
            parsed = ELFFile(file)
            if (parsed["e_machine"], parsed.elfclass, parsed.little_endian) != ("EM_ARM", 32, True):
                raise UserError(f"{elf} is for {parsed.get_machine_arch()}, not for a Cortex-M: build it again.")
            segments = [(one["p_paddr"], one.data()) for one in parsed.iter_segments("PT_LOAD") if one["p_filesz"]]
    except OSError as error:
        raise UserError(f"{elf} cannot be read ({error.strerror}): build the firmware first.") from error
    except ELFError as error:
        raise UserError(f"{elf} is not an ELF file ({error}): build the firmware again.") from error
    flash, ram = board.memory.flash, board.memory.ram
    for address, data in segments:
        if not (_holds(flash, address, len(data)) or _holds(ram, address, len(data))):
            raise UserError(
                f"{elf} has {len(data)} bytes for {address:#x}, and {board.id} has memory from {flash.origin:#x} to "
                f"{flash.end - 1:#x} and from {ram.origin:#x} to {ram.end - 1:#x}: build it for this board."
            )
    return segments


def _holds(region: Region, address: int, size: int) -> bool:
    return region.origin <= address and address + size <= region.end


def main(arguments: list[str]) -> int:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a handler of Python would wait for unicorn to return
    board, elf, listener = arguments
    wire = Wire(socket.socket(fileno=int(listener)))
    try:
        machine = Machine(Board.model_validate_json(board), wire)
        machine.load(Path(elf))
        wire.open()
        machine.run()
    except RnnEdgeError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
