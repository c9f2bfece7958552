"""Writing: a full disk or an error half-way leaves what was there before."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rnn_edge.errors import UserError
from rnn_edge.files import replacing_folder, vanishing_folder, write_atomically


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)


def test_a_file_is_replaced(tmp_path: Path) -> None:
    write_atomically(tmp_path / "new" / "a", b"1")
    write_atomically(tmp_path / "new" / "a", b"2")
    assert contents(tmp_path) == {"new/a": b"2"}


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(UserError, match="No space left.*untouched"):
        write_atomically(tmp_path / "a", b"new")
    assert contents(tmp_path) == {"a": b"old"}


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "model"
    target.mkdir()
    (target / "stale").write_bytes(b"old")
    with replacing_folder(target) as folder:
        write_atomically(folder / "c" / "fresh", b"new")
        assert contents(target) == {"stale": b"old"}
    assert contents(tmp_path) == {"model/c/fresh": b"new"}


def test_a_failure_half_way_leaves_the_old_folder(tmp_path: Path) -> None:
    target = tmp_path / "model"
    target.mkdir()
    (target / "kept").write_bytes(b"old")
    for error, expected in ((OSError(errno.ENOSPC, "full"), UserError), (KeyError("x"), KeyError)):
        with pytest.raises(expected), replacing_folder(target) as folder:
            write_atomically(folder / "fresh", b"new")
            raise error
        assert contents(tmp_path) == {"model/kept": b"old"}


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UserError, match="cannot be written"), replacing_folder(tmp_path / "file" / "model"):
        pass


def test_a_temporary_folder_vanishes_with_its_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(ZeroDivisionError), vanishing_folder() as folder:
        assert folder.parent == tmp_path and folder.stat().st_mode & 0o777 == 0o700
        (folder / "deeper").mkdir()
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("whom", [os.getpid, os.getpgrp], ids=["us", "our group"])
def test_a_temporary_folder_vanishes_when_we_are_killed(whom: Callable[[], int], tmp_path: Path) -> None:
    script = (
        "import os, signal; from rnn_edge.files import vanishing_folder\n"
        "with vanishing_folder() as folder:\n"
        "    (folder / 'file').touch(); print(folder, flush=True)\n"
        f"    os.kill({'-' * (whom is os.getpgrp)}os.{whom.__name__}(), signal.SIGKILL)\n"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    killed = subprocess.run(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True
    )
    assert killed.returncode == -signal.SIGKILL and killed.stdout.startswith(str(tmp_path))
    deadline = time.monotonic() + 30
    while list(tmp_path.iterdir()):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_without_a_place_for_temporary_folders_one_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(UserError, match="set TMPDIR to a folder that can be written"), vanishing_folder():
        pass
