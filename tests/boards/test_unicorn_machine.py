"""The machine on unicorn by itself: small programs, compiled with zig, that do what a board would not survive."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jinja2
import pytest
from elftools.elf.elffile import ELFFile

from rnn_edge import board, compilers
from rnn_edge.paths import FIRMWARE

pytest.importorskip("unicorn", reason="pip install 'unicorn>=2.1.4,<3'")
pytest.importorskip("ziglang", reason="pip install 'ziglang>=0.13,<0.18'")

PORT, BARE = FIRMWARE / "ports" / "cortex_m", FIRMWARE / "ports" / "bare"
HEAD = """
#include "bare.h"
#include "port.h"
int main(void)
{
    port_init();
    port_write('B');
    while (port_read() < 0)
        ;
"""
TAIL = "port_write('E'); for (;;) (void)port_read(); }\n"
SECONDS = 20
MODULE = (sys.executable, "-m", "rnn_edge.emulators.unicorn_machine")


def program(folder: Path, on: str, body: str) -> Path:
    """An ELF file that sends B, waits for a byte, does `body` and sends E."""
    at = board.load(on)
    template = jinja2.Template((PORT / "link.ld.j2").read_text())
    (folder / "link.ld").write_text(template.render(board=at))
    (folder / "main.c").write_text(HEAD + body + TAIL)
    sources = [
        PORT / "startup.c",
        PORT / "cycles.c",
        PORT / f"uart_{at.uart.driver}.c",
        BARE / "bare.c",
        BARE / "string.c",
    ]
    sources += [PORT / f"chip_{at.chip}.c"] if at.chip else []
    macros = {"PORT_CLOCK_HZ": at.clock.hz, "PORT_BAUD": at.uart.baud, **at.uart.registers}
    compilers.find(at.family, "zig").run(
        [
            *("-std=c99", "-Os", "-g", "-ffreestanding", "-Wl,-e,reset_handler", "-T", "link.ld", "-o", "made.elf"),
            *(f"-D{name}={value}" for name, value in macros.items()),
            *(f"-I{place}" for place in (BARE, FIRMWARE / "device")),
            *("main.c", *map(str, sources)),
        ],
        folder,
    )
    return folder / "made.elf"


def assembly(code: str) -> str:
    return f'__asm__ volatile(".syntax unified\\n {code}\\n b 1f\\n .ltorg\\n 1:" ::: "r0", "memory");'


@contextmanager
def launched(at: board.Board, elf: Path, path: Path) -> Iterator[subprocess.Popen[str]]:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(1)
        command = [*MODULE, at.model_dump_json(), str(elf), str(listener.fileno())]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, pass_fds=[listener.fileno()])
    with process:
        try:
            yield process
        finally:
            process.kill()
            path.unlink()


@contextmanager
def started(folder: Path, on: str, body: str = "") -> Iterator[tuple[subprocess.Popen[str], socket.socket]]:
    """The process and the line, once the program has sent its B."""
    elf, path = program(folder, on, body), folder / "uart"
    with launched(board.load(on), elf, path) as process, socket.socket(socket.AF_UNIX) as line:
        line.settimeout(SECONDS)
        line.connect(str(path))
        assert line.recv(1) == b"B"
        yield process, line


def last_words(process: subprocess.Popen[str]) -> str:
    """What the process says, which ends with exit code 2."""
    _, said = process.communicate(timeout=SECONDS)
    assert process.returncode == 2
    return said


LACKS = "an instruction that this core does not have"
FAULTS = [
    ("mps2-an385", "ldr r0, =0x66000000\\n here: str r0, [r0]", "writes to 0x66000000, where this board has nothing"),
    ("mps2-an385", "ldr r0, =0xa0000001\\n here: ldrb r0, [r0]", "reads from 0xa0000001, where this board has nothing"),
    ("mps2-an385", "ldr r0, =0x00000010\\n here: str r0, [r0]", "writes to 0x00000010, which is flash"),
    ("mps2-an385", "here: .hword 0xde00", LACKS),
    ("mps2-an385", "here: bkpt 0", "bkpt"),
    ("qemu-microbit", "here: .hword 0xfbb0, 0xf0f1", LACKS),  # udiv
    ("qemu-microbit", "ldr r0, =0x20000001\\n here: ldr r0, [r0]", "an access that is not aligned"),
    ("mps2-an385", "here: .hword 0xfb11, 0xf002", LACKS),  # smulbb, Cortex-M4 has it
    ("mps2-an385", "here: .hword 0xee00, 0x0a10", LACKS),  # vmov s0, r0
]


@pytest.mark.parametrize(("on", "code", "message"), FAULTS)
def test_a_fault_is_one_sentence_with_its_place(on: str, code: str, message: str, tmp_path: Path) -> None:
    with started(tmp_path, on, assembly(code)) as (process, line):
        line.sendall(b"x")
        said = last_words(process)
        assert line.recv(1) == b""
    assert message in said and said.count("\n") == 1
    with (tmp_path / "made.elf").open("rb") as file:
        [here] = ELFFile(file).get_section_by_name(".symtab").get_symbol_by_name("here")
    assert f"at pc {here['st_value'] & ~1:#010x}" in said


ACCEPTED = [
    ("mps2-an385", ".hword 0xfbb0, 0xf0f1"),  # udiv
    ("mps2-an385", "ldr r0, =0x20000001\\n ldr r0, [r0]"),
    ("mps2-an386", ".hword 0xfb11, 0xf002"),  # smulbb
    ("mps2-an386", ".hword 0xee00, 0x0a10"),  # vmov s0, r0
]


@pytest.mark.parametrize(("on", "code"), ACCEPTED)
def test_what_one_core_lacks_another_has(on: str, code: str, tmp_path: Path) -> None:
    with started(tmp_path, on, assembly(code)) as (_, line):
        line.sendall(b"x")
        assert line.recv(1) == b"E"


def test_a_jump_to_nowhere(tmp_path: Path) -> None:
    with started(tmp_path, "mps2-an505", "((void (*)(void))0x08000001)();") as (process, line):
        line.sendall(b"x")
        assert "jumps to 0x08000000, where this board has nothing, at pc 0x08000000" in last_words(process)


def test_a_reset_begins_anew_on_the_same_line(tmp_path: Path) -> None:
    with started(tmp_path, "mps2-an385", "REGISTER(0xE000ED0C) = 0x05FA0004;") as (_, line):
        for _ in range(3):
            line.sendall(b"x")
            assert line.recv(1) == b"B"


def test_it_sleeps_while_the_program_waits_and_ends_when_the_host_leaves(tmp_path: Path) -> None:
    with started(tmp_path, "mps2-an385") as (process, line):
        before = processor_seconds(process.pid)
        time.sleep(1)
        assert processor_seconds(process.pid) - before < 0.2
        line.close()
        assert process.wait(SECONDS) == 0


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_it_refuses_what_it_cannot_run(tmp_path: Path) -> None:
    elf = program(tmp_path, "mps2-an505", "")
    for on, given, message in (
        ("mps3-an547", elf, "unicorn has no Cortex-M55"),
        ("simavr-uno", elf, "unicorn has no"),
        ("mps2-an385", elf, "build it for this board"),
        ("mps2-an505", Path(sys.executable), "not for a Cortex-M"),
        ("mps2-an505", tmp_path / "main.c", "is not an ELF file"),
        ("mps2-an505", tmp_path / "none.elf", "No such file"),
    ):
        with launched(board.load(on), given, tmp_path / "uart") as process:
            assert message in last_words(process)


@pytest.mark.parametrize("origin", [0x20000004, 0x40004000])
def test_it_refuses_memories_that_it_cannot_have(origin: int, tmp_path: Path) -> None:
    at = board.load("mps2-an385")
    memory = at.memory.model_copy(update={"ram": board.Region(origin=origin, kib=6)})
    with launched(at.model_copy(update={"memory": memory}), tmp_path / "none.elf", tmp_path / "uart") as process:
        assert "begin at a multiple of 1 KiB and overlap no device" in last_words(process)
