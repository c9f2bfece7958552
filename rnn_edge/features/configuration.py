"""What every configuration of features shares: a form for files, and an identity."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Self

from ..errors import UserError

VERSION = 1
"""Version of the integer definitions of this package (docs/features.md)."""


@dataclass(frozen=True)
class Configuration:
    """A frozen dataclass of numbers and names whose `kind` says which; equal configurations compute the same bytes."""

    kind: ClassVar[str]

    def to_dict(self) -> dict[str, Any]:
        """Kind, version and every field, for JSON."""
        values = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}
        return {"kind": self.kind, "version": VERSION, **values}

    @property
    def hash(self) -> str:
        """SHA-256 of the canonical JSON of `to_dict`."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()

    @classmethod
    def from_dict(cls, described: Mapping[str, Any]) -> Self:
        """What `to_dict` gave; UserError on another version, on unknown, missing or mistyped fields and bad values."""
        if described.get("version") != VERSION:
            raise UserError(
                f"The features have version {described.get('version')!r}; this tool runs version {VERSION}: "
                "make them again."
            )
        given = {name: value for name, value in described.items() if name not in ("kind", "version")}
        known = {field.name for field in fields(cls)}
        if set(given) != known:
            odd = sorted(set(given) ^ known)[0]
            what = "no such field" if odd in given else "this field as well"
            raise UserError(f"Features of kind {cls.kind!r}: {odd!r}: there is {what}; the fields are {sorted(known)}.")
        for field in fields(cls):
            if isinstance(given[field.name], list) != ("tuple" in str(field.type)):
                raise UserError(
                    f"Features of kind {cls.kind!r}: {field.name} is {given[field.name]!r}; make them again."
                )
        return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in given.items()})


def check_whole(kind: str, name: str, value: object, low: int, high: int) -> None:
    """UserError unless `value` is an int from `low` to `high`."""
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise UserError(f"{kind}: {name} is {value!r}; a whole number from {low} to {high} is accepted.")
