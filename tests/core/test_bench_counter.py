"""How a board's ticks become counts, and what of its lines is a measurement."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnn_edge.bench import firmware, run
from rnn_edge.bench.counter import counter_of
from rnn_edge.board import Board, all_boards, load
from rnn_edge.errors import LinkError, MismatchError, RnnEdgeError, UserError

COUNTED = [board for board in all_boards().values() if board.emulated and board.family.port != "avr"]


# the counter


@pytest.mark.parametrize("board", COUNTED, ids=lambda board: board.id)
@given(instructions=st.integers(0, 10**7), start=st.fractions(0, 1))
def test_instructions_follow_from_ticks_at_any_phase(board: Board, instructions: int, start: Fraction) -> None:
    """A counter shows whole ticks: where its reads lie between two of them must not matter."""
    counter = counter_of(board)
    ticks = int(start + instructions * counter.ticks) - int(start)
    assert counter.count(ticks) == instructions


def test_an_instruction_takes_as_long_as_qemu_is_told() -> None:
    """At 25 MHz a tick is 40 ns, and an instruction takes 2^7 ns: 3,200 ticks for 1,000 of them."""
    counter = counter_of(load("mps2-an386"))
    assert (counter.icount, counter.ticks, counter.unit) == (7, Fraction(3200, 1000), "instructions")


def test_simavr_counts_cycles() -> None:
    counter = counter_of(load("simavr-uno"))
    assert (counter.icount, counter.ticks, counter.unit) == (None, Fraction(1), "cycles")


def test_a_wrong_clock_is_seen() -> None:
    board = load("mps2-an386")
    counter = counter_of(board)
    counter.check(board, nops=3258, empty=58)
    with pytest.raises(RnnEdgeError, match=r"^mps2-an386 counts 2,000 for 1,000 instructions; correct `clock\.hz`"):
        counter.check(board, nops=6458, empty=58)


def test_a_real_board_is_refused() -> None:
    with pytest.raises(UserError, match=r"^nucleo-f446re is a real board.*`rnn-edge monitor --board nucleo-f446re`"):
        run.targets(["nucleo-f446re"], False, ["speed"], False)


# the lines of the firmware


class Said:
    """A transport with a board behind it that has said this much."""

    def __init__(self, *parts: str) -> None:
        self._parts = [part.encode() for part in parts]

    def write(self, data: bytes) -> None:
        raise AssertionError("nothing is sent")

    def read(self, timeout: float) -> bytes:
        return self._parts.pop(0) if self._parts else b""

    def close(self) -> None:
        """There is nothing to close."""


def test_lines_may_come_in_pieces() -> None:
    found = firmware._numbers(
        Said("stack 000", "000ff\nst", "ep 00000010\nstep 00000020\nend 00000000\n"), load("mps2-an386")
    )
    assert found == {"stack": [255], "step": [16, 32]}


def test_of_two_passes_the_smaller_counts() -> None:
    """An interrupt of the counter is in at most one of them. At 32 ticks an instruction, an empty call takes 8."""
    found = {"empty": [8 * 32], "step": [108 * 32, 208 * 32, 128 * 32, 208 * 32], "stack": [99], "lap": []}
    assert firmware._counts(found, counter_of(load("qemu-riscv32-virt"))) == firmware.Counts((100, 200), 99, ())


@pytest.mark.parametrize(
    ("said", "error", "sentence"),
    [
        ("step 00000010\nwrong 00000002\n", MismatchError, r"^Step 3 of the self-test came out wrong on mps2-an386"),
        ("step 1x\n", LinkError, r"said 'step 1x' while it measured"),
        ("step 00000010\n", LinkError, r"^mps2-an386 said nothing for 60 s while it measured"),
    ],
)
def test_what_is_no_measurement_is_an_error(said: str, error: type[RnnEdgeError], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        firmware._numbers(Said(said), load("mps2-an386"))
