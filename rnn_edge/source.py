"""What the user named: a bundled model, a folder with a `model.toml`, or a `.keras` file with calibration data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import datasets, spec
from .datasets.npz_file import load_calibration
from .errors import UserError
from .features import Decision, LogMel
from .float_model import FloatModel
from .keras_import import import_keras
from .names import check_classes, identifier
from .paths import MODELS, Artifacts
from .recordings.read import read as read_recordings
from .recordings.windows import Cutting
from .rows import Rows, with_channels


@dataclass(frozen=True)
class Samples:
    """Sequences `[batch, steps, inputs]` of `lengths` real steps; `y` as in `datasets.Split`, where it is known."""

    x: NDArray[Any]
    lengths: NDArray[np.int64]
    y: NDArray[Any] | None = None

    @property
    def labels(self) -> NDArray[np.int64] | None:
        """The class of every sequence, where that is asked."""
        return None if self.y is None or self.y.ndim > 1 else self.y


@dataclass(frozen=True)
class Source:
    """A float model with the data to quantize it and to judge the result."""

    model: FloatModel
    float_keras: Path
    calibration: Samples  # as the steps of the model read them: `FloatModel.rows`
    test: Samples
    classes: tuple[str, ...]
    channels: tuple[str, ...] = ()  # names of the inputs, where they have any
    raw_unit: float = 1.0
    input_percentile: float = 100.0
    output: str = "int16"
    weight_bits: int = 8
    features: LogMel | None = None
    decision: Decision | None = None
    replies: tuple[str, ...] = ()


def artifacts_of(target: str, out: Path) -> Artifacts:
    """The files of a target below the folder `out`."""
    name = Path(target).stem if target.endswith(".keras") else spec.find(target, MODELS).resolve().name
    return Artifacts(out / identifier(name), identifier(name))


def open_source(target: str, artifacts: Artifacts, calibration: Path | None) -> Source:
    """Read the model and its data; UserError where something is missing or does not fit."""
    if target.endswith(".keras"):
        return _from_keras(Path(target), artifacts.name, calibration)
    if calibration is not None:
        raise UserError(f"--calibration goes with a .keras file; {target} has its own data in {spec.FILE_NAME}.")
    folder = spec.find(target, MODELS)
    described = spec.load(folder)
    trained_here = artifacts.metrics.is_file() and artifacts.float_keras.is_file()
    path = artifacts.float_keras if trained_here else folder / artifacts.float_keras.name
    if not path.is_file():
        raise UserError(f"{target} has no trained weights yet; run `rnn-edge train {target}` first.")
    data = dataset_of(described, folder)
    check_classes(data.classes)
    features, model = features_of(described), import_keras(path, artifacts.name)
    if features is not None and model.rows != Rows():
        raise UserError(f"{target} takes several frames of sound a step, which no device feeds yet: leave out strides.")
    return Source(
        model=model,
        float_keras=path,
        calibration=_samples(model, data.calibration.x, data.calibration.lengths, data.calibration.y),
        test=_samples(model, data.test.x, data.test.lengths, data.test.y),
        classes=data.classes,
        channels=model.rows.names(data.channels),
        raw_unit=described.data.raw_unit if features is None else LogMel.unit,
        input_percentile=described.export.input_percentile,
        output=described.export.output,
        weight_bits=described.export.weights,
        features=features,
        decision=_decision(described, data.classes),
        replies=_replies(described, data.classes),
    )


def features_of(described: spec.ModelSpec) -> LogMel | None:
    """What makes the input of the model of samples, where that is said."""
    return None if described.features is None else described.features.configuration


def _decision(described: spec.ModelSpec, classes: tuple[str, ...]) -> Decision | None:
    features = features_of(described)
    if described.decision is None or features is None:
        return None
    return described.decision.configuration(classes, features.frames_per_s)


def _replies(described: spec.ModelSpec, classes: tuple[str, ...]) -> tuple[str, ...]:
    if not described.replies:
        return ()
    odd = sorted(set(described.replies) ^ set(classes))
    if odd:
        raise UserError(
            f"`replies` has to have a text for every class and for nothing else, and {odd[0]!r} is in one of both "
            "only: correct it."
        )
    return tuple(described.replies[name] for name in classes)


def dataset_of(described: spec.ModelSpec, folder: Path) -> datasets.Dataset:
    """The data set of a model; a path is relative to the folder of its `model.toml`."""
    data, features = described.data, features_of(described)
    path = folder / data.set
    if data.set not in datasets.all_sets() and path.is_dir():
        return read_recordings(path, Cutting(data.window_s, data.hop_s, data.rate_hz), features)
    for key in ("window_s", "hop_s", "rate_hz"):
        if getattr(data, key) is not None:
            raise UserError(f"{folder / spec.FILE_NAME}: {key} is for a folder of recordings: remove it.")
    return datasets.load(str(path) if path.suffix in (".npz", ".ts") else data.set, features)


def _from_keras(path: Path, name: str, calibration: Path | None) -> Source:
    if calibration is None:
        raise UserError(
            f"{path} comes without data; add --calibration data.npz with an array x [sequences, steps, channels] of "
            "what the device will see (32 sequences or more)."
        )
    x, lengths = load_calibration(calibration)
    model = import_keras(path, name)
    samples = _samples(model, x, lengths)
    return Source(model, path, samples, samples, ())


def _samples(model: FloatModel, x: NDArray[Any], lengths: NDArray[np.int64], y: NDArray[Any] | None = None) -> Samples:
    x, channels = with_channels(x), model.rows.channels(model.inputs)
    if x.shape[2] != channels:
        raise UserError(
            f"The data have {x.shape[2]} channels; {model.name} takes {channels}: give it those of the training."
        )
    return Samples(*model.rows.of(x, lengths), y)
