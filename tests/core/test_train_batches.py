"""What training makes of sequences before Keras sees them: pieces, class weights, changed copies, checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnn_edge.datasets import Split
from rnn_edge.spec import ModelSpec, TrainSpec
from rnn_edge.train.augment import augment, deviations
from rnn_edge.train.batches import PADDING, Batch, asked, batches, class_factors, weighted
from rnn_edge.train.checkpoint import Checkpoint, Course, fingerprint


def split(count: int = 12, steps: int = 9, seed: int = 0, channels: int = 2) -> Split:
    random = np.random.default_rng(seed)
    lengths = random.integers(2, steps + 1, count)
    lengths[0] = steps
    x = random.normal(5, 2, (count, steps, channels)).astype(np.float32)
    x[np.arange(steps) >= lengths[:, None]] = 0
    return Split(x, lengths, random.integers(0, 3, count))


def spec(**train: Any) -> ModelSpec:
    layers = [{"layer": "gru", "units": 3}, {"layer": "dense", "units": 3, "activation": "softmax"}]
    described = {"task": "t", "data": {"set": "own"}, "network": {"layers": layers}, "train": {"epochs": 3, **train}}
    return ModelSpec.model_validate(described)


@given(st.integers(1, 12), st.booleans())
def test_pieces_together_are_the_whole(size: int, every_step: bool) -> None:
    whole = asked(split(), every_step)
    pieces = list(whole.chunks(size))
    np.testing.assert_array_equal(np.concatenate([piece.x for piece in pieces], axis=1), whole.x)
    np.testing.assert_array_equal(sum(piece.lengths for piece in pieces), whole.lengths)
    weight = np.concatenate([piece.weight for piece in pieces], axis=1)
    y = np.concatenate([piece.y for piece in pieces], axis=1)
    if every_step:
        np.testing.assert_array_equal(weight, whole.weight)
        np.testing.assert_array_equal(y, whole.y)
    else:  # asked once, at the last step
        last = np.arange(len(whole)), whole.lengths - 1
        assert weight.sum() == len(whole) and (weight[last] == 1).all()
        np.testing.assert_array_equal(y[last], whole.y)


def test_a_batch_is_cut_to_its_longest_sequence() -> None:
    rows = np.array([3, 1])
    whole = asked(split(), every_step=True)
    batch = whole.take(rows)
    longest = whole.lengths[rows].max()
    assert longest < whole.x.shape[1] and batch.x.shape[1] == batch.y.shape[1] == batch.weight.shape[1] == longest
    np.testing.assert_array_equal(batch.x == PADDING, np.repeat(batch.weight[..., None] == 0, 2, axis=2))


@given(st.lists(st.integers(0, 4), min_size=1, max_size=40), st.booleans())
def test_balanced_classes_count_the_same(labels: list[int], every_step: bool) -> None:
    y = np.array(labels)
    whole = asked(Split(np.ones((len(y), 3, 1), np.float32), 1 + y % 3, y), every_step)
    balanced = weighted(whole, class_factors(whole, 5, "balanced"))
    per_class = [balanced.weight[whole.y == label].sum() for label in set(labels)]
    np.testing.assert_allclose(per_class, per_class[0], rtol=1e-5)
    assert balanced.weight.sum() == pytest.approx(whole.weight.sum(), rel=1e-5)
    np.testing.assert_array_equal(weighted(whole, class_factors(whole, 5, "none")).weight, whole.weight)


def test_a_class_that_only_the_validation_part_has_counts_once() -> None:
    training = Batch(np.zeros((3, 2, 1)), np.full(3, 2), np.array([0, 0, 1]), np.ones(3, np.float32))
    np.testing.assert_allclose(class_factors(training, 3, "balanced"), [0.75, 1.5, 1])


def changed(options: dict[str, Any], seed: int = 0, part: Split | None = None) -> Split:
    part = part or split()
    options = {"epochs": 1, **options}
    return augment(part, TrainSpec(**options), deviations(part), np.random.default_rng(seed))


def test_noise_has_the_share_of_each_channel() -> None:
    random = np.random.default_rng(1)
    x = (random.normal(0, 1, (200, 50, 2)) * [1, 100] + [3, 1000]).astype(np.float32)
    part = Split(x, np.full(200, 50), np.zeros(200, np.int64))
    added = changed({"noise": 0.25}, part=part).x - x
    np.testing.assert_allclose(added.std(axis=(0, 1)), [0.25, 25], rtol=0.03)
    assert (np.abs(added.mean(axis=(0, 1))) < [0.01, 1]).all()


def test_scale_is_one_factor_a_sequence() -> None:
    part = split()
    real = np.arange(9) < part.lengths[:, None]
    for before, after, rows in zip(part.x, changed({"scale": 0.2}).x, real, strict=True):
        factor = (after[rows] / before[rows]).ravel()
        np.testing.assert_allclose(factor, factor[0], rtol=1e-5)
        assert 0.8 <= factor[0] <= 1.2


def test_warp_stretches_the_axis_of_channels() -> None:
    """Of a sequence whose channels are a straight line, the slope; the ends of the axis hold."""
    channels = np.arange(16, dtype=np.float32)
    part = Split(np.broadcast_to(channels, (300, 4, 16)).copy(), np.full(300, 4), np.zeros(300, np.int64))
    warped = changed({"warp": 0.2}, part=part).x
    slopes = warped[:, 0, 1]
    assert slopes.min() < 0.81 and slopes.max() > 1.19 and slopes.min() >= 0.8 and slopes.max() <= 1.2
    expected = np.minimum(slopes[:, None, None] * channels, 15)
    np.testing.assert_allclose(warped, np.broadcast_to(expected, warped.shape), rtol=1e-5)


def test_mask_covers_a_stretch_of_steps_and_of_channels_by_means() -> None:
    part = split(count=400, steps=20, channels=8)
    masked = changed({"mask": 0.5}, part=part).x
    sizes = []
    for before, after, length in zip(part.x, masked, part.lengths, strict=True):
        covered = before != after
        assert not covered[length:].any()
        of_steps, of_channels = covered[:length].all(axis=1), covered[:length].all(axis=0)
        assert (covered[:length] == of_steps[:, None] | of_channels).all()
        for which, whole in ((of_steps, length), (of_channels, 8)):
            assert np.count_nonzero(np.diff(which.astype(int), prepend=0, append=0)) <= 2 and which.sum() <= whole / 2
        sizes.append(of_channels.sum() if length > 2 else 0)
        means = np.broadcast_to(before[:length].mean(axis=0), (length, 8))
        np.testing.assert_allclose(after[:length][covered[:length]], means[covered[:length]], rtol=1e-4)
    assert set(sizes) == {0, 1, 2, 3, 4}


def test_shift_keeps_the_length_and_repeats_the_ends() -> None:
    part = split()
    moved = set()
    for before, after, length in zip(part.x, changed({"shift": 2}).x, part.lengths, strict=True):
        found = [
            by
            for by in range(-2, 3)
            if np.array_equal(after[:length], before[np.clip(np.arange(length) - by, 0, length - 1)])
        ]
        assert found
        moved |= set(found)
    assert moved == {-2, -1, 0, 1, 2}


def test_crop_cuts_beginnings() -> None:
    part = split(count=200)
    cropped = changed({"crop": 0.5}, part=part)
    shares = 1 - cropped.lengths / part.lengths
    assert shares.min() == 0 and 0.3 < shares.max() < 0.5
    for before, after, old, new in zip(part.x, cropped.x, part.lengths, cropped.lengths, strict=True):
        np.testing.assert_array_equal(after[:new], before[old - new : old])
        assert not after[new:].any()
    np.testing.assert_array_equal(cropped.y, part.y)
    assert changed({"crop": 0.999}, part=part).lengths.min() == 1


def test_the_steps_that_are_asked_follow_a_crop() -> None:
    cropped = changed({"crop": 0.9})
    batch = asked(cropped, every_step=True)
    np.testing.assert_array_equal(batch.weight.sum(axis=1), cropped.lengths)


def test_unknown_hides_tokens_of_lines_and_of_nothing_else() -> None:
    random = np.random.default_rng(3)
    lengths = random.integers(1, 30, 300)
    x = np.where(np.arange(30) < lengths[:, None], random.integers(2, 40, (300, 30)), 0).astype(np.int32)
    part = Split(x, lengths, np.zeros(300, np.int64))
    after = changed({"unknown": 0.2}, part=part).x
    assert after.dtype == np.int32 and set(after[after != x]) == {1} and not after[x == 0].any()
    assert np.mean(after[x > 0] == 1) == pytest.approx(0.2, abs=0.02)
    both = changed({"unknown": 0.2, "crop": 0.5}, part=part)
    assert (both.x > 0).sum() == both.lengths.sum() < lengths.sum()


@pytest.mark.parametrize("degrees", [1.0, 30.0, 180.0])
def test_rotation_turns_all_triples_of_a_sequence_alike(degrees: float) -> None:
    x = np.random.default_rng(0).normal(5, 2, (200, 9, 6)).astype(np.float32)
    x[:, 5:] = 0
    part = Split(x, np.full(200, 5), np.zeros(200, np.int64))
    turned = changed({"rotation": degrees}, part=part).x
    assert not turned[:, 5:].any() and turned.dtype == np.float32
    before, after = (one[:, :5].reshape(200, -1, 3).astype(np.float64) for one in (x, turned))
    found = np.linalg.pinv(before) @ after  # one matrix a sequence
    np.testing.assert_allclose(before @ found, after, atol=1e-4)
    np.testing.assert_allclose(found @ found.transpose(0, 2, 1), np.broadcast_to(np.eye(3), found.shape), atol=1e-4)
    assert (np.linalg.det(found) > 0).all()  # turned and not mirrored
    angle = np.rad2deg(np.arccos(np.clip((np.trace(found, axis1=1, axis2=2) - 1) / 2, -1, 1)))
    assert 0.95 * degrees < angle.max() <= degrees + 0.1 and angle.min() < 0.1 * degrees


def test_rotation_prefers_no_direction() -> None:
    x = np.broadcast_to(np.array([0, 0, 1], np.float32), (4000, 1, 3))
    part = Split(x, np.ones(4000, np.int64), np.zeros(4000, np.int64))
    tilt = changed({"rotation": 60.0}, part=part).x[:, 0, :2]
    assert (np.abs(tilt.mean(axis=0)) < 0.02).all() and tilt.std(axis=0)[0] == pytest.approx(
        tilt.std(axis=0)[1], rel=0.1
    )


@pytest.mark.parametrize("options", [{"noise": 0.1}, {"scale": 0.1}, {"shift": 3}, {"crop": 0.5}, {"rotation": 9.0}])
def test_the_same_seed_changes_the_same(options: dict[str, Any]) -> None:
    one, same, other = (changed(options, seed, split(channels=3)).x for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other) and one.dtype == np.float32


@given(st.integers(1, 60), st.integers(1, 9), st.booleans())
def test_batches_hold_every_row_once(count: int, size: int, alike: bool) -> None:
    lengths = np.random.default_rng(count).integers(1, 30, count)
    found = batches(lengths, size, alike, np.random.default_rng(0))
    assert sorted(np.concatenate(found)) == list(range(count))
    assert sorted(map(len, found), reverse=True) == [size] * (count // size) + [count % size] * (count % size > 0)


def test_batches_of_similar_lengths() -> None:
    lengths = np.random.default_rng(0).integers(1, 65, 4000)
    first, second = (batches(lengths, 50, True, np.random.default_rng(seed)) for seed in (0, 1))
    steps = [sum(lengths[rows].max() * len(rows) for rows in found) for found in (first, second)]
    mixed = sum(lengths[rows].max() * len(rows) for rows in batches(lengths, 50, False, np.random.default_rng(0)))
    assert max(steps) < 1.1 * lengths.sum() < 0.6 * mixed
    assert {rows.tobytes() for rows in first}.isdisjoint(rows.tobytes() for rows in second)


def course() -> Course:
    arrays = (np.arange(3.0, dtype=np.float32), np.array([7, 8], np.uint32))
    return Course(np.array([[1, 0.5, 0.9, 0.5], [0.5, 0.75, 0.95, 0.5]]), 1, arrays, (*arrays, np.array(5)))


def test_a_checkpoint_comes_back(tmp_path: Path) -> None:
    said: list[str] = []
    checkpoint, kept = Checkpoint(tmp_path / "new" / "c.npz", said.append), course()
    assert checkpoint.read("mark", kept.best, kept.variables) is None and said == []
    checkpoint.write("mark", kept)
    found = checkpoint.read("mark", kept.best, kept.variables)
    assert found is not None and (found.epoch, found.best_epoch, found.best_loss) == (2, 1, 0.9)
    for name in ("best", "variables"):
        for before, after in zip(getattr(kept, name), getattr(found, name), strict=True):
            assert before.dtype == after.dtype
            np.testing.assert_array_equal(before, after)
    assert said == [f"Training was interrupted after epoch 2 and goes on from there ({checkpoint.path})."]


@pytest.mark.parametrize("change", ["mark", "shape", "dtype"])
def test_a_checkpoint_of_something_else_is_not_used(tmp_path: Path, change: str) -> None:
    said: list[str] = []
    checkpoint, kept = Checkpoint(tmp_path / "c.npz", said.append), course()
    checkpoint.write("mark", kept)
    best: dict[str, Any] = {"shape": (np.zeros(4, np.float32), kept.best[1]), "dtype": (np.zeros(3), kept.best[1])}
    assert checkpoint.read("other" if change == "mark" else "mark", best.get(change, kept.best), kept.variables) is None
    assert said == ["The data or model.toml changed since training was interrupted: it begins anew."]


def test_a_damaged_checkpoint_is_not_used(tmp_path: Path) -> None:
    said: list[str] = []
    checkpoint, kept = Checkpoint(tmp_path / "c.npz", said.append), course()
    checkpoint.write("mark", kept)
    content = checkpoint.path.read_bytes()
    pickled = tmp_path / "pickled.npz"
    np.savez(pickled, fingerprint=np.array([{}], dtype=object))
    for damaged in (b"", content[:100], content[: len(content) // 2], b"x" * 50, pickled.read_bytes()):
        checkpoint.path.write_bytes(damaged)
        assert checkpoint.read("mark", kept.best, kept.variables) is None
    assert len(said) == 5 and all("is damaged (" in text and "begins anew" in text for text in said)


def test_the_fingerprint_knows_what_decides() -> None:
    parts = (split(seed=1), split(seed=2))
    marks = [
        fingerprint(spec(), parts, 0),
        fingerprint(spec(), parts, 1),
        fingerprint(spec(noise=0.1), parts, 0),
        fingerprint(spec(), parts[::-1], 0),
        fingerprint(spec(), (parts[0], parts[1].take(np.arange(11))), 0),
    ]
    assert len(set(marks)) == 5
    assert fingerprint(spec(), (split(seed=1), split(seed=2)), 0) == marks[0]
