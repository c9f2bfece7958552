"""The templates of generated C, in the folder `templates`."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import jinja2


def render(template: str, **facts: Any) -> str:
    """The text of a template; a fact that it needs and does not get is a fault."""
    return _environment().get_template(template).render(facts)


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # C, not HTML; the only free text is the class names, which string_literal escapes
    )
