"""WAV files: PCM of 8, 16, 24 and 32 bits and 32-bit float, any number of channels; full scale is -1 to 1.

Source: "Multimedia Programming Interface and Data Specifications 1.0", IBM and Microsoft, 1991 (RIFF), and
WAVE_FORMAT_EXTENSIBLE as Microsoft documents it. Python's `wave` reads neither float nor, before 3.12, the latter.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from . import Chunk, Stream

_CHUNK_FRAMES = 65536
_MAX_CHANNELS = 64
_MAX_RATE = 10_000_000
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE


class _Format(NamedTuple):
    tag: int
    channels: int
    rate: int
    frame_bytes: int
    bits: int


def open_file(path: Path) -> Stream:
    """The header of the file is read and checked now, its samples when they are asked for."""
    try:
        with path.open("rb") as file:
            layout, start, size = _header(file, path)
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): give a file that can.") from error
    names = tuple(f"channel {i + 1}" for i in range(layout.channels))
    steps = size // layout.frame_bytes
    return Stream(path, names, float(layout.rate), lambda: _chunks(path, layout, start, size), steps=steps)


def _header(file: BinaryIO, path: Path) -> tuple[_Format, int, int]:
    """The format, and where the samples begin and how many bytes they are."""
    length = file.seek(0, 2)
    file.seek(0)
    head = file.read(12)
    if len(head) < 12 or head[:4] != b"RIFF" or head[8:] != b"WAVE":
        raise UserError(f"{path} {'is empty' if not length else 'is not a WAV file'}: record it again, or remove it.")
    layout = None
    while len(chunk := file.read(8)) == 8:
        name, size = struct.unpack("<4sI", chunk)
        if name == b"data":
            return _checked_data(layout, file.tell(), size, length, path)
        if name == b"fmt ":
            layout = _format(file.read(size) if size <= 1024 else b"", path)
        else:
            file.seek(size, 1)
        file.seek(size % 2, 1)
    raise UserError(f"{path} ends before its samples, it is cut short: copy it again, or remove it.")


def _format(raw: bytes, path: Path) -> _Format:
    if len(raw) < 16:
        raise UserError(f"{path} has a damaged format chunk: copy it again, or remove it.")
    tag, channels, rate, _, frame_bytes, bits = struct.unpack("<HHIIHH", raw[:16])
    if tag == _EXTENSIBLE and len(raw) >= 26:
        (tag,) = struct.unpack("<H", raw[24:26])
    if (tag, bits) not in {(_PCM, 8), (_PCM, 16), (_PCM, 24), (_PCM, 32), (_FLOAT, 32)}:
        raise UserError(
            f"{path} holds samples of format {tag} with {bits} bits, accepted are PCM of 8, 16, 24 or 32 bits and "
            "32-bit float: convert it."
        )
    if not (1 <= channels <= _MAX_CHANNELS and 1 <= rate <= _MAX_RATE and frame_bytes == channels * bits // 8):
        raise UserError(
            f"{path} says {channels} channels, {rate} Hz and {frame_bytes} bytes a frame, which cannot be: copy it "
            "again, or remove it."
        )
    return _Format(tag, channels, rate, frame_bytes, bits)


def _checked_data(layout: _Format | None, start: int, size: int, length: int, path: Path) -> tuple[_Format, int, int]:
    if layout is None:
        raise UserError(f"{path} has samples before their format: copy it again, or remove it.")
    if start + size > length:
        raise UserError(
            f"{path} is cut short, it says {size:,} bytes of samples and has {length - start:,}: copy it again, or "
            "remove it."
        )
    if size < layout.frame_bytes:
        raise UserError(f"{path} holds no sample: record it again, or remove it.")
    return layout, start, size - size % layout.frame_bytes


def _chunks(path: Path, layout: _Format, start: int, size: int) -> Iterator[Chunk]:
    try:
        with path.open("rb") as file:
            file.seek(start)
            for done in range(0, size, _CHUNK_FRAMES * layout.frame_bytes):
                raw = file.read(min(_CHUNK_FRAMES * layout.frame_bytes, size - done))
                samples = _samples(raw, layout).reshape(-1, layout.channels)
                _check_finite(samples, done // layout.frame_bytes, path)
                yield samples
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): give a file that can.") from error


def _samples(raw: bytes, layout: _Format) -> NDArray[np.float32]:
    if layout.tag == _FLOAT:
        return np.frombuffer(raw, "<f4").astype(np.float32)
    if layout.bits == 8:  # the only unsigned width
        return (np.frombuffer(raw, np.uint8).astype(np.float32) - np.float32(128)) / np.float32(128)
    if layout.bits == 24:  # as the upper three bytes of 32 bits
        wide = np.zeros((len(raw) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(raw, np.uint8).reshape(-1, 3)
        return _scaled(wide.view("<i4").ravel(), 32)
    return _scaled(np.frombuffer(raw, f"<i{layout.bits // 8}"), layout.bits)


def _scaled(samples: NDArray[np.signedinteger[Any]], bits: int) -> NDArray[np.float32]:
    return samples.astype(np.float32) * np.float32(2.0 ** (1 - bits))


def _check_finite(samples: Chunk, first: int, path: Path) -> None:
    bad = np.flatnonzero(~np.isfinite(samples).all(axis=1))
    if len(bad):
        raise UserError(f"{path}, sample {first + bad[0]} is not a finite number: correct or remove the file.")
