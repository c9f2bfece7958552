"""The chip behind the simulated debug port: QEMU's nRF51822 (Cortex-M0), which is ours to halt, read and write.

Memory goes through QEMU's qtest socket, because writes of its GDB server do not reach peripherals and so not the flash
controller; core registers and run control go through the GDB server.
"""

from __future__ import annotations

import ctypes
import re
import select
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

RAM = range(0x20000000, 0x20004000)
NVMC_CONFIG, NVMC_ERASEALL = 0x4001E504, 0x4001E50C  # the flash controller
RESET_VECTOR = 4
ERASED = 0xFFFFFFFF
SP, PC, XPSR = 13, 15, 25  # as GDB numbers them

_ANSWER_SECONDS = 10.0
_PR_SET_PDEATHSIG = 1
_WIDTH = {1: "b", 2: "w", 4: "l"}
_LIBC = ctypes.CDLL(None)


class TargetGone(ConnectionError):
    """QEMU is not there any more: to a debugger, the target lost its power."""


class QemuTarget:
    """The chip, powered on with erased flash."""

    def __init__(self, process: subprocess.Popen[bytes], qtest: socket.socket, gdb: socket.socket, uart: Path) -> None:
        self.uart = uart  # a unix socket
        self.halted = True
        self.locked_up = False
        self._process = process
        self._qtest = qtest.makefile("rwb")
        self._gdb = _GdbServer(gdb)
        self._bkpt_instructions: set[int] = set()
        self._breakpoints: set[int] = set()  # those that QEMU knows
        for address, value in ((NVMC_CONFIG, 2), (NVMC_ERASEALL, 1), (NVMC_CONFIG, 0)):
            self.write(address, value, 4)  # QEMU's flash powers up as zeros
        self.resume()

    def kill(self) -> None:
        """End QEMU, as if the power went away."""
        self._process.kill()
        self._process.wait()

    def read(self, address: int, size: int) -> int:
        """A value of 1, 2 or 4 bytes at an aligned address."""
        return int(self._ask(f"read{_WIDTH[size]} {address:#x}"), 16)

    def read_block(self, address: int, size: int) -> bytes:
        return bytes.fromhex(self._ask(f"read {address:#x} {size:#x}")[2:])

    def write(self, address: int, value: int, size: int) -> None:
        """Write 1, 2 or 4 bytes at an aligned address."""
        self._ask(f"write{_WIDTH[size]} {address:#x} {value:#x}")
        if address in RAM and size > 1:
            self._note_bkpt(address, value.to_bytes(size, "little"))

    def register(self, number: int) -> int:
        return int.from_bytes(bytes.fromhex(self._gdb.ask(f"p{number:x}")), "little")

    def set_register(self, number: int, value: int) -> None:
        self._gdb.ask(f"P{number:x}={value.to_bytes(4, 'little').hex()}")

    def halt(self) -> None:
        if self.locked_up:
            self.locked_up, self.halted = False, True
        elif not self.stopped():
            self._gdb.interrupt()
            self.halted = True

    def resume(self) -> None:
        """Run; with erased flash the core locks up. QEMU would abort at that, so there it is only said."""
        self.halted = False
        self.locked_up = self.register(PC) not in RAM and self.read(RESET_VECTOR, 4) == ERASED
        if not self.locked_up:
            self._set_breakpoints()
            self._gdb.send("c")

    def step(self) -> None:
        self._gdb.ask("s")

    def stopped(self) -> bool:
        """Is the core halted? It may have met a breakpoint since it was asked last."""
        self.halted = self.halted or (not self.locked_up and self._gdb.stop_came())
        return self.halted

    def reset(self, *, run: bool) -> None:
        """Reset all but flash, then run or stay halted at the first instruction."""
        self.halt()
        self.set_register(0, 1)
        self._gdb.ask("qRcmd," + b"system_reset".hex())
        while self.register(0):  # QEMU answers before it resets, and reset clears r0
            pass
        if run:
            self.resume()

    def _note_bkpt(self, address: int, data: bytes) -> None:
        """Remember each `bkpt 0` that a debugger puts into RAM: QEMU takes them as a fault, not as a halt."""
        for at in range(0, len(data), 2):
            is_bkpt = data[at : at + 2] == b"\x00\xbe"
            (self._bkpt_instructions.add if is_bkpt else self._bkpt_instructions.discard)(address + at)

    def _set_breakpoints(self) -> None:
        for address in self._breakpoints - self._bkpt_instructions:
            self._gdb.ask(f"z0,{address:x},2")
        for address in self._bkpt_instructions - self._breakpoints:
            self._gdb.ask(f"Z0,{address:x},2")
        self._breakpoints = set(self._bkpt_instructions)

    def _ask(self, command: str) -> str:
        """The value that qtest answers."""
        try:
            self._qtest.write(command.encode() + b"\n")
            self._qtest.flush()
            answer = self._qtest.readline().decode().split()
        except OSError as error:
            raise TargetGone(str(error)) from error
        if answer[:1] != ["OK"]:
            raise TargetGone(f"qtest answered {answer} to {command!r}")
        return answer[-1]


class _GdbServer:
    """The remote serial protocol, as much of it as a debug port needs."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._received = b""
        self.ask("qXfer:features:read:target.xml:0,fff")  # before this QEMU tells no single register

    def ask(self, packet: str) -> str:
        self.send(packet)
        answer = self._packet(_ANSWER_SECONDS)
        if answer is None:
            raise TargetGone(f"QEMU's GDB server gave no answer to {packet!r}")
        return answer

    def send(self, packet: str) -> None:
        self._write(b"$%b#%02x" % (packet.encode(), sum(packet.encode()) & 0xFF))

    def interrupt(self) -> None:
        """Halt a running core."""
        self._write(b"\x03")
        if self._packet(_ANSWER_SECONDS) is None:
            raise TargetGone("QEMU's GDB server did not halt the core")

    def stop_came(self) -> bool:
        """Did a running core halt by itself?"""
        return self._packet(0) is not None

    def _packet(self, seconds: float) -> str | None:
        """The next packet, acknowledged; None when none comes."""
        while not (found := re.search(rb"\$([^#]*)#..", self._received)):
            if not select.select([self._connection], [], [], seconds)[0]:
                return None
            self._received += self._read()
        self._received = self._received[found.end() :]
        self._write(b"+")
        return found[1].decode()

    def _read(self) -> bytes:
        try:
            data = self._connection.recv(4096)
        except OSError as error:
            raise TargetGone(str(error)) from error
        if not data:
            raise TargetGone("QEMU closed its GDB server")
        return data

    def _write(self, data: bytes) -> None:
        try:
            self._connection.sendall(data)
        except OSError as error:
            raise TargetGone(str(error)) from error


@contextmanager
def qemu_target() -> Iterator[QemuTarget]:
    """Start the chip; at the end its process and its socket files are gone."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        qtest, qtest_of_qemu = map(stack.enter_context, socket.socketpair())
        gdb, gdb_of_qemu = map(stack.enter_context, socket.socketpair())
        for ours in (qtest, gdb):
            ours.settimeout(_ANSWER_SECONDS)
        process = subprocess.Popen(
            [
                *("qemu-system-arm", "-machine", "microbit", "-S", "-accel", "tcg"),
                *("-display", "none", "-monitor", "none"),
                *("-chardev", f"socket,id=uart,path={folder / 'uart'},server=on,wait=off", "-serial", "chardev:uart"),
                *("-chardev", f"socket,id=gdb,fd={gdb_of_qemu.fileno()}", "-gdb", "chardev:gdb"),
                *("-chardev", f"socket,id=qtest,fd={qtest_of_qemu.fileno()}", "-qtest", "chardev:qtest"),
                *("-qtest-log", "/dev/null"),
            ],
            stdin=subprocess.DEVNULL,
            pass_fds=(gdb_of_qemu.fileno(), qtest_of_qemu.fileno()),
            preexec_fn=lambda: _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL),
        )
        stack.callback(process.wait)
        stack.callback(process.kill)
        for theirs in (qtest_of_qemu, gdb_of_qemu):
            theirs.close()
        yield QemuTarget(process, qtest, gdb, folder / "uart")
