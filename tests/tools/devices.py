"""Boards and images for the tests of the flash tools: as small as they may be."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from rnn_edge.board import Board
from rnn_edge.tools import Image, Step, Tool

CORTEX_M4 = {"id": "cortex-m4", "core": "Cortex-M4", "port": "cortex_m", "emulator": {"program": "qemu-system-arm"}}


def board(tool: str = "", origin: int = 0x08000000, emulated: bool = False, ids: str = "", **options: Any) -> Board:
    """A board that is flashed with one tool, with these options."""
    return Board.model_validate(
        {
            "id": "bench",
            "name": "Bench",
            "family": {**CORTEX_M4, "gcc": {"prefix": "arm-none-eabi-", "flags": ()}},
            "emulated": emulated,
            "emulator": {"machine": "mps2-an386"} if emulated else None,
            "memory": {"flash": {"origin": origin, "kib": 128}, "ram": {"origin": 0x20000000, "kib": 16}},
            "clock": {"hz": 1_000_000},
            "uart": {"driver": "none", "baud": 115200},
            "flash_tool": {"tools": (tool,) if tool else (), **({tool: options} if options else {})},
            "usb": {"ids": tuple(ids.split())},
        }
    )


def image(folder: Path, data: bytes = bytes(range(1, 200))) -> Image:
    """A firmware in a folder, of which only the binary has contents."""
    made = Image(folder / "firmware.elf", folder / "firmware.bin", folder / "firmware.hex")
    made.binary.write_bytes(data)
    made.elf.touch()
    made.hex.touch()
    return made


def argv(tool: Tool, at: Board, of: Image, port: str | None = None) -> list[list[str]]:
    """The words of every command line of a tool, with {folder} for the image's folder."""
    lines = [step.argv for step in tool.steps(at, of, port) if isinstance(step, Step)]
    return [[word.replace(str(of.elf.parent), "{folder}") for word in line] for line in lines]


_SOURCE = """
extern unsigned char high[];
void start(void);
const void *const vectors[16] __attribute__((section(".vectors"), used)) = {high, (const void *)start};
volatile int counter = 5;
volatile int zeros[4];
void __attribute__((section(".start"), used)) start(void) { for (;;) zeros[0]++; }
"""
_SCRIPT = """
MEMORY
{{
  FLASH (rx) : ORIGIN = {flash:#x}, LENGTH = 64K
  RAM (rwx) : ORIGIN = {ram:#x}, LENGTH = 16K
}}
high = {ram:#x} + 16K;
ENTRY(start)
SECTIONS
{{
  {vectors}
  .text : {{ *(.start) *(.text*) *(.rodata*) }} > FLASH
  .data : {{ *(.data*) }} > RAM AT > FLASH
  .bss (NOLOAD) : {{ *(.bss*) }} > RAM
  /DISCARD/ : {{ *(.vectors) *(.comment) }}
}}
"""


def loop(folder: Path, prefix: str, flags: tuple[str, ...], flash: int, ram: int) -> Image:
    """A program that counts for ever, with contents in three sections (two on RISC-V, which has no vector table)."""
    vectors = ".vectors : { KEEP(*(.vectors)) } > FLASH" if prefix.startswith("arm") else ""
    source, script, made = folder / "loop.c", folder / "loop.ld", image(folder)
    source.write_text(_SOURCE)
    script.write_text(_SCRIPT.format(flash=flash, ram=ram, vectors=vectors))
    compiler, objcopy = f"{prefix}gcc", f"{prefix}objcopy"
    command = [compiler, *flags, "-Os", "-nostdlib", "-Wl,--build-id=none", "-T", str(script), "-o", str(made.elf)]
    for line in (
        [*command, str(source)],
        [objcopy, "-O", "binary", str(made.elf), str(made.binary)],
        [objcopy, "-O", "ihex", str(made.elf), str(made.hex)],
    ):
        subprocess.run(line, check=True)
    return made
