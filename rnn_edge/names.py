"""Names that end up in C, in paths and in files."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .errors import UserError

_KEYWORDS = frozenset(
    [
        "auto",
        "break",
        "case",
        "char",
        "const",
        "continue",
        "default",
        "do",
        "double",
        "else",
        "enum",
        "extern",
        "float",
        "for",
        "goto",
        "if",
        "inline",
        "int",
        "long",
        "register",
        "restrict",
        "return",
        "short",
        "signed",
        "sizeof",
        "static",
        "struct",
        "switch",
        "typedef",
        "union",
        "unsigned",
        "void",
        "volatile",
        "while",
        "main",
    ]
)


def identifier(name: str) -> str:
    """The C identifier closest to `name`: letters, digits and underscores, at most 48 characters."""
    cleaned = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")[:48]
    if not cleaned:
        raise UserError(f"The name {name!r} has no letter or digit; give the model a name that a C symbol can have.")
    if not cleaned[0].isalpha() or cleaned in _KEYWORDS or cleaned.startswith("rnn"):
        cleaned = f"model_{cleaned}"
    return cleaned


def check_classes(classes: Sequence[str]) -> None:
    """Refuse class names that are empty or that would become one name in C."""
    seen: dict[str, str] = {}
    for name in classes:
        cleaned = re.sub(r"\W+", "_", name.strip()).lower()
        if not name.strip():
            raise UserError("A class has an empty name; give every class a name.")
        if cleaned in seen:
            raise UserError(f"The classes {seen[cleaned]!r} and {name!r} become the same name; rename one of them.")
        seen[cleaned] = name
