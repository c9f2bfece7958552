"""Writing: a full disk or an error half-way leaves what was there before."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from rnn_edge.errors import UserError
from rnn_edge.files import replacing_folder, write_atomically


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
