"""Puts the cell of docs/adding_a_cell.md among the known ones."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rnn_edge.cells import Cell, all_cells

PAGE = Path(__file__).parents[1] / "docs" / "adding_a_cell.md"


def documented_cell(monkeypatch: pytest.MonkeyPatch) -> Cell:
    """The update gate RNN, as the page defines it."""
    block = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert block is not None
    module: dict[str, Cell] = {}
    exec(compile(block[1], str(PAGE), "exec"), module)
    cell = module["CELL"]
    monkeypatch.setitem(all_cells(), cell.name, cell)
    return cell
