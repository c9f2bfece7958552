"""Replies as boards read them from their flash: that of an AVR has addresses of its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rnn_edge import emulators
from rnn_edge.board import load
from rnn_edge.build import build
from rnn_edge.errors import LinkError, MissingError
from rnn_edge.ir.check import check
from rnn_edge.link import Link
from tests.c.builds import export
from tests.networks import GRU, program

REPLIES = ('a "quoted" \\ ??/ text', "Türkçe. ¿Qué?", "é", "ü" * 60)


@pytest.mark.parametrize("board_id", ["simavr-uno", "mps2-an386", "qemu-riscv32-virt"])
def test_a_board_answers_with_its_replies(board_id: str, tmp_path: Path) -> None:
    board = load(board_id)
    made = check(replace(program(GRU), replies=REPLIES))
    try:
        firmware = build(made, export(made, tmp_path / "net"), board, tmp_path / "made")
        with emulators.emulator(board, firmware.image) as emulated, Link(emulated.open()) as link:
            assert link.info().tables_ok and link.info().self_test_ok
            assert tuple(link.reply(index) for index in range(len(REPLIES))) == REPLIES
            with pytest.raises(LinkError, match="refused `reply`: .*out of range"):
                link.reply(len(REPLIES))
    except MissingError as error:
        pytest.skip(str(error))
