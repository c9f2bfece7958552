"""Boards as runtimes: where a script may go on on a board that was started anew, and which boards are asked."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnn_edge import flash
from rnn_edge.board import all_boards
from rnn_edge.board_runtime import board_runtimes, cut
from rnn_edge.errors import MissingError, UserError
from rnn_edge.vectors import INSTANCES, Command

instances = st.integers(0, INSTANCES - 1)
commands = st.one_of(
    st.builds(Command, st.sampled_from(["reset", "load", "label"]), instances),
    st.builds(Command, st.just("step"), instances, st.just(np.zeros((1, 1), np.int64))),
    st.builds(Command, st.just("run"), instances, st.integers(1, 5).map(lambda steps: np.zeros((steps, 1), np.int64))),
)


def can_begin(rest: list[Command]) -> bool:
    """Is each instance reset or loaded before it is used?"""
    known: set[int] = set()
    for command in rest:
        if command.verb in ("reset", "load"):
            known.add(command.instance)
        elif command.x is not None and command.instance not in known:
            return False
    return True


@given(st.lists(commands, max_size=20), st.integers(0, 12))
def test_a_script_is_cut_at_the_first_place_that_will_do(script: list[Command], steps: int) -> None:
    places = [
        place
        for place in range(len(script))
        if can_begin(script[place:]) and sum(command.steps for command in script[:place]) >= steps
    ]
    assert cut(script, steps) == min(places, default=len(script))


def test_which_boards_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    emulated = {name for name, board in all_boards().items() if board.emulated}
    assert board_runtimes((), False, None) == []
    assert {runtime.name for runtime in board_runtimes((), True, None)} == emulated
    (runtime,) = board_runtimes(("nucleo-f446re", "nucleo-f446re"), False, "/dev/null")
    assert (runtime.name, runtime.port) == ("nucleo-f446re", "/dev/null")
    with pytest.raises(UserError, match="There is no board 'nothing'"):
        board_runtimes(("nothing",), True, None)
    with pytest.raises(UserError, match="verify nucleo-f446re and arduino-uno one by one"):
        board_runtimes(("nucleo-f446re", "arduino-uno"), False, "/dev/null")
    with pytest.raises(MissingError, match="There is no /dev/ttyNone"):
        board_runtimes(("nucleo-f446re",), False, "/dev/ttyNone")

    def missing(*arguments: object) -> None:
        raise MissingError("nothing is installed")

    monkeypatch.setattr(flash, "choose", missing)
    with pytest.raises(MissingError, match="nothing is installed"):
        board_runtimes(("mps2-an386",), False, None)
    assert {runtime.name for runtime in board_runtimes((), True, None)} == emulated  # each says so in its row
