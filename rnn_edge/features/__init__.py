"""Features on the chip: what lies between a sensor and a network, and between a network and an action, in integers.

Each definition is a frozen configuration with NumPy code that computes the bytes of the C in `firmware/features`, so
that a network is trained on exactly what it will see.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import UserError
from .configuration import Configuration
from .decision import Decider, Decision
from .log_mel import LogMel
from .statistics import Decimation, Statistics

__all__ = ["Configuration", "Decider", "Decimation", "Decision", "LogMel", "Statistics", "from_dict"]

_KINDS: dict[str, type[Configuration]] = {kind.kind: kind for kind in (Decimation, Decision, LogMel, Statistics)}


def from_dict(described: Mapping[str, Any]) -> Configuration:
    """The configuration that `to_dict` described; UserError on anything else."""
    kind = _KINDS.get(str(described.get("kind")))
    if kind is None:
        raise UserError(f"There are no features of kind {described.get('kind')!r}; accepted are {', '.join(_KINDS)}.")
    return kind.from_dict(described)
