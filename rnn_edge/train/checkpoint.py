"""Where a training stands, kept in one `.npz` after every epoch, so that a kill costs no more than an epoch."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import __version__
from ..datasets import Split
from ..files import write_atomically
from ..spec import ModelSpec

Arrays = tuple[NDArray[Any], ...]

MEASURES = ("loss", "accuracy", "val_loss", "val_accuracy")
_FILE_BYTES = 2**30  # of all arrays together, unpacked


@dataclass(frozen=True)
class Course:
    """After `len(history)` epochs: what each measured (float64 `[epochs, MEASURES]`), the best one and its weights.

    `variables` are those of the model and of its optimizer, states of random generators among them.
    """

    history: NDArray[np.float64]
    best_epoch: int
    best: Arrays
    variables: Arrays

    @property
    def epoch(self) -> int:
        return len(self.history)

    @property
    def best_loss(self) -> float:
        """Loss on the validation part."""
        return float(self.history[self.best_epoch - 1, MEASURES.index("val_loss")])


@dataclass(frozen=True)
class Checkpoint:
    """The file of one training; `note` is told in a sentence what becomes of an earlier one."""

    path: Path
    note: Callable[[str], None]

    def write(self, fingerprint: str, course: Course) -> None:
        arrays = {f"best_{i}": array for i, array in enumerate(course.best)}
        arrays |= {f"variable_{i}": array for i, array in enumerate(course.variables)}
        packed = io.BytesIO()
        np.savez(
            packed,
            fingerprint=np.array(fingerprint),
            history=course.history,
            best_epoch=np.array(course.best_epoch),
            **arrays,
        )
        write_atomically(self.path, packed.getvalue())

    def read(self, fingerprint: str, best: Arrays, variables: Arrays) -> Course | None:
        """What `write` kept, or None; `best` and `variables` are of the wanted shapes and types."""
        if not self.path.is_file():
            return None
        try:
            stored, course = _load(self.path, len(best), len(variables))
        except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
            self.note(f"{self.path} is damaged ({error}): training begins anew.")
            return None
        if stored != fingerprint or not _alike((*course.best, *course.variables), (*best, *variables)):
            self.note("The data or model.toml changed since training was interrupted: it begins anew.")
            return None
        self.note(f"Training was interrupted after epoch {course.epoch} and goes on from there ({self.path}).")
        return course


def fingerprint(spec: ModelSpec, parts: Sequence[Split], seed: int) -> str:
    """SHA-256 of all that decides how training goes: settings, seed, data, this package."""
    digest = hashlib.sha256(f"{__version__} {seed} {spec.network.model_dump_json()}".encode())
    digest.update(spec.train.model_dump_json().encode())
    for array in (array for part in parts for array in (part.x, part.lengths, part.y)):
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _load(path: Path, best: int, variables: int) -> tuple[str, Course]:
    with zipfile.ZipFile(path) as archive:
        size = sum(member.file_size for member in archive.infolist())
    if size > _FILE_BYTES:
        raise ValueError(f"it unpacks to {size} bytes")
    with np.load(path, allow_pickle=False) as file:
        history, best_epoch = file["history"], int(file["best_epoch"])
        if history.ndim != 2 or history.shape[1] != len(MEASURES) or not 1 <= best_epoch <= len(history):
            raise ValueError("its history has another shape")
        course = Course(
            history,
            best_epoch,
            tuple(file[f"best_{i}"] for i in range(best)),
            tuple(file[f"variable_{i}"] for i in range(variables)),
        )
        return str(file["fingerprint"]), course


def _alike(found: Sequence[NDArray[Any]], wanted: Sequence[NDArray[Any]]) -> bool:
    return all(a.shape == b.shape and a.dtype == b.dtype for a, b in zip(found, wanted, strict=True))
