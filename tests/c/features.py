"""Generated features and decisions as a program that answers requests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rnn_edge.backends import c, c_features
from rnn_edge.features import Decision, LogMel, Statistics
from rnn_edge.paths import FIRMWARE
from rnn_edge.runtimes.c_host import CHost, compile_c
from tests.c.builds import usable
from tests.c.kernels import HERE, Kernels, Request

NO_DECISION = Decision(classes=2, threshold=1)
NO_FEATURES = Statistics(channels=1, window=2, hop=1)


def rows(flat: list[int], width: int) -> list[list[int]]:
    return [flat[start : start + width] for start in range(0, len(flat), width)]


class Player(Kernels):
    """A program that has one configuration of features and one of a decision."""

    def frames(self, x: NDArray[np.int16], features: LogMel | Statistics, piece: int) -> list[list[int]]:
        """The frames of a stream that comes in pieces."""
        expected = features.frames(x)
        request = Request("features", x.size, piece, 0, (x,), "i2", expected.size)
        (found,) = self.results([request])
        return rows(found, features.size)

    def detections(self, scores: NDArray[np.uint16]) -> list[int]:
        (found,) = self.results([Request("decision", len(scores), 0, 0, (scores,), "i2", len(scores))])
        return found

    def means(self, counts: NDArray[np.int16], factor: int) -> list[list[int]]:
        steps, channels = counts.shape
        request = Request("decimation", steps, factor, channels, (counts,), "i2", steps // factor * channels)
        (found,) = self.results([request])
        return rows(found, channels)


def player(
    build: CHost, folder: Path, features: LogMel | Statistics = NO_FEATURES, decision: Decision = NO_DECISION
) -> Player:
    """Compile the generated files with all warnings; skips where the compiler is missing."""
    files = c_features.write(features, "model") | c_features.write(decision, "model")
    files |= {path.name: path.read_text() for path in (FIRMWARE / "features").glob("rnn_statistics.*")}
    for name, text in files.items():
        (folder / name).write_text(text)
    sources = [folder / name for name in files if name.endswith(".c")]
    flags = [*c.WARNINGS, *build.flags, f"-I{folder}", f"-I{HERE}"]
    compile_c(usable(build).compiler, flags, [*sources, HERE / "features_main.c"], folder / "player")
    return Player(folder / "player")
