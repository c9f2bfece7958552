"""Fixtures of the tests that run commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.boards.bundled import bundled
from tests.boards.command_line import CommandLine


@pytest.fixture
def rnn_edge(tmp_path: Path) -> CommandLine:
    """Commands in a folder where `power` is exported."""
    return CommandLine(tmp_path, bundled("power"))
