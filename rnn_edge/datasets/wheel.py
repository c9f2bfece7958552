"""Data that a published Python wheel carries: fetched by pip, pinned by hash, read without installing it."""

from __future__ import annotations

import hashlib
import os
import shlex
import subprocess
import sys
import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from ..errors import MissingError

_FETCH_SECONDS = 300
_MEMBER_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Wheel:
    """One exact wheel: `package==version`, the name of its file and the SHA-256 of its bytes."""

    package: str
    version: str
    file: str
    sha256: str


AEON = Wheel(
    "aeon",
    "1.6.0",
    "aeon-1.6.0-py3-none-any.whl",
    "d05227086706f80111ac5fee8de4d5d3115bb3bcfd1c786c8629393055816409",
)


def read(wheel: Wheel, member: str) -> str:
    """The UTF-8 text of one file in the wheel; raises MissingError where the wheel cannot be had."""
    try:
        return read_bytes(wheel, member).decode()
    except UnicodeDecodeError as error:
        raise MissingError(f"{member} in {wheel.file} is not text ({error}): report this fault.") from error


def read_bytes(wheel: Wheel, member: str) -> bytes:
    """One file in the wheel; raises MissingError where the wheel cannot be had."""
    try:
        with zipfile.ZipFile(_cached(wheel)) as archive:
            if archive.getinfo(member).file_size > _MEMBER_BYTES:
                raise MissingError(f"{member} in {wheel.file} is larger than {_MEMBER_BYTES} bytes: report this fault.")
            return archive.read(member)
    except (KeyError, OSError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise MissingError(f"{member} cannot be read from {wheel.file} ({error}): report this fault.") from error


def members(wheel: Wheel, folder: str) -> tuple[str, ...]:
    """The names of the files below `folder` in the wheel, sorted; raises MissingError as `read_bytes`."""
    try:
        with zipfile.ZipFile(_cached(wheel)) as archive:
            names = archive.namelist()
    except (OSError, zipfile.BadZipFile) as error:
        raise MissingError(f"{wheel.file} cannot be read ({error}): report this fault.") from error
    return tuple(sorted(name for name in names if name.startswith(folder) and not name.endswith("/")))


def cache_folder() -> Path:
    """Where fetched wheels are kept: `RNN_EDGE_CACHE`, or the user's cache folder."""
    return Path(os.environ.get("RNN_EDGE_CACHE") or platformdirs.user_cache_dir("rnn_edge"))


def _cached(wheel: Wheel) -> Path:
    path = cache_folder() / wheel.file
    if not path.is_file() or _sha256(path) != wheel.sha256:
        _fetch(wheel, path)
    return path


def _fetch(wheel: Wheel, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # In the same folder, so that the move into place is one atomic rename.
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            arguments = _arguments(wheel, Path(folder))
            subprocess.run(
                [sys.executable, *arguments], check=True, capture_output=True, text=True, timeout=_FETCH_SECONDS
            )
            fetched = Path(folder) / wheel.file
            if _sha256(fetched) != wheel.sha256:
                raise MissingError(
                    f"{wheel.file} as fetched has SHA-256 {_sha256(fetched)} and not {wheel.sha256}, it is not used: "
                    f"fetch it from the official package index with `{_command(wheel, path.parent)}`."
                )
            os.replace(fetched, path)
    except (OSError, subprocess.SubprocessError) as error:
        raise MissingError(
            f"{wheel.file} holds the data and could not be fetched ({_reason(error)}): connect to the network and run "
            f"`{_command(wheel, path.parent)}`."
        ) from error


def _arguments(wheel: Wheel, folder: Path) -> list[str]:
    pin = f"{wheel.package}=={wheel.version}"
    return ["-m", "pip", "download", "--no-deps", "--only-binary=:all:", "-d", str(folder), pin]


def _command(wheel: Wheel, folder: Path) -> str:
    return shlex.join(["python", *_arguments(wheel, folder)])


def _reason(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        lines = str(error.stderr).strip().splitlines()
        return lines[-1] if lines else f"pip ended with code {error.returncode}"
    return str(error)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
