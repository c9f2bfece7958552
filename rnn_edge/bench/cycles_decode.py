"""Arm instructions of an ELF file: of which kind they are, which registers they touch, what they load (by capstone)."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elftools.elf.elffile import ELFFile

from ..errors import RnnEdgeError
from .cycles import Instruction, Kind

GET_CAPSTONE = "pip install 'capstone>=5,<6'"

_NUMBERS = {f"r{number}": number for number in range(16)} | {
    name: number for number, name in enumerate(("sb", "sl", "fp", "ip", "sp", "lr", "pc"), start=9)
}
_PC = 15
_SIZES = {"ldrb": 1, "ldrsb": 1, "ldrh": 2, "ldrsh": 2, "ldrd": 8, "tbb": 1, "tbh": 2}
_REGISTER, _MEMORY, _ALWAYS = 1, 3, 15  # capstone's ARM_OP_REG, ARM_OP_MEM, ARM_CC_AL
_LONGEST_IT = 5  # instructions, itself included

_KINDS = {
    "b": Kind.BRANCH,
    "cbz": Kind.BRANCH,
    "cbnz": Kind.BRANCH,
    "bl": Kind.CALL,
    "bx": Kind.INDIRECT_JUMP,
    "blx": Kind.INDIRECT_JUMP,
    "tbb": Kind.TABLE_JUMP,
    "tbh": Kind.TABLE_JUMP,
    "push": Kind.STORE_MULTIPLE,
    "strd": Kind.STORE_MULTIPLE,
    "pop": Kind.LOAD_MULTIPLE,
    "ldrd": Kind.LOAD_MULTIPLE,
    "sdiv": Kind.DIVIDE,
    "udiv": Kind.DIVIDE,
}
_KINDS_BY_START = {
    "ldm": Kind.LOAD_MULTIPLE,
    "stm": Kind.STORE_MULTIPLE,
    "ldr": Kind.LOAD,
    "str": Kind.STORE,
    **dict.fromkeys(("mul", "mla", "mls", "sml", "smm", "smu", "uml", "umu", "uma"), Kind.MULTIPLY),
    **dict.fromkeys(("mrs", "msr", "isb", "dsb", "dmb"), Kind.SYSTEM),
}


@dataclass(frozen=True)
class Pointer:
    """What a load reads: `size` bytes at base + (index << shift) + offset, registers by number."""

    size: int
    base: int
    index: int | None = None
    shift: int = 0
    offset: int = 0

    def read(self, registers: Mapping[int, int]) -> tuple[int, int]:
        """First address and bytes; the pc reads as the word that lies 4 bytes ahead."""
        base = (registers[_PC] + 4) & ~3 if self.base == _PC else registers[self.base]
        index = 0 if self.index is None else registers[self.index] << self.shift
        return (base + index + self.offset) & 0xFFFFFFFF, self.size


def is_installed() -> bool:
    """Is capstone there?"""
    return importlib.util.find_spec("capstone") is not None


class Decoder:
    """Instructions of an ELF file by address; `capstone` has to be installed."""

    def __init__(self, elf: Path) -> None:
        import capstone  # where it is not installed, the rest of the package works

        self._engine = capstone.Cs(capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS)
        self._engine.detail = True
        with elf.open("rb") as file:
            self._content = [(s["p_vaddr"], s.data()) for s in ELFFile(file).iter_segments("PT_LOAD")]
        self._known: dict[int, tuple[Instruction, Pointer | None]] = {}

    def at(self, address: int) -> tuple[Instruction, Pointer | None]:
        """The instruction, and what it reads where it is a load; RnnEdgeError where there is none of a known kind."""
        if address not in self._known:
            code = next((c[address - s :] for s, c in self._content if s <= address < s + len(c)), b"")
            decoded = list(self._engine.disasm(code[: 4 * _LONGEST_IT], address, _LONGEST_IT))
            if not decoded or decoded[0].insn_name().startswith("v"):
                raise RnnEdgeError(f"The instruction at {address:#x} is not of a kind whose cycles are known.")
            # Decoded on its own, an instruction behind an IT would be another one, which sets the flags.
            block = len(decoded[0].mnemonic) if decoded[0].insn_name() == "it" else 1
            for one in decoded[:block]:
                self._known[one.address] = (_instruction(one), _pointer(one))
        return self._known[address]


def _instruction(decoded: Any) -> Instruction:
    reads, writes = ({decoded.reg_name(number) for number in numbers} for numbers in decoded.regs_access())
    name = decoded.insn_name()
    kind = _KINDS.get(name) or next((k for start, k in _KINDS_BY_START.items() if name.startswith(start)), Kind.ALU)
    if kind is Kind.ALU and "pc" in writes:
        kind = Kind.INDIRECT_JUMP
    for registers in (reads, writes):
        registers.discard("pc")  # `kind` tells of jumps
    if decoded.update_flags:
        writes.add("cpsr")
    if decoded.cc != _ALWAYS:
        reads.add("cpsr")
    moved, memory = 1, _memory(decoded)
    pointers = {decoded.reg_name(number) for number in (memory.base, memory.index) if number} if memory else set()
    if kind in (Kind.LOAD_MULTIPLE, Kind.STORE_MULTIPLE):
        moved = len(_moved(decoded))
        pointers |= {"sp"} if name in ("push", "pop") else set()
        pointers |= {decoded.reg_name(decoded.operands[0].reg)} if name.startswith(("ldm", "stm")) else set()
    return Instruction(
        kind,
        decoded.address,
        decoded.size,
        moved,
        frozenset(reads),
        frozenset(writes),
        frozenset(pointers),
        indexed=memory is not None and memory.index != 0,
    )


def _pointer(decoded: Any) -> Pointer | None:
    """None where the instruction loads nothing."""
    name, memory = decoded.insn_name(), _memory(decoded)
    if name == "pop" or name.startswith("ldm"):
        base = "sp" if name == "pop" else decoded.reg_name(decoded.operands[0].reg)
        return Pointer(4 * len(_moved(decoded)), _NUMBERS[base])
    if memory is None or not name.startswith(("ldr", "tb")):
        return None
    operand = next(one for one in decoded.operands if one.type == _MEMORY)
    return Pointer(
        _SIZES.get(name, 4),
        _NUMBERS[decoded.reg_name(memory.base)],
        _NUMBERS[decoded.reg_name(memory.index)] if memory.index else None,
        operand.shift.value,
        memory.disp,
    )


def _memory(decoded: Any) -> Any | None:
    """Base, index and offset of the memory that a single load or store accesses."""
    return next((one.mem for one in decoded.operands if one.type == _MEMORY), None)


def _moved(decoded: Any) -> list[Any]:
    """The registers that a multiple load or store moves: all operands but the base of ldm and stm."""
    registers = [one for one in decoded.operands if one.type == _REGISTER]
    return registers[1:] if decoded.insn_name().startswith(("ldm", "stm")) else registers
