"""Writing files so that a full disk or a kill leaves what was there before, and a folder that does not outlive us."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .errors import UserError


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` to a temporary file beside `path`, then rename it. UserError where that is not possible."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error.strerror}); nothing was changed.") from error
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise UserError(f"{path} cannot be written ({error.strerror}); the file there before is untouched.") from error


@contextlib.contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """A new empty folder that takes the place of `folder` when the block ends, or vanishes when it fails."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    except OSError as error:
        raise UserError(f"{folder} cannot be written ({error.strerror}); nothing was changed.") from error
    try:
        yield new
        new.chmod(0o777 & ~_umask())
        _swap(new, folder)
    except OSError as error:
        raise UserError(f"{folder} cannot be written ({error.strerror}); what was there is untouched.") from error
    finally:
        shutil.rmtree(new, ignore_errors=True)


@contextlib.contextmanager
def vanishing_folder() -> Iterator[Path]:
    """A temporary folder that is gone when the block ends, and also when we are killed: a shell waits for our end.

    For what must have a path, such as the Unix socket of a GDB server. UserError where it cannot be made.
    """
    try:
        folder = tempfile.mkdtemp()
    except OSError as error:
        raise UserError("No temporary folder can be made; set TMPDIR to a folder that can be written.") from error
    shell = subprocess.Popen(
        ["/bin/sh", "-c", "trap '' HUP INT TERM; read -r _; exec /bin/rm -rf \"$0\"", folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # no Ctrl-C for it
    )
    try:
        with shell:  # closes its input at the end, and waits for it
            yield Path(folder)
    finally:  # whatever became of the shell
        shutil.rmtree(folder, ignore_errors=True)


def _swap(new: Path, folder: Path) -> None:
    """Put `new` where `folder` is; a failure in between puts the old one back."""
    old = new.with_name(new.name + ".old")
    if folder.exists():
        folder.rename(old)
    try:
        new.rename(folder)
    except OSError:
        if old.exists():
            old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
