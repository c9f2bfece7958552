"""From a folder of recordings to a data set: read in chunks, at one rate, whole or in windows, divided by group."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..datasets import Dataset, Split, with_calibration
from ..datasets.split import held_by_group
from ..datasets.ts_file import padded
from ..errors import UserError
from ..features import LogMel
from . import Chunk, Recording, Stream
from .folder import find
from .resample import MAX_RATIO, resampled
from .windows import Cutting, cut

_SEQUENCE_BYTES = 2**30  # of all sequences together
_SAME_RATE = 0.02  # rates that differ by less are one rate: clocks and time columns are not exact


def read(folder: Path, cutting: Cutting, features: LogMel | None = None) -> Dataset:
    """The folder as a data set; UserError names the file and the row, or the class, that cannot be used.

    With `features` a sequence is the features of its sound, and a step is a frame. Files are read in chunks and only
    the sequences are held. The division into training and test is by group and always the same.
    """
    found = find(folder)
    if features is not None:
        _check_sound(found[0].stream)  # the others are alike
    rate = common_rate(found, cutting.rate_hz if features is None else float(features.rate_hz))
    sequences, owner = _sequences(found, cutting, rate, features)
    classes, label = np.unique([recording.label for recording in found], return_inverse=True)
    groups, group = np.unique([recording.group for recording in found], return_inverse=True)
    y, member = label[owner].astype(np.int64), group[owner].astype(np.int64)
    names, group_names = tuple(map(str, classes)), tuple(map(str, groups))
    held = held_by_group(y, member, names, group_names, folder)
    train, test = (_split(sequences, y, member, np.flatnonzero(rows)) for rows in (~held, held))
    bands = () if features is None else tuple(f"band {i + 1}" for i in range(features.size))
    channels = bands or found[0].stream.channels
    return with_calibration(folder.resolve().name, names, train, test, channels, group_names, _notes(found, rate))


def common_rate(found: Sequence[Recording], rate_hz: float | None) -> float | None:
    """The rate of the sequences: the one asked for, or that of the files; None where neither says it."""
    known = [(recording.stream.rate_hz, recording.stream.path) for recording in found]
    rates = [(rate, path) for rate, path in known if rate is not None]
    if rate_hz is None:
        (low, low_path), (high, high_path) = min(rates, default=(1.0, None)), max(rates, default=(1.0, None))
        if high > low * (1 + _SAME_RATE):
            raise UserError(
                f"{low_path} has {low:g} steps a second and {high_path} has {high:g}: add rate_hz (init: --rate), to "
                "which all are then resampled."
            )
        return float(np.median([rate for rate, _ in rates])) if rates else None
    for rate, path in rates:
        if not 1 / MAX_RATIO <= rate / rate_hz <= MAX_RATIO:
            raise UserError(
                f"{path} has {rate:g} steps a second, rate_hz is {rate_hz:g}, and at most a factor of {MAX_RATIO} is "
                "resampled: correct rate_hz."
            )
    return rate_hz


def chunks(recording: Recording, rate: float | None) -> Iterator[Chunk]:
    """The recording at this rate."""
    stream, other = recording.stream, _other_rate(recording, rate)
    return stream.chunks() if rate is None or other is None else resampled(stream.chunks(), other, rate)


def _other_rate(recording: Recording, rate: float | None) -> float | None:
    """The recording's own rate where it has to be resampled."""
    own = recording.stream.rate_hz
    return own if own is not None and rate is not None and abs(own - rate) > _SAME_RATE * rate else None


def _sequences(
    found: Sequence[Recording], cutting: Cutting, rate: float | None, features: LogMel | None
) -> tuple[list[Chunk], NDArray[np.int64]]:
    """Sequences `[steps, channels]`, and for each the row in `found` of its recording."""
    window = cutting.steps(rate)
    sequences: list[Chunk] = []
    owner: list[int] = []
    held = 0
    for row, recording in enumerate(found):
        parts: list[Chunk] = []
        steps = chunks(recording, rate)
        for part in cut(steps, *window) if window else steps:
            parts.append(part)
            held += part.nbytes
            _check_size(held, recording.stream.path)
        if not parts:
            _refuse_short(recording, rate, window[0] if window else 1)
        own = [piece for part in parts for piece in part] if window else [np.concatenate(parts)]
        if features is not None:
            own = [_frames(piece, features, recording) for piece in own]
        sequences += own
        owner += [row] * len(own)
    longest = max(map(len, sequences))
    _check_size(len(sequences) * longest * sequences[0].shape[1] * 4, max(found, key=_file_size).stream.path)
    return sequences, np.array(owner, np.int64)


def _check_sound(stream: Stream) -> None:
    if stream.path.suffix.lower() != ".wav" or len(stream.channels) > 1:
        raise UserError(
            f"{stream.path} is no WAV file of one channel, of which log-mel features are made: convert it, or remove "
            "[features]."
        )


def _frames(piece: Chunk, features: LogMel, recording: Recording) -> Chunk:
    """The features of samples `[n, 1]` as the device computes them, in octaves, `[frames, mels]`."""
    frames = features.frames(np.clip(np.rint(piece[:, 0] * 32768), -32768, 32767).astype(np.int16))
    if not len(frames):
        raise UserError(
            f"{recording.stream.path} gives {len(piece)} samples, which is too short for a frame of {features.window}: "
            "remove it, or enlarge window_s."
        )
    return frames.astype(np.float32) * np.float32(features.unit)


def _check_size(size: int, path: Path) -> None:
    if size > _SEQUENCE_BYTES:
        raise UserError(
            f"With {path} the sequences take more than {_SEQUENCE_BYTES >> 20} MiB: set window_s, a larger hop_s or a "
            "lower rate_hz (init: --window, --hop, --rate)."
        )


def _refuse_short(recording: Recording, rate: float | None, size: int) -> None:
    count = sum(len(chunk) for chunk in chunks(recording, rate))
    raise UserError(
        f"{recording.stream.path} has {count} steps, which is too short for a window of {size}: remove it, or shorten "
        "window_s (init: --window)."
    )


def _file_size(recording: Recording) -> int:
    return recording.stream.path.stat().st_size


def _split(
    sequences: Sequence[Chunk], y: NDArray[np.int64], group: NDArray[np.int64], rows: NDArray[np.int64]
) -> Split:
    chosen = [sequences[row] for row in rows]
    return Split(padded(chosen), np.array([len(one) for one in chosen], np.int64), y[rows], group[rows])


def _notes(found: Sequence[Recording], rate: float | None) -> tuple[str, ...]:
    notes = []
    dropped = sorted({recording.stream.dropped for recording in found if recording.stream.dropped})
    if dropped:
        notes.append(f"Dropped, because it is time and no channel: {', '.join(dropped)}.")
    other = [own for recording in found if (own := _other_rate(recording, rate)) is not None]
    if other:
        rates = ", ".join(f"{own:g}" for own in sorted(set(other))[:4])
        notes.append(
            f"{len(other)} of {len(found)} recordings were resampled from {rates} Hz to {rate:g} Hz by a "
            "polyphase filter."
        )
    return tuple(notes)
