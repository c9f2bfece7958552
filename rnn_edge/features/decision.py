"""From scores to detections in integers: what `firmware/features/rnn_decision.c` computes bit for bit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from .configuration import Configuration, check_whole
from .curves import IntArray

FRACTION = 8
"""Bits of a smoothed score beyond those of a score."""


@dataclass(frozen=True)
class Decision(Configuration):
    """A class is detected where its smoothed score reaches `threshold` and is the largest of all classes.

    Scores are 0 to 32767, as `<name>_softmax` gives them. `smoothing`: each step moves the smoothed score by
    2^-smoothing of the way. `rest`: steps after a detection in which there is no other. `ignored`: classes that are
    never detected, such as silence. UserError on values out of range.
    """

    classes: int
    threshold: int
    smoothing: int = 2
    rest: int = 0
    ignored: tuple[int, ...] = ()

    kind: ClassVar[str] = "decision"

    def __post_init__(self) -> None:
        limits = {"classes": (1, 1024), "threshold": (1, 32767), "smoothing": (0, 7), "rest": (0, 65535)}
        for name, (low, high) in limits.items():
            check_whole("Decision", name, getattr(self, name), low, high)
        for index in self.ignored:
            check_whole("Decision", "an ignored class", index, 0, self.classes - 1)

    @property
    def wanted(self) -> IntArray:
        """1 for each class that may be detected, `[classes]`."""
        return np.array([index not in self.ignored for index in range(self.classes)], dtype=np.int64)

    def detections(self, scores: NDArray[np.uint16]) -> IntArray:
        """The class detected at each step or -1, `[steps]`, of scores `[steps, classes]`; UserError on other scores."""
        if scores.ndim != 2 or scores.shape[1] != self.classes or scores.dtype != np.uint16 or (scores > 32767).any():
            raise UserError(
                f"Scores are {scores.dtype.name}{list(scores.shape)}; uint16 [steps, {self.classes}] up to 32767 is "
                "accepted."
            )
        decider = Decider(self)
        return np.array([decider.decide(row) for row in scores], dtype=np.int64)


class Decider:
    """A decision over one stream, step by step."""

    def __init__(self, decision: Decision) -> None:
        self._decision, self._wanted = decision, decision.wanted
        self._smoothed = np.zeros(decision.classes, dtype=np.int64)
        self._wait = 0

    def decide(self, scores: NDArray[np.uint16]) -> int:
        """The class detected at the next step, of scores `[classes]` up to 32767, or -1."""
        decision, smoothed = self._decision, self._smoothed
        # 0 <= smoothed < 2^23: it moves toward score * 2^8 and never past it
        smoothed += ((scores.astype(np.int64) << FRACTION) - smoothed) >> decision.smoothing
        best = int(smoothed.argmax())
        if self._wait > 0:
            self._wait -= 1
        elif self._wanted[best] and smoothed[best] >= decision.threshold << FRACTION:
            self._wait = decision.rest
            return best
        return -1
