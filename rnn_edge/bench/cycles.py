"""An estimate of a core's cycles from the instructions that it executed and what its manual says each of them takes.

It is an estimate: real chips have prefetchers, caches, bus conflicts and multipliers that differ. What is assumed where
a manual leaves it open stands beside the numbers. The instructions come from an emulator (`cycles_trace`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from ..errors import UserError


class Kind(StrEnum):
    """Instructions that take the same time. A jump is indirect where its target is in a register or in memory."""

    ALU = "alu"
    MULTIPLY = "multiply"
    DIVIDE = "divide"
    LOAD = "load"
    STORE = "store"
    LOAD_MULTIPLE = "load multiple"
    STORE_MULTIPLE = "store multiple"
    BRANCH = "branch"
    CALL = "call"
    INDIRECT_JUMP = "indirect jump"
    TABLE_JUMP = "table jump"
    SYSTEM = "system"


_ACCESSES = {Kind.LOAD, Kind.LOAD_MULTIPLE, Kind.TABLE_JUMP, Kind.STORE, Kind.STORE_MULTIPLE}
_JUMPS = {Kind.BRANCH, Kind.CALL, Kind.INDIRECT_JUMP, Kind.TABLE_JUMP}


@dataclass(frozen=True)
class Instruction:
    """One instruction of a program. Registers by name, the flags are `cpsr`."""

    kind: Kind
    address: int = 0
    size: int = 2  # 2 or 4 bytes
    moved: int = 1  # registers that a load or store moves
    reads: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()
    pointers: frozenset[str] = frozenset()  # those of `reads` that make the address of a load or store
    indexed: bool = False  # one of the pointers is added to another

    @property
    def can_jump(self) -> bool:
        """By itself, not by an interrupt that comes after it."""
        return self.kind in _JUMPS or self.kind in (Kind.LOAD, Kind.LOAD_MULTIPLE)


@dataclass(frozen=True)
class Executed:
    """One execution of it. `flash_data`: first address and number of bytes of what it loads from flash."""

    instruction: Instruction
    jumps: bool = False  # the next instruction is not the one behind it
    flash_data: tuple[int, int] | None = None


Trace = Sequence[Executed]

ESTIMATED = (
    "An estimate, not a measurement: the instructions of one step (the first of the self-test) as QEMU executes them, "
    "and what the core takes for each."
)


@dataclass(frozen=True)
class Core:
    """How a core is estimated; `cycles(trace)` is with memory that never waits.

    `line_bytes`: what its flash reads at once, `typical_wait_states`: how long that takes longer than a cycle, both on
    the chips that `flash` names, at their highest clock.
    """

    source: str
    assumed: str
    cycles: Callable[[Trace], int]
    line_bytes: int
    typical_wait_states: int
    flash: str

    @property
    def basis(self) -> str:
        """What an estimate rests on, as a sentence."""
        return f"{self.source}. Assumed: {self.assumed}. Flash: {self.flash}."


@dataclass(frozen=True)
class Timing:
    """Cycles of one kind: always, for each register moved, and where it jumps."""

    base: int
    each: int = 0
    jump: int = 0


def histogram(trace: Trace) -> Counter[str]:
    """Executions by kind; those that jumped are counted apart, as `branch, taken`."""
    return Counter(f"{one.instruction.kind}{', taken' if one.jumps else ''}" for one in trace)


def estimate(trace: Trace, core: str, wait_states: int) -> int:
    """Cycles of a trace on a core by name, where flash makes it wait. UserError where there is no such estimate.

    Flash is modelled as two buffers of one line, for instructions and for data: an access to another line than the last
    one waits. Prefetchers and caches, which do better, are left out.
    """
    if core not in CORES:
        raise UserError(
            f"Cycles cannot be estimated for {core!r}, known are {', '.join(CORES)}: take a board of these."
        )
    if wait_states < 0:
        raise UserError(f"{wait_states} wait states were given, 0 or more are accepted: correct it.")
    model = CORES[core]
    return model.cycles(trace) + wait_states * _lines_read(trace, model.line_bytes)


def _lines_read(trace: Trace, line_bytes: int) -> int:
    code = ((one.instruction.address, one.instruction.size) for one in trace)
    data = (one.flash_data for one in trace if one.flash_data is not None)
    return sum(_changes(ranges, line_bytes) for ranges in (code, data))


def _changes(ranges: Iterator[tuple[int, int]], line_bytes: int) -> int:
    """How often a buffer of one line is filled by accesses of (address, bytes)."""
    held, filled = None, 0
    for address, size in ranges:
        for line in range(address // line_bytes, (address + size - 1) // line_bytes + 1):
            filled += line != held
            held = line
    return filled


def _by_table(trace: Trace, timings: Mapping[Kind, Timing]) -> int:
    cycles = 0
    for one in trace:
        timing = timings[one.instruction.kind]
        cycles += timing.base + timing.each * one.instruction.moved + timing.jump * one.jumps
    return cycles


# Cortex-M0: DDI 0432C, table 3-1.

_M0 = {
    Kind.ALU: Timing(1),
    Kind.MULTIPLY: Timing(1),
    Kind.LOAD: Timing(2),
    Kind.STORE: Timing(2),
    Kind.LOAD_MULTIPLE: Timing(1, each=1, jump=3),  # pop with pc: 4 + N
    Kind.STORE_MULTIPLE: Timing(1, each=1),
    Kind.BRANCH: Timing(1, jump=2),
    Kind.CALL: Timing(4),
    Kind.INDIRECT_JUMP: Timing(3),
    Kind.SYSTEM: Timing(4),
}


# Cortex-M4: 100166_0001 (DDI 0439), table 3-1, table 3-2 and section 3.3.3 (load/store timings).

_M4 = {
    Kind.ALU: Timing(1),
    Kind.MULTIPLY: Timing(1),
    Kind.DIVIDE: Timing(12),  # 2 to 12
    Kind.LOAD: Timing(2),
    Kind.STORE: Timing(1),
    Kind.LOAD_MULTIPLE: Timing(1, each=1),
    Kind.STORE_MULTIPLE: Timing(1, each=1),
    Kind.BRANCH: Timing(1),
    Kind.CALL: Timing(1),
    Kind.INDIRECT_JUMP: Timing(1),
    Kind.TABLE_JUMP: Timing(2),
    Kind.SYSTEM: Timing(1),
}
_M4_DIRECT_REFILL, _M4_INDIRECT_REFILL = 1, 3  # P is 1 to 3, by how early the target is known


def _m4_cycles(trace: Trace) -> int:
    refills = sum(_m4_refill(one, following) for one, following in pairwise(trace))
    refills += sum(_m4_refill(one, None) for one in trace[-1:])
    between = sum(_m4_between(one.instruction, following.instruction) for one, following in pairwise(trace))
    # Only a store to base + constant leaves after one cycle.
    indexed = sum(one.instruction.indexed and one.instruction.kind is Kind.STORE for one in trace)
    return _by_table(trace, _M4) + refills + between + indexed


def _m4_refill(one: Executed, following: Executed | None) -> int:
    """P of one execution: the longest where the target is a 4-byte instruction across two words."""
    if not one.jumps:
        return 0
    target = None if following is None else following.instruction
    if target is not None and target.size == 4 and target.address % 4 != 0:
        return _M4_INDIRECT_REFILL
    return _M4_DIRECT_REFILL if one.instruction.kind in (Kind.BRANCH, Kind.CALL) else _M4_INDIRECT_REFILL


def _m4_between(one: Instruction, following: Instruction) -> int:
    """What the second of two neighbours takes longer (+1) or shorter (-1) because of the first."""
    if following.kind not in _ACCESSES:
        return 0
    depends = bool(one.writes & following.pointers)
    if one.kind is Kind.LOAD:
        overlaps = following.kind is Kind.LOAD or (following.kind is Kind.STORE and following.indexed)
        return -1 if overlaps and not depends else 0
    return int(depends and one.kind in (Kind.ALU, Kind.MULTIPLY))


# Cortex-M7: Arm publishes no timings (DDI 0489 has none); a model of an in-order core with two issue slots.

_M7_LATENCY = {Kind.LOAD: 2, Kind.LOAD_MULTIPLE: 2, Kind.MULTIPLY: 2, Kind.DIVIDE: 12}
"""Cycles from the issue of an instruction to the issue of one that reads its result; 1 for all others."""


def _m7_cycles(trace: Trace) -> int:
    ready: dict[str, int] = {}
    cycle, free, first = -1, 0, None  # the current cycle, its free slots, what was issued in it
    for one in trace:
        now = one.instruction
        earliest = max((ready.get(name, 0) for name in now.reads), default=0)
        if free == 0 or earliest > cycle or (first is not None and not _m7_pairs(first, now)):
            cycle, free = max(cycle + 1, earliest), 2
        first, free = now, free - 1
        ready.update(dict.fromkeys(now.writes, cycle + _M7_LATENCY.get(now.kind, 1)))
        if now.kind in (Kind.LOAD_MULTIPLE, Kind.STORE_MULTIPLE):
            cycle, free = cycle + (now.moved - 1) // 2, 0
        if one.jumps or now.kind is Kind.SYSTEM:
            free = 0  # what follows comes from another fetch, or has to wait
    return cycle + 1


def _m7_pairs(first: Instruction, second: Instruction) -> bool:
    """May both be issued in one cycle, as far as the units go?"""
    one_of_each = (_ACCESSES, {Kind.MULTIPLY, Kind.DIVIDE}, _JUMPS)
    crowded = any(first.kind in unit and second.kind in unit for unit in one_of_each)
    return not crowded and not first.writes & second.writes


CORES = {
    "Cortex-M0": Core(
        source="Cortex-M0 TRM, DDI 0432C, table 3-1",
        assumed="the multiplier of one cycle",
        cycles=lambda trace: _by_table(trace, _M0),
        line_bytes=4,
        typical_wait_states=1,
        flash="STM32F0 at 48 MHz (RM0091): words, 1 wait state",
    ),
    "Cortex-M4": Core(
        source="Cortex-M4 TRM, 100166_0001 (DDI 0439), tables 3-1 and 3-2, section 3.3.3",
        assumed="a refill takes 1 cycle after a direct jump, 3 after others and at a 4-byte target across two words; "
        "a division takes 12; IT is not folded; an instruction that IT skips costs as much as one that it does not",
        cycles=_m4_cycles,
        line_bytes=16,
        typical_wait_states=5,
        flash="STM32F4 at 168 MHz (RM0090) without its prefetch and caches: 16 bytes, 5 wait states",
    ),
    "Cortex-M7": Core(
        source="no public table; a model",
        assumed="two neighbours issue together unless the second needs the first, both access memory or both "
        "multiply; results of loads and multiplications are there after 2 cycles, all others after 1; every branch is "
        "predicted; two registers of a multiple load or store move a cycle",
        cycles=_m7_cycles,
        line_bytes=32,
        typical_wait_states=7,
        flash="STM32F7 at 216 MHz (RM0385) without its caches: 32 bytes, 7 wait states",
    ),
}
