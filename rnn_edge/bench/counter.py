"""What the cycle counter of an emulated board counts, and how its ticks become numbers of instructions."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from ..board import Board
from ..errors import RnnEdgeError, UserError
from .measurement import CYCLES, INSTRUCTIONS

_LEAST_TICKS = 2  # an instruction
_LEAST_ICOUNT = 5
_NOPS = 1000


@dataclass(frozen=True)
class Counter:
    """`ticks` of the counter make one `unit`; `icount` is QEMU's option, None in simavr.

    A difference of two reads is less than one tick off. With more than two ticks an instruction, the nearest whole
    number of instructions is the true one.
    """

    unit: str
    ticks: Fraction
    icount: int | None

    def count(self, ticks: int) -> int:
        return round(ticks / self.ticks)

    def check(self, board: Board, nops: int, empty: int) -> None:
        """RnnEdgeError where 1,000 instructions (`nops` ticks, `empty` without them) count as another number."""
        counted = self.count(nops) - self.count(empty)
        if counted != _NOPS:
            raise RnnEdgeError(
                f"{board.id} counts {counted:,} for {_NOPS:,} instructions; correct `clock.hz` of its board file: "
                "it has to be the clock that the emulator gives the core."
            )


def counter_of(board: Board) -> Counter:
    """The counter of an emulated board; UserError for a real one."""
    if not board.emulated or board.family.emulator is None:
        raise UserError(
            f"{board.id} is a real board, and bench counts on emulated ones; `rnn-edge monitor --board {board.id}` "
            "shows its cycle counter."
        )
    if board.family.emulator.program == "simavr":
        return Counter(CYCLES, Fraction(1), None)
    return _counter_of_qemu(board.clock.hz)


def _counter_of_qemu(hz: int) -> Counter:
    """With `-icount shift=n` an instruction takes 2^n ns: the smallest n from 5 on that gives it two ticks."""
    icount = _LEAST_ICOUNT
    while (ticks := Fraction(hz << icount, 10**9)) <= _LEAST_TICKS:
        icount += 1
    return Counter(INSTRUCTIONS, ticks, icount)
