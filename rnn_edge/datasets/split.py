"""Which sequences are held out to judge a network: by class, or by group so that no group is on both sides.

Windows of one recording, or recordings of one person, are alike: a network that has seen some of them knows the others.
Held out by sequence they would show how well it remembers; held out by group they show how well it generalizes
(grouped hold-out: S. Saeb et al., "The need to approximate the use-case in clinical machine learning", GigaScience 6,
2017).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from . import Split, shuffled_by_class

TEST_FRACTION = 0.3
_SEED = 7030
_TRIES = 32
_VISITS = 8192  # of groups in all tries: where there are many, every order comes close to the shares

Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]


def held_by_class(y: Integers) -> Flags:
    """Which rows are for the test: 30 % of every class, rounded down, but one at least; always the same."""
    held = np.zeros(len(y), np.bool_)
    order = shuffled_by_class(y, _SEED)
    for label in np.unique(y):
        members = order[y[order] == label]
        held[members[: max(1, int(len(members) * TEST_FRACTION))]] = True
    return held


def held_by_group(y: Integers, group: Integers, classes: Sequence[str], groups: Sequence[str], source: object) -> Flags:
    """Which rows are for the test: whole groups, about 30 % of every class; always the same.

    UserError names what has too few groups, with `source` as the file or folder.
    """
    if len(np.unique(group)) < 2:
        raise UserError(
            f"{source}: all sequences are in one group, {groups[group[0]]!r}, and the test needs a group that training "
            "has not seen: record at least one more."
        )
    for label in np.unique(y):
        own = np.unique(group[y == label])
        if len(own) < 2:
            raise UserError(
                f"{source}: class {classes[label]!r} is in one group only, {groups[own[0]]!r}, so it cannot be both "
                "learned and tested: record it at least once more, in another group."
            )
    held = _held_groups(y, group, TEST_FRACTION, _SEED)
    absent = sorted(set(y.tolist()) - set(y[held].tolist()))
    if absent:
        raise UserError(
            f"{source}: no division of the groups tests class {classes[absent[0]]!r} and also trains every class: "
            "record more classes in each group."
        )
    return held


def hold_out(split: Split, share: float, seed: int) -> tuple[Split, Split]:
    """The validation part, about `share` of `split` and at least one sequence, and the rest for training.

    Whole groups where the split has them, every class keeps one for training, and some are near the share; otherwise
    sequences, the same share of every class. The same seed gives the same parts. UserError where nothing would be left
    to train.
    """
    order = _shuffled_in_proportion(split.stratum, seed)
    if split.group is not None:
        held = _held_groups(split.stratum, split.group, share, seed)[order]
        if held.any():
            return split.take(order[held]), split.take(order[~held])
    count = max(1, round(share * len(order)))
    if count >= len(order):
        raise UserError(f"{len(order)} training sequences are too few to hold out `train.validation`: give more.")
    return split.take(order[:count]), split.take(order[count:])


def _shuffled_in_proportion(y: Integers, seed: int) -> Integers:
    """All rows in a fixed random order of which every beginning holds the same share of each class.

    A class of n rows has them at (k + 1/2) / n of the way, so a class of one is never the first to be held out.
    """
    order = shuffled_by_class(y, seed)
    place = np.empty(len(y))
    for label in np.unique(y):
        members = y[order] == label
        place[members] = (np.arange(members.sum()) + 0.5) / members.sum()
    return order[np.argsort(place, kind="stable")]


def _held_groups(y: Integers, group: Integers, share: float, seed: int) -> Flags:
    """Rows of the held groups; every class of `y` keeps a group that is not held.

    Groups are tried in random order, and one is held where that brings the classes closer to their share; of several
    orders the best is taken: fewest classes of which nothing is held, then least distance from the shares.
    """
    names, member = np.unique(group, return_inverse=True)
    labels, label = np.unique(y, return_inverse=True)
    count = np.zeros((len(names), len(labels)))
    np.add.at(count, (member, label), 1)
    part = count / count.sum(axis=0)
    generator = np.random.default_rng(seed)
    tries = max(2, min(_TRIES, _VISITS // len(names)))
    found = [_greedy(part, share, generator.permutation(len(names))) for _ in range(tries)]
    best = min(found, key=lambda held: _distance(part, held, share))
    return best[member]


def _greedy(part: NDArray[np.float64], share: float, order: Integers) -> Flags:
    held = np.zeros(len(part), np.bool_)
    remaining = np.count_nonzero(part, axis=0)  # groups of every class that training keeps
    sums = np.zeros(part.shape[1])
    for row in order:
        more = sums + part[row]
        left = remaining - (part[row] > 0)
        if left.all() and np.sum((more - share) ** 2) < np.sum((sums - share) ** 2):
            held[row], sums, remaining = True, more, left
    return held


def _distance(part: NDArray[np.float64], held: Flags, share: float) -> tuple[int, float]:
    sums = part[held].sum(axis=0)
    return int(np.sum(sums == 0)), float(np.sum((sums - share) ** 2))
