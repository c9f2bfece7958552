"""The documentation says what the code does."""

from pathlib import Path

from rnn_edge import boards_page
from rnn_edge.board import all_boards
from rnn_edge.ir.ops import KINDS
from rnn_edge.ir.semantics import document

DOCS = Path(__file__).parents[2] / "docs"


def test_semantics_page_is_current() -> None:
    """If this fails: python -m rnn_edge.ir.semantics > docs/semantics.md."""
    assert (DOCS / "semantics.md").read_text() == document()


def test_every_operation_has_its_row() -> None:
    for name in KINDS:
        assert f"\n| `{name}` | " in document()


def test_boards_page_is_current() -> None:
    """If this fails: python -m rnn_edge.boards_page > docs/boards.md."""
    assert (DOCS / "boards.md").read_text() == boards_page.document()


def test_every_board_has_its_row() -> None:
    page = boards_page.document()
    emulated, real = page[: page.index("## Real boards")], page[page.index("## Real boards") :]
    for name, board in all_boards().items():
        assert (f"\n| `{name}` | " in emulated, f"\n| `{name}` | " in real) == (board.emulated, not board.emulated)
    for twin, of in (("qemu-microbit", "microbit-v1"), ("simavr-uno", "arduino-uno")):
        assert any(line.startswith(f"| `{twin}` |") and line.endswith(f"| `{of}` |") for line in emulated.splitlines())
