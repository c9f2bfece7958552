"""Which of seven exercises is being done, at every moment of a session: 6 channels at 6.25 Hz, a label a step.

The signals are the recordings of `watch`, which are real; the sessions are made of them, because each recording holds
one exercise. In a session one person does up to seven exercises, one after the other, with one arm. Each is 5 to 12 s
of that person's own recording with that arm, and their order is random. So the joints are made: a real change takes a
moment, in which somebody moves on or rests, and here the next exercise is there at once, in the middle of a movement.

A step is 0.16 s. 7 people train, each recording cut anew four times; 3 others are the test, and every moment of theirs
occurs once at most: 29 sessions of 50 s, 138 changes. Settings of the bundled model were chosen with 2 of the 7 held
out. Source and licence: as `watch`.
"""

from __future__ import annotations

from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from . import Dataset, Split, watch, with_calibration
from .watch import Recording

_MEAN_OF = 2  # steps of `watch` a step, so 6.25 Hz
_SHORTEST, _LONGEST = 31, 75  # steps of a piece
_CUTS = 4  # of every recording of the training
_SEED = 1802

Piece = tuple[NDArray[np.float32], int]
"""Steps `[n, 6]` and their exercise."""


def load() -> Dataset:
    """`x` float32 `[N, T, 6]` in g and rad/s, `y` int64 `[N, T]`; `group` is the person, 8 to 10 are the test."""
    generator = np.random.default_rng(_SEED)
    found = watch.recordings()
    train, test = (
        _split([one for one in found if (one.subject in watch.TEST_SUBJECTS) == held], cuts, generator)
        for held, cuts in ((False, _CUTS), (True, 1))
    )
    return with_calibration("workout", watch.CLASSES, train, test, watch.CHANNELS)


def _split(found: list[Recording], cuts: int, generator: np.random.Generator) -> Split:
    arms = sorted({(one.subject, one.side) for one in found})
    sessions, people = [], []
    for subject, side in arms:
        own = [one for one in found if (one.subject, one.side) == (subject, side)]
        for _ in range(cuts):
            made = _sessions(own, generator)
            sessions += made
            people += [subject] * len(made)
    return _padded(sessions, np.array(people))


def _sessions(own: list[Recording], generator: np.random.Generator) -> list[list[Piece]]:
    """Sessions of two and more exercises: the first pieces of all recordings, the second ones, and so on."""
    rounds = zip_longest(*([(piece, one.exercise) for piece in _pieces(one.x, generator)] for one in own))
    made = [[piece for piece in pieces if piece is not None] for pieces in rounds]
    return [[pieces[i] for i in generator.permutation(len(pieces))] for pieces in made if len(pieces) > 1]


def _pieces(x: NDArray[np.float32], generator: np.random.Generator) -> list[NDArray[np.float32]]:
    """A recording in pieces, one after the other; what is left at its end and too short is dropped."""
    x = x[: len(x) // _MEAN_OF * _MEAN_OF].reshape(-1, _MEAN_OF, x.shape[1]).mean(axis=1)
    pieces, start = [], 0
    while len(x) - start >= _SHORTEST:
        steps = int(generator.integers(_SHORTEST, _LONGEST + 1))
        pieces.append(x[start : start + steps])
        start += steps
    return pieces


def _padded(sessions: list[list[Piece]], people: NDArray[np.int64]) -> Split:
    lengths = np.array([sum(len(x) for x, _ in pieces) for pieces in sessions])
    x = np.zeros((len(sessions), lengths.max(), len(watch.CHANNELS)), np.float32)
    y = np.full(x.shape[:2], -1, np.int64)
    for i, pieces in enumerate(sessions):
        x[i, : lengths[i]] = np.concatenate([piece for piece, _ in pieces])
        y[i, : lengths[i]] = np.repeat([exercise for _, exercise in pieces], [len(piece) for piece, _ in pieces])
    return Split(x, lengths, y, people)
