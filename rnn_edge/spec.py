"""What `model.toml` says about one model: its data, its network, how to train it and how to export it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from .cells import all_cells
from .errors import ModelError, UserError
from .features import Decision, LogMel
from .ir.replies import fault
from .layer_specs import (
    TAGS,
    ConvSpec,
    DenseSpec,
    EmbeddingSpec,
    GlobalPoolSpec,
    LayerSpec,
    PoolSpec,
    RecurrentSpec,
    kind_of,
)
from .sections import Section, read, sentence, shown
from .train_spec import OF_NUMBERS, TrainSpec

__all__ = [
    "FILE_NAME",
    "ConvSpec",
    "DataSpec",
    "DecisionSpec",
    "DenseSpec",
    "EmbeddingSpec",
    "ExportSpec",
    "FeaturesSpec",
    "GlobalPoolSpec",
    "LayerSpec",
    "ModelSpec",
    "NetworkSpec",
    "PoolSpec",
    "RecurrentSpec",
    "TrainSpec",
    "find",
    "load",
]

FILE_NAME = "model.toml"


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
        kinds = [kind_of(layer) for layer in self.layers]
        if "recurrent" not in kinds:
            raise ValueError(f"one layer must be recurrent: {', '.join(all_cells())}")
        if "embedding" in kinds[1:]:
            raise ValueError("an embedding must be the first layer")
        if kinds[0] == "embedding" and self.normalization:
            raise ValueError("the first layer is an embedding, so normalization must be false")
        self._check_time(kinds)
        last = self.layers[-1]
        if not isinstance(last, DenseSpec) or last.activation not in ("softmax", "linear"):
            raise ValueError("the last layer must be dense with activation softmax or linear")
        if any(isinstance(layer, DenseSpec) and layer.activation == "softmax" for layer in self.layers[:-1]):
            raise ValueError("softmax is accepted on the last layer only")
        return self

    def _check_time(self, kinds: list[str | None]) -> None:
        """The order of layers over time, and what an output at every step allows of them."""
        front = kinds[: kinds.index("recurrent")]
        late = [kind for i, kind in enumerate(kinds) if kind in ("conv", "pool") and (i >= len(front))]
        if late or ("conv" in front and set(front) - {"conv", "pool"}):
            raise ValueError("conv1d and pooling come first, before all other layers")
        if front[:1] == ["pool"]:
            raise ValueError("pooling comes behind a conv1d")
        both = [i for i, layer in enumerate(self.layers) if isinstance(layer, RecurrentSpec) and layer.bidirectional]
        if both and (both != [0] or kinds.count("recurrent") > 1 or self.every_step):
            raise ValueError("a bidirectional layer is the first and the only recurrent one, and every_step false")
        pooled = [i for i, kind in enumerate(kinds) if kind == "global_pool"]
        last = max(i for i, kind in enumerate(kinds) if kind == "recurrent")
        if pooled and (pooled != [last + 1] or self.every_step or both):
            raise ValueError("pooling over all steps is right behind the last recurrent layer, and every_step false")
        if self.rate > 1 and self.every_step:
            raise ValueError("strides and pooling leave steps out, and every_step asks at each: remove one of them")

    @property
    def rate(self) -> int:
        """Rows of the data for one step of the recurrent layers."""
        strides = [layer.stride for layer in self.layers if isinstance(layer, ConvSpec)]
        return math.prod([*strides, *(layer.size for layer in self.layers if isinstance(layer, PoolSpec))])

    @property
    def one_length(self) -> bool:
        """Do the layers need sequences of one length, because Keras would count padding in?"""
        return any(kind_of(layer) in ("conv", "pool", "global_pool") for layer in self.layers)


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


def _reply(text: str) -> str:
    if wrong := fault(text):
        raise ValueError(f"the reply {wrong}")
    return text


class ModelSpec(Section):
    """One `model.toml`; `replies`: what a device answers, a text for each class."""

    task: Annotated[str, Field(min_length=1)]
    data: DataSpec
    features: FeaturesSpec | None = None
    network: NetworkSpec
    train: TrainSpec
    export: ExportSpec = ExportSpec()
    decision: DecisionSpec | None = None
    replies: dict[str, Annotated[str, AfterValidator(_reply)]] = Field(default_factory=dict)

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
    def _check_pieces(self) -> ModelSpec:
        both = any(isinstance(layer, RecurrentSpec) and layer.bidirectional for layer in self.network.layers)
        if self.train.tbptt and (self.network.one_length or both):
            raise ValueError("train.tbptt carries the states of recurrent layers alone: remove it, or layers over time")
        return self

    @model_validator(mode="after")
    def _check_augmentation(self) -> ModelSpec:
        train, tokens = self.train, isinstance(self.network.layers[0], EmbeddingSpec)
        numbers = [name for name in OF_NUMBERS if getattr(train, name)]
        if tokens and numbers:
            raise ValueError(f"train.{numbers[0]} changes numbers, and the first layer is an embedding of tokens")
        if train.unknown and not tokens:
            raise ValueError("train.unknown changes tokens, and the first layer is no embedding")
        return self


_SECTIONS: dict[str, type[Section]] = {
    "data": DataSpec,
    "features": FeaturesSpec,
    "decision": DecisionSpec,
    "network": NetworkSpec,
    "train": TrainSpec,
    "export": ExportSpec,
    "embedding": EmbeddingSpec,
    "conv": ConvSpec,
    "pool": PoolSpec,
    "global_pool": GlobalPoolSpec,
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
        names = ", ".join(sorted((*TAGS, *all_cells())))
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
