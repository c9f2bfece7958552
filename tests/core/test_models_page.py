"""docs/models.md says what the metrics of the bundled models say."""

from __future__ import annotations

from pathlib import Path

from rnn_edge import catalogue, models_page

PAGE = Path(__file__).parents[2] / "docs" / "models.md"


def test_page_is_current() -> None:
    """If this fails: python -m rnn_edge.models_page > docs/models.md."""
    assert PAGE.read_text() == models_page.document()


def test_every_trained_model_has_a_row_and_its_source() -> None:
    page = models_page.document()
    for name, task, _, measured in catalogue.bundled():
        if measured is not None:
            row = next(line for line in page.splitlines() if line.startswith(f"| `{name}` |"))
            assert f" {measured.parameters:,} |" in row and f"{100 * measured.mean_accuracy:.2f} % (" in row
            assert f"\n## {name}\n\n{task}.\n" in page
