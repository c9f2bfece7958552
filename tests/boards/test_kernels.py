"""Every kernel on every kind of core, in the layout of each, gives what it gives on the host."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from rnn_edge import board
from rnn_edge.backends import c
from rnn_edge.backends.c_text import float_literal, table
from rnn_edge.backends.layouts import all_layouts
from rnn_edge.board import Board
from rnn_edge.ir.arithmetic import IntArray
from rnn_edge.paths import FIRMWARE
from rnn_edge.tools import find_program
from tests.boards import avr
from tests.boards.programs import compiled, printed
from tests.c.products import Product, Shape, make_products, write_headers
from tests.c.test_kernels import matvec64_case

HERE = Path(__file__).parent
KERNELS = FIRMWARE / "kernels"
SOURCES = [*sorted(HERE.glob("kernel_*.c")), KERNELS / "rnn_kernels.c"]
TOKENS, COLS, N = 40, 23, 64
SECONDS = 60.0
ON_HOST = """
#include "port.h"
#include <stdio.h>
void port_init(void) {}
void port_write(uint8_t byte) { putchar(byte); }
"""


@dataclass(frozen=True)
class Scope:
    """How much a board computes: shapes of products, those whose sizes are constants, lengths of loops."""

    shapes: tuple[Shape, ...]
    folded: tuple[Shape, ...]
    tails: tuple[int, ...]
    large: bool = False

    def products(self) -> list[Product]:
        return [p for operand in ("s8", "s16") for p in make_products(operand, self.shapes, self.folded, (0, 1, 2, 3))]

    def flags(self) -> list[str]:
        return ["-DLARGE"] if self.large else []


WHOLE = Scope(
    shapes=(
        *((rows, cols) for rows in range(1, 10) for cols in range(1, 41)),
        *((rows, cols) for rows in (12, 16, 19, 32) for cols in (1, 2, 3, 5, 16, 17)),
        *((rows, cols) for rows in (3, 5, 8) for cols in (63, 64, 65, 66, 100)),
    ),
    folded=(
        *((rows, cols) for rows, cols in zip(cycle((4, 9, 7, 16, 5, 12)), (*range(1, 41), 63, 64, 65, 66, 100))),
        *((rows, 16) for rows in (1, 2, 3, 6, 8, 19, 32)),
    ),
    tails=(*range(1, 18), 31, 32, 33),
    large=True,
)
SMALLER = replace(
    WHOLE, shapes=tuple(shape for shape in WHOLE.shapes if shape[1] % 2 or shape[1] < 9), folded=WHOLE.folded[::5]
)
"""For less flash."""
SOME = Scope(
    shapes=tuple((rows, cols) for rows in (1, 2, 3, 4, 5, 7, 8) for cols in (1, 2, 3, 4, 7, 8, 9, 16, 17)),
    folded=((1, 1), (3, 5), (4, 8), (5, 9)),
    tails=(1, 2, 7),
)
FEW = Scope(
    shapes=tuple((rows, cols) for rows in (1, 3, 4, 5) for cols in (1, 3, 8)),
    folded=((4, 8),),
    tails=(3,),
)

BOARDS = {
    "simavr-uno": ("RNN_NARROW", FEW),
    "simavr-mega": ("RNN_NARROW", SOME),
    "qemu-microbit": ("RNN_NARROW", SMALLER),
    "mps2-an385": ("RNN_WIDE", WHOLE),
    "mps2-an386": ("RNN_DSP", WHOLE),
    "mps2-an500": ("RNN_DSP", SOME),
    "mps2-an505": ("RNN_DSP", SOME),
    "mps3-an547": ("RNN_MVE", WHOLE),
    "qemu-riscv32-virt": ("RNN_WIDE", WHOLE),
}
"""One board of each kind of core: its layout, and what it computes."""

BY_ZIG = ("qemu-microbit", "mps2-an386", "mps3-an547", "qemu-riscv32-virt")
WITH_END = ("qemu-microbit", "mps2-an505", "mps3-an547")
"""One board of each kind of core behind whose RAM is nothing in QEMU: an access there is a fault."""

END_KIB = 2
"""The end of RAM that stack and variables leave to arrays."""

WHOLLY = "gcc", "-O2"
"""So a board computes the whole of its scope; with another compiler or level no more than SOME, in far less time."""

LEVELS = {"simavr-uno": ("-Os",), "mps2-an500": ("-O2",)}
"""Not all of -Os, -O2 and -O3: more has no room in the flash of one, and the other computes as a Cortex-M4."""

CASES = [
    pytest.param(name, compiler, level, marks=avr.NEEDS if name.startswith("simavr") else ())
    for name in BOARDS
    for compiler in ("gcc", *(["zig"] if name in BY_ZIG else []))
    for level in LEVELS.get(name, ("-Os", "-O2", "-O3"))
]


def numbers(tails: Sequence[int]) -> str:
    """Tables of the kernels that every core has, at the ends of their contracts, and the lengths of loops."""
    rng = np.random.default_rng(0)
    lengths = " ".join(f"EACH({n})" for n in tails)
    lines = ['#include "rnn_kernels.h"', f"enum {{ COLS = {COLS}, TOKENS = {TOKENS} }};"]
    lines += [f"#define TAILS(EACH) {lengths}", '#include "products.h"']
    types = {"weight": "int8_t", "bias": "int32_t", "multiplier": "int16_t", "shift": "uint8_t"}
    for bits in (8, 16):
        inputs = matvec64_case(bits, COLS, rng).inputs
        for (name, ctype), values in zip(types.items(), inputs, strict=False):
            lines.append(_defined(ctype, f"{name}_{bits}", values.astype(np.int64)))
        members = ", ".join(f".{name} = {name}_{bits}" for name in types)
        lines.append(f"static const RNN_FLASH rnn_linear64 linear_s{bits} = {{46, {COLS}, {members}}};")
    lines.append(_defined("int8_t", "tokens_table", rng.integers(-128, 128, (TOKENS, COLS))))
    channels = (rng.normal(size=(N, 2)) * (20, 1000)).astype(np.float32)
    floats = [f"{{{float_literal(g)}, {float_literal(o)}}}" for g, o in channels]
    lines.append(f"static const RNN_FLASH rnn_float_channel float_channels[] = {{{', '.join(floats)}}};")
    shifts = rng.integers(0, 41, N)
    offsets = rng.integers(-(1 << 61) + 1, 1 << 61, N) >> rng.integers(0, 61, N)
    raw = [f"{{INT64_C({o}), {g}, {s}}}" for o, g, s in zip(offsets, rng.integers(0, 1 << 31, N), shifts, strict=True)]
    lines.append(f"static const RNN_FLASH rnn_raw_channel raw_channels[] = {{{', '.join(raw)}}};")
    return "\n".join(lines) + "\n"


def _defined(ctype: str, name: str, values: IntArray) -> str:
    made = table(ctype, name, values)
    return f"static const RNN_FLASH {ctype} {name}[{made.size}] = {{\n{made.lines}\n}};"


def write_tables(scope: Scope, folder: Path) -> None:
    write_headers(folder, scope.products())
    (folder / "numbers.h").write_text(numbers(scope.tails))


@cache
def on_host(scope: Scope) -> list[str]:
    """What plain C gives, whose results tests/c compares with those of plain integers."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_tables(scope, folder)
        (folder / "port.c").write_text(ON_HOST)
        includes = [f"-I{path}" for path in (folder, KERNELS, FIRMWARE / "device", HERE.parent / "c")]
        flags = [*c.WARNINGS, "-O1", "-DRNN_WIDE", *scope.flags(), *includes]
        sources = [*map(str, SOURCES), str(folder / "port.c")]
        subprocess.run(["gcc", *flags, *sources, "-o", str(folder / "kernels")], check=True)
        run = subprocess.run([folder / "kernels"], check=True, capture_output=True, text=True)
        return run.stdout.splitlines()[2:-1]


def usable(name: str) -> Board:
    """The board; skips where its emulator is missing."""
    at = board.load(name)
    assert at.family.emulator is not None
    program = at.family.emulator.program
    if program != "simavr" and find_program(program) is None:
        pytest.skip(f"{program} is missing")
    return at


def with_end(at: Board, past: int = 0) -> tuple[Board, list[str]]:
    """The board with less RAM, and where arrays have to end: where RAM ends, or `past` bytes later."""
    if at.id not in WITH_END:
        return at, []
    ram = at.memory.ram
    smaller = at.memory.model_copy(update={"ram": ram.model_copy(update={"kib": ram.kib - END_KIB})})
    return at.model_copy(update={"memory": smaller}), [f"-DMEMORY_END={ram.end + past:#x}"]


@pytest.mark.parametrize(("name", "compiler", "level"), CASES)
def test_kernels_give_what_they_give_on_the_host(name: str, compiler: str, level: str, tmp_path: Path) -> None:
    (layout, scope), (at, end) = BOARDS[name], with_end(usable(name))
    if (compiler, level) != WHOLLY and scope is not FEW:
        scope = SOME
    chosen, *found = printed(at, compiled_kernels(at, compiler, level, scope, end, tmp_path), SECONDS)
    assert chosen == layout
    expected = on_host(scope)
    assert [line for line in found if line not in set(expected)] == []
    assert found == expected


def test_every_layout_is_on_a_board() -> None:
    assert {layout for layout, _ in BOARDS.values()} == {layout.guard for layout in all_layouts().values()}


@pytest.mark.parametrize("name", WITH_END)
def test_an_access_past_the_end_would_be_seen(name: str, tmp_path: Path) -> None:
    at, end = with_end(usable(name), past=2)
    elf = compiled_kernels(at, "gcc", "-Os", FEW, end, tmp_path)
    with pytest.raises(AssertionError, match="started 2 times"):
        printed(at, elf, SECONDS)


def compiled_kernels(at: Board, compiler: str, level: str, scope: Scope, end: list[str], folder: Path) -> Path:
    write_tables(scope, folder)
    return compiled(at, compiler, [level, *scope.flags(), *end, f"-I{HERE.parent / 'c'}"], SOURCES, folder)
