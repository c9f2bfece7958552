"""The conversation files of chatterbot-corpus: the small part of YAML 1.2 (yaml.org/spec/1.2.2) that they use.

conversations:
- - a line, plain, 'quoted' or "quoted"
  - the answer, which may go on
    deeper in the next line
"""

from __future__ import annotations

import re

_ITEM = re.compile(r"( *)(- +)?- +(.*)")
_BLOCK = ("|", ">")


def parse(text: str) -> list[list[str]]:
    """The lines of every conversation, without blocks of program text; ValueError for a file of another form."""
    conversations: list[list[str]] = []
    depth, block = 0, False
    rows = text.partition("\nconversations:")[2].splitlines()
    for row in filter(str.strip, rows):
        indent = len(row) - len(row.lstrip())
        item = None if block and indent > depth else _ITEM.fullmatch(row)
        if item is not None:
            opening = item[2] or ""
            depth, block = len(item[1] + opening), item[3].startswith(_BLOCK)
            if opening or depth == 0:
                conversations.append([])
            elif not conversations:
                raise ValueError(f"{row.strip()[:40]!r} is in no conversation")
            conversations[-1].append(item[3].strip())
        elif not conversations or indent <= depth:
            raise ValueError(f"{row.strip()[:40]!r} is neither a line nor the rest of one")
        else:
            conversations[-1][-1] += " " + row.strip()
    return [[_unquoted(line) for line in lines if not line.startswith(_BLOCK)] for lines in conversations]


def _unquoted(line: str) -> str:
    if line.startswith("'"):
        return line[1:-1].replace("''", "'")
    if line.startswith('"'):
        return re.sub(r"\\(.)", r"\1", line[1:-1])
    return line.partition(" #")[0].rstrip()
