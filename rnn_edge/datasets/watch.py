"""Seven shoulder exercises, told apart by a smartwatch: 6 channels, 3 s at 12.5 Hz, 7 people train, 3 others test.

Source: the wheel of seglearn (BSD-3-Clause), which carries recordings of the study of its author: D. M. Burns et al.,
"Shoulder physiotherapy exercise recognition: machine learning the inertial signals from a smartwatch", Physiological
Measurement 39 (2018), arXiv:1802.01489. 140 recordings at 50 Hz, each of one person, arm and exercise. The file is a
pickle; it is read as data. Nothing is redistributed here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import MissingError
from . import Dataset, Split, pickled_arrays, wheel, with_calibration

Signal = NDArray[np.float64]

_SEGLEARN = wheel.Wheel(
    "seglearn",
    "1.2.5",
    "seglearn-1.2.5-py3-none-any.whl",
    "ec6b952c85c9627050102854b372d85951563d3b990df677d7c55547e87413dd",
)
_MEMBER = "seglearn/data/watch_dataset.npy"
# In the order of the archive: PEN, ABD, FEL, IR, ER, TRAP, ROW.
CLASSES = (
    "pendulum",
    "abduction",
    "forward_elevation",
    "internal_rotation",
    "external_rotation",
    "trapezius",
    "row",
)
CHANNELS = ("ax", "ay", "az", "wx", "wy", "wz")  # g and rad/s
TEST_SUBJECTS = (8, 9, 10)

_MEAN_OF = 4  # samples of 50 Hz a step, so 12.5 Hz: the mean is the low-pass filter that a device can afford
_STEPS = 38
_TRAIN_HOP = 12  # steps; windows of the test do not overlap, so that each is a trial of its own


@dataclass(frozen=True)
class Recording:
    """One exercise of one person with one arm: `x` float32 `[steps, 6]` at 12.5 Hz, in g and rad/s.

    `exercise` is an index of `CLASSES`, `subject` a person, 1 to 10, `side` an arm, 0 or 1.
    """

    x: NDArray[np.float32]
    exercise: int
    subject: int
    side: int


def load() -> Dataset:
    """Windows of 38 steps, `x` float32 in g and rad/s; `group` is the person, 1 to 10, of whom 8 to 10 are the test."""
    found = recordings()
    train = _split([one for one in found if one.subject not in TEST_SUBJECTS], _TRAIN_HOP)
    test = _split([one for one in found if one.subject in TEST_SUBJECTS], _STEPS)
    return with_calibration("watch", CLASSES, train, test, CHANNELS)


def recordings() -> list[Recording]:
    """All 140, in the order of the archive."""
    content = _content()
    parts = (content["X"], content["y"], content["subject"], content["side"])
    return [
        Recording(_slower(signal), int(exercise), int(subject), int(side))
        for signal, exercise, subject, side in zip(*parts, strict=True)
    ]


def _content() -> Mapping[str, Any]:
    """`X`: recordings `[samples, 6]`; `y`, `subject`, `side`: one integer each."""
    file = wheel.read_bytes(_SEGLEARN, _MEMBER)
    # A .npy of version 1: magic and version, the length of the header, the header, then the pickle.
    start = 10 + int.from_bytes(file[8:10], "little")
    try:
        (content,) = pickled_arrays.read(file[start:])
    except ValueError as error:
        raise MissingError(f"{_MEMBER} in {_SEGLEARN.file} cannot be read ({error}): report this fault.") from error
    found: Mapping[str, Any] = content
    return found


def _slower(signal: Signal) -> NDArray[np.float32]:
    """A recording `[samples, channels]` at 12.5 Hz; what is left at its end is dropped."""
    whole = signal[: len(signal) // _MEAN_OF * _MEAN_OF]
    slower: NDArray[np.float32] = whole.reshape(-1, _MEAN_OF, signal.shape[1]).mean(axis=1).astype(np.float32)
    return slower


def _split(found: list[Recording], hop: int) -> Split:
    """The windows of recordings with their class and person each."""
    windows = [_windows(one.x, hop) for one in found]
    count = [len(one) for one in windows]
    x = np.concatenate(windows)
    y, subject = np.array([(one.exercise, one.subject) for one in found]).T
    return Split(x, np.full(len(x), _STEPS, np.int64), np.repeat(y, count), np.repeat(subject, count))


def _windows(x: NDArray[np.float32], hop: int) -> NDArray[np.float32]:
    """`[windows, 38, channels]` of one recording `[steps, channels]`; what is left at its end is dropped."""
    starts = range(0, len(x) - _STEPS + 1, hop)
    return np.stack([x[start : start + _STEPS] for start in starts])
