"""What of a firmware takes how much flash and RAM, read from its ELF file, against what the board has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile

from .board import Board, Memory, Region
from .errors import FitError

# A function's return address, where the compiler does not count it, and what comes on top of all functions: the
# registers that an interrupt saves and the frames of the compiler's own library.
_CALL_BYTES, _INTERRUPT_BYTES = 4, 128

_LOOPS = {"rnn_kernels.c": "tables", "rnn_log_mel.c": "features", "rnn_decision.c": "decision"}
_STATES = {
    ("device.c", "instances"): "state",
    ("ears.c", "network"): "state",
    ("ears.c", "features"): "features",
    ("ears.c", "decision"): "decision",
}


@dataclass(frozen=True)
class Footprint:
    """Bytes by group: code (of model and kernels), weights, tables (of the kernels), features, decision, harness
    (device and port), state, stack (a bound), rest (the compiler's library, padding, initial values of variables).
    """

    flash: Mapping[str, int]
    ram: Mapping[str, int]

    @property
    def flash_bytes(self) -> int:
        return sum(self.flash.values())

    @property
    def ram_bytes(self) -> int:
        return sum(self.ram.values())


@dataclass(frozen=True)
class _Symbol:
    name: str
    source: str  # the C file
    is_function: bool
    address: int
    size: int


def measure(elf: Path, objects: Sequence[Path], memory: Memory, model: str, frames: Mapping[str, int]) -> Footprint:
    """The footprint of a linked firmware. `objects`: what it was linked from; `frames`: function -> bytes of its frame.

    The stack is bounded by the frames of all linked functions together: none of them calls itself, so that each is on
    the stack once at most.
    """
    groups = {"flash": Counter[str](), "ram": Counter[str]()}
    stack = _INTERRUPT_BYTES
    for symbol in _symbols(elf, objects):
        groups[_region_name(memory, symbol.address)][_group(symbol, model)] += symbol.size
        if symbol.is_function:
            stack += frames.get(symbol.name.partition(".")[0], 0) + _CALL_BYTES
    for name, total in (("flash", len(flash_content(elf, memory))), ("ram", _ram_size(elf, memory))):
        groups[name]["rest"] = total - groups[name].total()
    groups["ram"]["stack"] = stack
    return Footprint(dict(groups["flash"]), dict(groups["ram"]))


def check(footprint: Footprint, board: Board, model: str, scheme: str) -> None:
    """FitError with the numbers where the firmware needs more than the board has."""
    smaller = " or" if scheme == "int8" else ", the scheme int8 or"
    for name, groups, region in (
        ("flash", footprint.flash, board.memory.flash),
        ("RAM", footprint.ram, board.memory.ram),
    ):
        needed = sum(groups.values())
        if needed > region.size:
            parts = ", ".join(f"{group} {size:,}" for group, size in sorted(groups.items(), key=lambda item: -item[1]))
            raise FitError(
                f"{model} does not fit on {board.name}: it needs {needed:,} bytes of {name} ({parts}), the board has "
                f"{region.size:,}; take fewer units{smaller} a larger board."
            )


def check_tables(sizes: Mapping[str, int], board: Board, model: str) -> None:
    """FitError where a constant table has half of the bytes that pointers reach: their difference is signed."""
    if board.family.table_reach_kib is None:
        return
    most = board.family.table_reach_kib * 512 - 1
    for name, size in sizes.items():
        if size > most:
            raise FitError(
                f"{model} does not fit on {board.name}: its table {name} has {size:,} bytes, a table on "
                f"{board.family.core} has {most:,} at most; take fewer units or a board with another core."
            )


def check_reach(elf: Path, objects: Sequence[Path], board: Board, model: str) -> None:
    """FitError with the numbers where constant tables lie further into flash than pointers reach."""
    if board.family.table_reach_kib is None:
        return
    memory, reach = board.memory, board.family.table_reach_kib * 1024
    constants = [
        symbol
        for symbol in _symbols(elf, objects)
        if not symbol.is_function and region_of(memory, symbol.address) is memory.flash
    ]
    end = max(symbol.address + symbol.size for symbol in constants) - memory.flash.origin
    if end > reach:
        raise FitError(
            f"{model} does not fit on {board.name}: its tables end at {end:,} bytes of flash, {board.family.core} "
            f"reads them from the first {reach:,}; take fewer units or a board with another core."
        )


def flash_content(elf: Path, memory: Memory) -> bytes:
    """What goes into flash, from its first address on; gaps are 0xFF, as erased flash is."""
    with elf.open("rb") as file:
        parts = [
            (segment["p_paddr"], segment.data())
            for segment in ELFFile(file).iter_segments("PT_LOAD")
            if segment["p_filesz"] and region_of(memory, segment["p_paddr"]) is memory.flash
        ]
    content = bytearray()
    for address, data in sorted(parts):
        start = address - memory.flash.origin
        content += b"\xff" * (start - len(content))
        content[start:] = data
    return bytes(content)


def region_of(memory: Memory, address: int) -> Region:
    """The region that an address is meant for, be it behind its end: what is too large is measured as well."""
    return max((region for region in (memory.flash, memory.ram) if region.origin <= address), key=lambda r: r.origin)


def _region_name(memory: Memory, address: int) -> str:
    return "flash" if region_of(memory, address) is memory.flash else "ram"


def _group(symbol: _Symbol, model: str) -> str:
    if symbol.source in (f"{model}.c", "rnn_kernels.c") and symbol.is_function:
        return "code"
    own = {f"{model}.c": "weights", f"{model}_features.c": "features", f"{model}_decision.c": "decision"}
    return _STATES.get((symbol.source, symbol.name)) or (own | _LOOPS).get(symbol.source, "harness")


def _symbols(elf: Path, objects: Sequence[Path]) -> Iterator[_Symbol]:
    """The linked functions and variables of the C files that `objects` were compiled from."""
    owners: dict[str, set[str]] = {}
    for path in objects:
        for symbol in _defined(path):
            owners.setdefault(symbol.name, set()).add(path.with_suffix(".c").name)
    for symbol in _defined(elf):
        sources = owners.get(symbol.name, set())
        if len(sources) == 1 or symbol.source in sources:
            yield replace(symbol, source=symbol.source if symbol.source in sources else next(iter(sources)))


def _defined(path: Path) -> Iterator[_Symbol]:
    """Functions and variables with their size; the C file is known of the local ones."""
    source = ""
    with path.open("rb") as file:
        for symbol in ELFFile(file).get_section_by_name(".symtab").iter_symbols():
            kind, local = symbol["st_info"]["type"], symbol["st_info"]["bind"] == "STB_LOCAL"
            if kind == "STT_FILE":
                source = symbol.name
            elif symbol.name.startswith("."):
                continue  # clang's name for several variables together, which are there on their own as well
            elif kind in ("STT_FUNC", "STT_OBJECT") and symbol["st_shndx"] != "SHN_UNDEF":
                function = kind == "STT_FUNC"
                yield _Symbol(symbol.name, source if local else "", function, symbol["st_value"], symbol["st_size"])


def _ram_size(elf: Path, memory: Memory) -> int:
    with elf.open("rb") as file:
        sections = [section for section in ELFFile(file).iter_sections() if section["sh_flags"] & SH_FLAGS.SHF_ALLOC]
        return sum(s["sh_size"] for s in sections if region_of(memory, s["sh_addr"]) is memory.ram)
