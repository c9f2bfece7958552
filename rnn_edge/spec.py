"""What `model.toml` says about one model: its data, its network, how to train it and how to export it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, ValidationError, model_validator
from pydantic_core import ErrorDetails

from .cells import all_cells
from .errors import ModelError, UserError
from .features import Decision, LogMel
from .sections import Section, read, sentence, shown

FILE_NAME = "model.toml"

Count = Annotated[int, Field(ge=1, le=65536)]


class EmbeddingSpec(Section):
    """Tokens 0..`vocabulary`-1 become vectors of `width`."""

    layer: Literal["embedding"]
    vocabulary: Annotated[int, Field(ge=2, le=65536)]
    width: Count


class RecurrentSpec(Section):
    """`units` units of the cell named by `layer`."""

    layer: str
    units: Count


class DenseSpec(Section):
    """A fully connected layer; softmax only as the last of the network."""

    layer: Literal["dense"]
    units: Count
    activation: Literal["linear", "relu", "sigmoid", "tanh", "softmax"] = "linear"


def _kind(layer: Any) -> str | None:
    name = layer.get("layer") if isinstance(layer, dict) else getattr(layer, "layer", None)
    if name in ("dense", "embedding"):
        return str(name)
    return "recurrent" if name in all_cells() else None


LayerSpec = Annotated[
    Annotated[EmbeddingSpec, Tag("embedding")]
    | Annotated[RecurrentSpec, Tag("recurrent")]
    | Annotated[DenseSpec, Tag("dense")],
    Discriminator(_kind),
]


class DataSpec(Section):
    """`set`: a name, or the path of a `.npz`, a `_TRAIN.ts` or a folder of recordings.

    `raw_unit`: one raw int16 count in the units of the training data. For a folder: windows of `window_s` seconds, one
    every `hop_s` (default `window_s`), at `rate_hz` steps a second (default that of the files); whole recordings where
    `window_s` is not given.
    """

    set: Annotated[str, Field(min_length=1)]
    raw_unit: Annotated[float, Field(gt=0)] = 1.0
    window_s: Annotated[float, Field(gt=0)] | None = None
    hop_s: Annotated[float, Field(gt=0)] | None = None
    rate_hz: Annotated[float, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _check_hop(self) -> DataSpec:
        if self.hop_s is not None and self.window_s is None:
            raise ValueError("hop_s is given without window_s")
        return self


class NetworkSpec(Section):
    """The layers; `normalization` scales each channel, `every_step` reads the output at every step."""

    layers: Annotated[tuple[LayerSpec, ...], Field(min_length=1, max_length=32, strict=False)]
    normalization: bool = True
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    every_step: bool = False

    @model_validator(mode="after")
    def _check_order(self) -> NetworkSpec:
        kinds = [_kind(layer) for layer in self.layers]
        if "recurrent" not in kinds:
            raise ValueError(f"one layer must be recurrent: {', '.join(all_cells())}")
        if "embedding" in kinds[1:]:
            raise ValueError("an embedding must be the first layer")
        if kinds[0] == "embedding" and self.normalization:
            raise ValueError("the first layer is an embedding, so normalization must be false")
        last = self.layers[-1]
        if not isinstance(last, DenseSpec) or last.activation not in ("softmax", "linear"):
            raise ValueError("the last layer must be dense with activation softmax or linear")
        if any(isinstance(layer, DenseSpec) and layer.activation == "softmax" for layer in self.layers[:-1]):
            raise ValueError("softmax is accepted on the last layer only")
        return self


class TrainSpec(Section):
    """Adam, stopped when the loss on the share `validation` has not improved for `patience` epochs.

    `decay`: "cosine" lowers the learning rate to zero over `epochs` (I. Loshchilov and F. Hutter, arXiv:1608.03983),
    does not stop before and keeps the last weights.
    `tbptt`: gradients go back at most so many steps, and the state is carried on (0: through whole sequences).
    `class_weights`: "balanced" lets every class count the same. `noise` (share of each channel's deviation), `shift`
    (steps), `rotation` (degrees, of channels in triples x, y, z) and `scale` (share of the amplitude) change the
    sequences of the training part anew in every epoch.
    """

    epochs: Annotated[int, Field(ge=1, le=100_000)]
    batch: Count = 32
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.001
    decay: Literal["none", "cosine"] = "none"
    gradient_clip: Annotated[float, Field(gt=0)] = 1.0
    tbptt: Annotated[int, Field(ge=0, le=65536)] = 0
    class_weights: Literal["none", "balanced"] = "none"
    noise: Annotated[float, Field(ge=0, le=10)] = 0.0
    shift: Annotated[int, Field(ge=0, le=65536)] = 0
    rotation: Annotated[float, Field(ge=0, le=180)] = 0.0
    scale: Annotated[float, Field(ge=0, lt=1)] = 0.0
    validation: Annotated[float, Field(gt=0, lt=1)] = 0.2
    patience: Annotated[int, Field(ge=1)] = 20
    loss: Literal["sparse_categorical_crossentropy", "mse", "mae"] = "sparse_categorical_crossentropy"

    @property
    def augmentation(self) -> bool:
        """Are sequences changed in every epoch?"""
        return bool(self.noise or self.shift or self.rotation or self.scale)


class ExportSpec(Section):
    """`input_percentile`: the share of input values that must fit without saturation; `output`: type of the result;
    `weights`: bits of each."""

    input_percentile: Annotated[float, Field(gt=50, le=100)] = 100.0
    output: Literal["int16", "int8"] = "int16"
    weights: Literal[8, 4] = 8


class FeaturesSpec(Section):
    """What makes the input of the network of samples: see `features.LogMel`."""

    kind: Literal["log_mel"]
    rate_hz: int = LogMel.rate_hz
    window: int = LogMel.window
    hop: int = LogMel.hop
    fft: int = LogMel.fft
    mels: int = LogMel.mels
    low_hz: int = LogMel.low_hz
    high_hz: int = LogMel.high_hz
    floor: int = LogMel.floor

    @property
    def configuration(self) -> LogMel:
        """As the chip computes it; UserError where the numbers do not fit together."""
        return LogMel(**self.model_dump(exclude={"kind"}))


class DecisionSpec(Section):
    """What makes detections of scores: see `features.Decision`.

    `threshold`: a probability. `rest_s`: seconds after a detection without another. `ignored`: names of classes.
    """

    threshold: Annotated[float, Field(gt=0, lt=1)]
    smoothing: Annotated[int, Field(ge=0, le=7)] = Decision.smoothing
    rest_s: Annotated[float, Field(ge=0)] = 0.0
    ignored: Annotated[tuple[str, ...], Field(strict=False)] = ()

    def configuration(self, classes: tuple[str, ...], steps_per_s: float) -> Decision:
        """As the chip computes it; UserError where a class is not known or the rest is too long."""
        unknown = [name for name in self.ignored if name not in classes]
        if unknown:
            raise UserError(
                f"`decision.ignored` has {unknown[0]!r}, and the classes are {', '.join(classes)}: correct it."
            )
        ignored = tuple(classes.index(name) for name in self.ignored)
        return Decision(
            len(classes), round(self.threshold * 32767), self.smoothing, round(self.rest_s * steps_per_s), ignored
        )


class ModelSpec(Section):
    """One `model.toml`."""

    task: Annotated[str, Field(min_length=1)]
    data: DataSpec
    features: FeaturesSpec | None = None
    network: NetworkSpec
    train: TrainSpec
    export: ExportSpec = ExportSpec()
    decision: DecisionSpec | None = None

    @model_validator(mode="after")
    def _check_features(self) -> ModelSpec:
        if self.features is not None and "raw_unit" in self.data.model_fields_set:
            raise ValueError("data.raw_unit is given by the features: remove it")
        if self.features is not None and self.data.rate_hz is not None:
            raise ValueError("data.rate_hz is given by features.rate_hz: remove it")
        if self.features is None and self.decision is not None:
            raise ValueError("decision is given without features")
        return self

    @model_validator(mode="after")
    def _check_augmentation(self) -> ModelSpec:
        if self.train.augmentation and isinstance(self.network.layers[0], EmbeddingSpec):
            raise ValueError(
                "train.noise, shift, rotation and scale change numbers, and the first layer is an embedding of tokens"
            )
        return self


_SECTIONS: dict[str, type[Section]] = {
    "data": DataSpec,
    "features": FeaturesSpec,
    "decision": DecisionSpec,
    "network": NetworkSpec,
    "train": TrainSpec,
    "export": ExportSpec,
    "embedding": EmbeddingSpec,
    "recurrent": RecurrentSpec,
    "dense": DenseSpec,
}


def load(folder: Path) -> ModelSpec:
    """The specification in `folder`; ModelError is one sentence with the file, the key and what is accepted."""
    path = folder / FILE_NAME
    try:
        return ModelSpec.model_validate(read(path, ModelError))
    except ValidationError as error:
        raise ModelError(f"{path}: {_sentence(error.errors()[0])}") from None


def find(name_or_path: str, models_folder: Path) -> Path:
    """The folder of a model: one in `models_folder` by name, or any folder with a `model.toml` by path."""
    for folder in (models_folder / name_or_path, Path(name_or_path)):
        if name_or_path and (folder / FILE_NAME).is_file():
            return folder
    known = sorted(path.parent.name for path in models_folder.glob(f"*/{FILE_NAME}"))
    raise UserError(
        f"There is no model {name_or_path!r}: use one of {', '.join(known) or 'none so far'}, or the path of a folder "
        f"with a {FILE_NAME}."
    )


def _sentence(error: ErrorDetails) -> str:
    location, kind = error["loc"], error["type"]
    key = _key(location)
    if kind == "extra_forbidden":
        section = _SECTIONS.get(str(location[-2]), ModelSpec) if len(location) > 1 else ModelSpec
        return f"`{key}` is not known, accepted here: {', '.join(section.model_fields)}: correct or remove it."
    if kind.startswith("union_tag"):
        names = ", ".join(("dense", "embedding", *all_cells()))
        return f"`{key}` is {shown(error['input'])}, accepted for its `layer`: {names}: correct it."
    return sentence(error, key)


def _key(location: tuple[int | str, ...]) -> str:
    """`network.layers[1].units` from the parts, of which the one after an index is the tag of the union."""
    text = ""
    for i, part in enumerate(location):
        if isinstance(part, int):
            text += f"[{part}]"
        elif i == 0 or not isinstance(location[i - 1], int):
            text += f".{part}" if text else part
    return text
