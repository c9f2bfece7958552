"""Which counter a Cortex-M reads: CYCCNT of the debug unit where it counts (in no emulator here), else SysTick."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from rnn_edge import compilers
from rnn_edge.board import load
from rnn_edge.errors import MissingError
from rnn_edge.paths import FIRMWARE

unicorn = pytest.importorskip("unicorn", reason="pip install 'unicorn>=2.1.4,<3'")

PROGRAM = """
#include "bare.h"
#include "port.h"

uint32_t first, second;

__attribute__((noinline)) void done(void)
{
    for (;;)
        ;
}

int main(void)
{
    cycles_init();
    first = port_cycles();
    second = port_cycles();
    done();
    return 0;
}
"""
SYSTEM, DWT, RAM, SIZE = 0xE000E000, 0xE0001000, 0x20000000, 0x10000
DEMCR, TRCENA = 0xDFC, 1 << 24
SYST_CSR, SYST_CVR = 0x010, 0x018
CTRL, CYCCNT, LAR, NOCYCCNT, KEY = 0x000, 0x004, 0xFB0, 1 << 25, 0xC5ACCE55
STEP, TICK = 1000, 7  # what CYCCNT and SysTick have counted at each further read


@dataclass
class Core:
    """Registers of system control space and debug unit, as far as they count. `counts`: is CYCCNT there?"""

    counts: bool
    locked: bool = False
    ctrl: int = 0
    words: dict[int, int] = field(default_factory=dict)
    reads: int = 0

    def read_system(self, _: object, offset: int, size: int, data: object) -> int:
        if offset == SYST_CVR:
            self.reads += 1
            return 0xFFFFFF - TICK * self.reads
        return self.words.get(SYSTEM + offset, 0)

    def write_system(self, _: object, offset: int, size: int, value: int, data: object) -> None:
        self.words[SYSTEM + offset] = value

    def read_dwt(self, _: object, offset: int, size: int, data: object) -> int:
        if offset == CTRL:
            return self.ctrl | self.words.get(DWT, 0)
        if offset == CYCCNT and self._runs():
            self.reads += 1
            return STEP * self.reads
        return 0

    def write_dwt(self, _: object, offset: int, size: int, value: int, data: object) -> None:
        if offset == LAR and value == KEY:
            self.locked = False
        elif not self.locked:
            self.words[DWT + offset] = value

    def _runs(self) -> bool:
        enabled = self.words.get(SYSTEM + DEMCR, 0) & TRCENA and self.words.get(DWT, 0) & 1
        return bool(self.counts and enabled and not self.locked)

    @property
    def systick_runs(self) -> bool:
        return bool(self.words.get(SYSTEM + SYST_CSR, 0) & 1)


def compiled(board: str, folder: Path) -> Path:
    """cycles.c of a board's core, with the program that reads the counter twice."""
    try:
        compiler = compilers.find(load(board).family, "gcc")
    except MissingError as error:
        pytest.skip(str(error))
    (folder / "main.c").write_text(PROGRAM)
    ports = FIRMWARE / "ports"
    includes = [f"-I{place}" for place in (ports / "bare", FIRMWARE / "device")]
    places = ("-Wl,-e,main", "-Wl,-Ttext=0", f"-Wl,-Tbss={RAM:#x}")
    sources = ["main.c", str(ports / "cortex_m" / "cycles.c")]
    compiler.run(["-std=c99", "-Os", *includes, *places, "-nostdlib", *sources, "-o", "made.elf"], folder)
    return folder / "made.elf"


def difference(elf: Path, core: Core) -> int:
    """Of the two reads."""
    machine = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS)
    machine.ctl_set_cpu_model(unicorn.arm_const.UC_CPU_ARM_CORTEX_M4)
    machine.mem_map(0, SIZE)
    machine.mem_map(RAM, SIZE)
    machine.mmio_map(SYSTEM, 0x1000, core.read_system, None, core.write_system, None)
    machine.mmio_map(DWT, 0x1000, core.read_dwt, None, core.write_dwt, None)
    with elf.open("rb") as file:
        image = ELFFile(file)
        for segment in image.iter_segments("PT_LOAD"):
            if segment["p_filesz"] and segment["p_vaddr"] < SIZE:
                machine.mem_write(segment["p_vaddr"], segment.data())
        table = image.get_section_by_name(".symtab")
        at = {name: table.get_symbol_by_name(name)[0]["st_value"] for name in ("main", "done", "first", "second")}
    machine.reg_write(unicorn.arm_const.UC_ARM_REG_SP, RAM + SIZE)
    machine.emu_start(at["main"] | 1, at["done"] & ~1, timeout=10 * unicorn.UC_SECOND_SCALE)
    first, second = (int.from_bytes(machine.mem_read(at[name], 4), "little") for name in ("first", "second"))
    return second - first


@pytest.mark.parametrize("locked", [False, True])
def test_cyccnt_is_read_where_it_counts(locked: bool, tmp_path: Path) -> None:
    """On Cortex-M7 its registers are locked at first."""
    core = Core(counts=True, locked=locked)
    assert difference(compiled("mps2-an386", tmp_path), core) == STEP
    assert not core.systick_runs


@pytest.mark.parametrize(
    "core",
    [Core(counts=False), Core(counts=False, ctrl=NOCYCCNT)],
    ids=["registers without a counter behind them", "a core that says it has none"],
)
def test_otherwise_systick_is_read(core: Core, tmp_path: Path) -> None:
    assert difference(compiled("mps2-an386", tmp_path), core) == TICK
    assert core.systick_runs


def test_a_core_without_it_does_not_look(tmp_path: Path) -> None:
    core = Core(counts=True)
    assert difference(compiled("raspberry-pi-pico", tmp_path), core) == TICK
    assert core.systick_runs and not any(address >= DWT and address < DWT + 0x1000 for address in core.words)
