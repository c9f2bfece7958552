"""What other runtimes take for the reference shapes: figures of peers.toml, which says how they were built."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import Field

from ..sections import Section, read

_FILE = Path(__file__).with_name("peers.toml")


class Figure(Section):
    """One measurement. `shape` is the name of a reference shape; `code` and `ram` are bytes, in words."""

    shape: str
    core: str
    option: str
    instructions: int
    code: str = "-"
    ram: str = "-"


class Peer(Section):
    """A runtime, its version, and in words how it was built."""

    name: str
    version: str
    how: str
    figures: Annotated[tuple[Figure, ...], Field(strict=False)]


@cache
def all_peers() -> tuple[Peer, ...]:
    """In the order of the file."""
    return tuple(Peer.model_validate(peer) for peer in read(_FILE)["peer"])
