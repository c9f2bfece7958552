"""What a device answers: a text for each class, which lies in its flash."""

from __future__ import annotations

from collections.abc import Sequence

LONGEST = 120
"""Bytes of UTF-8 that a reply takes at most: the answer of a small board holds them."""

_TOGETHER = 4095  # characters of a string literal that C99 promises to take, a zero behind each reply


def packed(replies: Sequence[str]) -> bytes:
    """The replies in UTF-8, each with a zero behind it."""
    return b"".join(text.encode() + b"\0" for text in replies)


def fault(text: object) -> str:
    """Why a text cannot be a reply; "" where it can."""
    if not isinstance(text, str) or not text or "\0" in text:
        return "is no text, is empty or holds a zero"
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return "holds half of a character"
    return f"has {size} bytes of UTF-8, and {LONGEST} are the most" if size > LONGEST else ""


def fault_of_all(replies: Sequence[object], classes: int) -> str:
    """Why texts cannot be the replies of that many classes; "" where they can, and where there are none."""
    if len(replies) not in (0, classes):
        return f"are {len(replies)}, and the classes {classes}"
    wrong = next((found for found in map(fault, replies) if found), "")
    if wrong:
        return f"have one that {wrong}"
    size = len(packed([str(text) for text in replies]))
    return f"have {size} bytes together, and {_TOGETHER} are the most" if size > _TOGETHER else ""
