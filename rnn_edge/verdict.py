"""The result of a verification: one row a runtime."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from . import __version__

PASSED, FAILED, MISSING, REPORTED = "passed", "failed", "missing", "reported"
INTERPRETER = "interpreter"


@dataclass(frozen=True)
class Row:
    """What one runtime did. `note` says what was found, or how to get a runtime that is missing."""

    runtime: str
    version: str
    contract: str
    status: str
    compared: int = 0
    differing: int = 0
    largest: int = 0
    accuracy: float | None = None
    steps_per_second: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Verdict:
    """The table of one verification."""

    model: str
    program: str
    scheme: str
    rows: tuple[Row, ...]

    @property
    def passed(self) -> bool:
        """True where no runtime broke its contract and at least one besides the interpreter was compared."""
        compared = [row.status for row in self.rows if row.runtime != INTERPRETER]
        return PASSED in compared and FAILED not in {row.status for row in self.rows}

    def to_json(self) -> str:
        described: dict[str, Any] = {"tool": __version__, **asdict(self), "passed": self.passed}
        return json.dumps(described, indent=1) + "\n"
