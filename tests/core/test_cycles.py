"""Cycles of hand-made lists of instructions, among them the examples of Arm's manuals."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rnn_edge.bench.cycles import CORES, Executed, Instruction, Kind, estimate, histogram
from rnn_edge.errors import UserError


def one(
    kind: Kind,
    writes: str = "",
    reads: str = "",
    pointers: str = "",
    moved: int = 1,
    size: int = 2,
    jumps: bool = False,
    flash: tuple[int, int] | None = None,
) -> Executed:
    """Registers are separated by blanks; `pointers` are read too."""
    read, written, pointing = (frozenset(text.split()) for text in (f"{reads} {pointers}", writes, pointers))
    instruction = Instruction(kind, 0, size, moved, read, written, pointing, indexed=len(pointing) > 1)
    return Executed(instruction, jumps, flash)


def placed(executed: list[Executed], address: int = 0) -> list[Executed]:
    """One behind the other in memory."""
    result = []
    for each in executed:
        result.append(replace(each, instruction=replace(each.instruction, address=address)))
        address += each.instruction.size
    return result


def load(to: str, pointers: str) -> Executed:
    return one(Kind.LOAD, writes=to, pointers=pointers)


def store(value: str, pointers: str) -> Executed:
    return one(Kind.STORE, reads=value, pointers=pointers)


ADD = one(Kind.ALU, "r0", "r0 r1")
LOOP = [load("r2", "r0"), load("r3", "r1"), one(Kind.MULTIPLY, "r2", "r2 r3"), ADD]
LOOP += [one(Kind.ALU, "r5 cpsr", "r5"), one(Kind.BRANCH, reads="cpsr", jumps=True)]


@pytest.mark.parametrize(
    ("executed", "cycles"),
    [
        ([ADD, ADD], 2),
        (LOOP, 2 + 2 + 1 + 1 + 1 + 3),
        ([one(Kind.BRANCH)], 1),
        ([one(Kind.CALL, jumps=True)], 4),
        ([one(Kind.INDIRECT_JUMP, jumps=True)], 3),
        ([one(Kind.STORE_MULTIPLE, moved=4), one(Kind.LOAD_MULTIPLE, moved=4)], 5 + 5),
        ([one(Kind.LOAD_MULTIPLE, moved=4, jumps=True)], 4 + 4),  # pop {r4-r6, pc}
        ([store("r0", "r1"), store("r0", "r1 r2"), one(Kind.SYSTEM)], 2 + 2 + 4),
    ],
)
def test_cortex_m0_takes_what_its_table_says(executed: list[Executed], cycles: int) -> None:
    assert estimate(executed, "Cortex-M0", 0) == cycles


@pytest.mark.parametrize(
    ("executed", "cycles"),
    [
        ([load("r0", "r1"), load("r1", "r2")], 3),
        ([load("r0", "r1 r2"), store("r0", "r3")], 3),
        ([load("r0", "r1 r2"), store("r1", "r3 r2")], 3),
        ([load("r0", "r1 r5"), load("r1", "r2"), load("r2", "r3")], 4),
        ([load("r0", "r1"), load("r2", "r0")], 4),  # the second needs the address that the first loads
        ([one(Kind.ALU, "r1", "r2"), load("r0", "r1")], 1 + 2 + 1),  # no forwarding into addresses
        ([one(Kind.ALU, "r1", "r2"), load("r0", "r3")], 1 + 2),
        ([store("r0", "r1"), store("r0", "r1 r2")], 1 + 2),
        ([one(Kind.MULTIPLY), one(Kind.DIVIDE), one(Kind.LOAD_MULTIPLE, moved=3)], 1 + 12 + 4),
        ([one(Kind.BRANCH), ADD], 1 + 1),
        ([one(Kind.BRANCH, jumps=True), ADD], 2 + 1),
        ([one(Kind.INDIRECT_JUMP, jumps=True), ADD], 4 + 1),
        ([one(Kind.LOAD_MULTIPLE, moved=2, jumps=True)], 3 + 3),
        ([one(Kind.TABLE_JUMP, jumps=True), ADD], 2 + 3 + 1),
    ],
)
def test_cortex_m4_takes_what_its_manual_says(executed: list[Executed], cycles: int) -> None:
    assert estimate(executed, "Cortex-M4", 0) == cycles


def test_cortex_m4_refills_longer_at_a_wide_target_across_two_words() -> None:
    branch, wide = one(Kind.BRANCH, jumps=True), one(Kind.ALU, size=4)
    assert estimate([branch, *placed([wide], 8)], "Cortex-M4", 0) == 3
    assert estimate([branch, *placed([wide], 10)], "Cortex-M4", 0) == 5
    assert estimate([branch, *placed([ADD], 10)], "Cortex-M4", 0) == 3


@pytest.mark.parametrize(
    ("executed", "cycles"),
    [
        ([one(Kind.ALU, "r0", "r1"), one(Kind.ALU, "r2", "r3")], 1),
        ([one(Kind.ALU, "r0", "r1"), one(Kind.ALU, "r2", "r0")], 2),
        ([one(Kind.ALU, "r0", "r1"), one(Kind.ALU, "r0", "r3")], 2),
        ([load("r0", "r1"), one(Kind.ALU, "r2", "r3")], 1),
        ([load("r0", "r1"), one(Kind.ALU, "r2", "r0")], 3),
        ([load("r0", "r1"), load("r2", "r1")], 2),
        ([one(Kind.MULTIPLY, "r0"), one(Kind.MULTIPLY, "r1")], 2),
        ([one(Kind.MULTIPLY, "r0", "r1 r2"), one(Kind.ALU, "r3", "r0")], 3),
        ([one(Kind.BRANCH, jumps=True), one(Kind.ALU, "r0")], 2),
        ([one(Kind.BRANCH), one(Kind.ALU, "r0"), one(Kind.ALU, "r1")], 2),
        ([one(Kind.STORE_MULTIPLE, moved=5), one(Kind.ALU, "r0")], 4),
        ([], 0),
    ],
)
def test_cortex_m7_issues_two_where_the_model_lets_it(executed: list[Executed], cycles: int) -> None:
    assert estimate(executed, "Cortex-M7", 0) == cycles


@pytest.mark.parametrize("core", CORES)
def test_each_new_line_of_flash_waits(core: str) -> None:
    line, swift = CORES[core].line_bytes, [one(Kind.ALU)] * 64
    straight = placed(swift)
    base = estimate(straight, core, 0)
    assert estimate(straight, core, 3) == base + 3 * (128 // line)
    one_line = placed(swift[: line // 2])
    assert estimate(one_line * 5, core, 3) - estimate(one_line * 5, core, 0) == 3  # it stays in its line
    across = placed([one(Kind.ALU, size=4)], line - 2)
    assert estimate(across, core, 3) - estimate(across, core, 0) == 6
    data = placed([one(Kind.LOAD, flash=(256, 1)), one(Kind.LOAD, flash=(256 + line - 1, 1))])
    data += placed([one(Kind.LOAD_MULTIPLE, moved=8, flash=(256 + line, 32)), one(Kind.LOAD)])
    lines = 1 + 32 // line
    code = estimate([Executed(each.instruction) for each in data], core, 3)
    assert estimate(data, core, 3) == code + 3 * lines


def test_histogram_tells_taken_branches() -> None:
    assert histogram([*LOOP, ADD, one(Kind.BRANCH)]) == {
        "load": 2,
        "multiply": 1,
        "alu": 3,
        "branch, taken": 1,
        "branch": 1,
    }


def test_wrong_questions_are_told() -> None:
    with pytest.raises(UserError, match="cannot be estimated for 'Cortex-M55', known are Cortex-M0, Cortex-M4"):
        estimate([ADD], "Cortex-M55", 0)
    with pytest.raises(UserError, match="-1 wait states were given"):
        estimate([ADD], "Cortex-M4", -1)


def test_every_core_says_what_is_assumed() -> None:
    for core in CORES.values():
        assert core.source and core.assumed and core.flash and core.typical_wait_states > 0
