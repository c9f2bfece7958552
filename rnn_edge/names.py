"""Names that end up in C, in paths and in files."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .errors import UserError

_WORDS = """
auto break case char const continue default do double else enum extern float for goto if inline int long register
restrict return short signed sizeof static struct switch typedef union unsigned void volatile while asm linux unix
alignas alignof and and_eq bitand bitor bool catch char8_t class co_await co_return co_yield compl concept const_cast
consteval constexpr constinit decltype delete dynamic_cast explicit export false friend mutable namespace new noexcept
not not_eq nullptr operator or or_eq private protected public reinterpret_cast requires static_assert static_cast
template this thread_local throw true try typeid typename typeof typeof_unqual using virtual xor xor_eq
"""
C_WORDS = frozenset(_WORDS.split())
"""Words of C and C++ that no identifier may be."""

_HEADERS = """
assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal stdalign stdarg stdatomic stdbool
stddef stdint stdio stdlib stdnoreturn string strings tgmath threads time uchar unistd wchar wctype
"""
STANDARD_HEADERS = frozenset(_HEADERS.split())
"""Headers of C that a model's own header must not hide."""


def identifier(name: str) -> str:
    """The C identifier closest to `name`: letters, digits and underscores, at most 48 characters."""
    cleaned = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")[:48]
    if not cleaned:
        raise UserError(f"The name {name!r} has no letter or digit; give the model a name that a C symbol can have.")
    lowered = cleaned.lower()
    if not cleaned[0].isalpha() or lowered in C_WORDS | STANDARD_HEADERS or lowered.startswith("rnn"):
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
