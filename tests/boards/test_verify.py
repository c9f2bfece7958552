"""The whole script of bundled models on emulated boards, by firmware and link: nothing differs."""

from __future__ import annotations

import pytest

from rnn_edge.board import load
from rnn_edge.board_runtime import BoardRuntime
from rnn_edge.runtimes import Missing
from rnn_edge.verify import verify
from tests.boards.bundled import PAIRS, bundled


@pytest.mark.parametrize(("board_id", "model"), PAIRS)
def test_a_board_computes_the_integers_of_the_interpreter(board_id: str, model: str) -> None:
    runtime = BoardRuntime(load(board_id))
    found = runtime.find()
    if isinstance(found, Missing):
        pytest.skip(found.how)
    verdict = verify(bundled(model).artifacts, boards=[runtime])
    row = verdict.rows[1]
    assert verdict.passed and (row.runtime, row.differing, row.status) == (board_id, 0, "passed"), row.note
    assert row.compared == verdict.rows[0].compared > 5_000
    assert row.accuracy == verdict.rows[0].accuracy
