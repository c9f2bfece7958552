"""Every kernel on an AVR, whose int has 16 bits and whose tables are in another memory, against the host's."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from rnn_edge import compilers
from rnn_edge.backends.c_text import float_literal, table
from rnn_edge.board import Board
from rnn_edge.emulators import simavr
from rnn_edge.paths import FIRMWARE
from tests.c.test_kernels import matvec_case

from .avr import MEGA, NEEDS, UNO, Terminal, image

pytestmark = NEEDS

HERE = Path(__file__).parent
KERNELS, PORT, DEVICE = FIRMWARE / "kernels", FIRMWARE / "ports" / "avr", FIRMWARE / "device"
WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-pedantic", "-Werror")
SOURCES = [HERE / "avr_kernels.c", KERNELS / "rnn_kernels.c"]
COLUMNS, N, TOKENS = 23, 96, 40
ON_HOST = """
#include "port.h"
#include <stdio.h>
void port_init(void) {}
void port_write(uint8_t byte) { putchar(byte); }
"""


def tables() -> str:
    """Weights, biases and factors at the ends of their contracts, as in the tests of the host."""
    rng = np.random.default_rng(0)
    lines = ['#include "rnn_kernels.h"', f"enum {{ ROWS = 46, TOKENS = {TOKENS} }};"]
    types = ("int8_t", "int32_t", "int16_t", "uint8_t")
    names = ("weight", "bias", "multiplier", "shift")
    for bits in (8, 16):
        for ctype, name, values in zip(types, names, matvec_case(bits, COLUMNS, rng).inputs, strict=False):
            lines.append(_defined(ctype, f"{name}_{bits}", values.astype(np.int64)))
        members = ", ".join(f".{name} = {name}_{bits}" for name in names)
        lines.append(f"static const RNN_FLASH rnn_linear linear_s{bits} = {{46, {COLUMNS}, {members}}};")
    lines.append(_defined("int8_t", "tokens_table", rng.integers(-128, 128, (TOKENS, 8))))
    channels = rng.normal(size=(N, 2)) * (20, 1000)
    floats = [f"{{{float_literal(g)}, {float_literal(o)}}}" for g, o in channels.astype(np.float32)]
    lines.append(f"static const RNN_FLASH rnn_float_channel float_channels[] = {{{', '.join(floats)}}};")
    shifts = rng.integers(0, 41, N)
    offsets = rng.integers(-(1 << 61) + 1, 1 << 61, N) >> rng.integers(0, 61, N)
    raw = [f"{{INT64_C({o}), {g}, {s}}}" for o, g, s in zip(offsets, rng.integers(0, 1 << 31, N), shifts, strict=True)]
    lines.append(f"static const RNN_FLASH rnn_raw_channel raw_channels[] = {{{', '.join(raw)}}};")
    return "\n".join(lines) + "\n"


def _defined(ctype: str, name: str, values: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> str:
    made = table(ctype, name, values)
    return f"static const RNN_FLASH {ctype} {name}[{made.size}] = {{\n{made.lines}\n}};"


@pytest.fixture(scope="module")
def on_host(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("host")
    (folder / "avr_tables.h").write_text(tables())
    (folder / "port.c").write_text(ON_HOST)
    includes = [f"-I{path}" for path in (folder, KERNELS, DEVICE)]
    program = folder / "kernels"
    command = ["gcc", "-std=c99", *WARNINGS, "-O1", *includes, *map(str, SOURCES)]
    subprocess.run([*command, str(folder / "port.c"), "-o", str(program)], check=True)
    return subprocess.run([program], check=True, capture_output=True, text=True).stdout.splitlines()


@pytest.mark.parametrize("at", [UNO, MEGA], ids=lambda at: at.id)
@pytest.mark.parametrize("level", ["-Os", "-O2"])
def test_kernels_give_what_they_give_on_the_host(at: Board, level: str, on_host: list[str], tmp_path: Path) -> None:
    (tmp_path / "avr_tables.h").write_text(tables())
    includes = [f"-I{path}" for path in (tmp_path, KERNELS, DEVICE, PORT)]
    macros = (f"-DPORT_CLOCK_HZ={at.clock.hz}", f"-DPORT_BAUD={at.uart.baud}")
    sources = [*SOURCES, *sorted(PORT.glob("*.c"))]
    compilers.find(at.family).run(
        [*WARNINGS, level, "-Wl,--gc-sections", *macros, *includes, *map(str, sources), "-o", "kernels.elf"], tmp_path
    )
    with simavr.machine(at, image(tmp_path / "kernels.elf", at)) as machine:
        terminal = Terminal(machine.uart)
        found = terminal.until(b"end\n", 60).decode().splitlines()
        terminal.close()
    assert len(on_host) > 400
    assert [line for line in found if line not in on_host] == []
    assert found == on_host
