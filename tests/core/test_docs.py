"""The documentation says what the code does."""

from pathlib import Path

from rnn_edge.ir.ops import KINDS
from rnn_edge.ir.semantics import document

DOCS = Path(__file__).parents[2] / "docs"


def test_semantics_page_is_current() -> None:
    """If this fails: python -m rnn_edge.ir.semantics > docs/semantics.md."""
    assert (DOCS / "semantics.md").read_text() == document()


def test_every_operation_has_its_row() -> None:
    for name in KINDS:
        assert f"\n| `{name}` | " in document()
