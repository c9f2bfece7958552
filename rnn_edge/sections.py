"""Settings: TOML files as frozen, strict sections of pydantic, and one sentence about what is wrong with them."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic_core import ErrorDetails

from .errors import UserError

_FILE_BYTES = 2**20


class Section(BaseModel):
    """A table of settings: one attribute a key."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def read(path: Path, error: type[UserError] = UserError) -> dict[str, Any]:
    """What a TOML file of up to 1 MiB holds; `error` is one sentence with the file."""
    try:
        with path.open("rb") as file:
            raw = file.read(_FILE_BYTES + 1)
        if len(raw) > _FILE_BYTES:
            raise error(f"{path} is larger than {_FILE_BYTES:,} bytes: give a file that holds settings only.")
        return tomllib.loads(raw.decode())
    except OSError as cause:
        raise error(f"{path} cannot be read ({cause.strerror}): give a file that can.") from cause
    except (ValueError, RecursionError) as cause:
        raise error(f"{path} is not a TOML file ({cause}): correct it.") from cause


def sentence(error: ErrorDetails, key: str) -> str:
    """What is wrong with the value of `key`, "" for the file as a whole, and what to do."""
    match error["type"]:
        case "missing":
            return f"`{key}` is missing: add it."
        case "extra_forbidden":
            return f"`{key}` is not known: correct or remove it."
        case "value_error":
            return f"{f'`{key}`: ' if key else ''}{error['ctx']['error']}: correct it."
    accepted = error["msg"].replace("Input should be ", "").replace("Tuple should have", "a list with")
    return f"`{key}` is {shown(error['input'])}, accepted is {accepted.replace('valid tuple', 'list')}: correct it."


def shown(value: object) -> str:
    """A value, its end cut where it is long."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
