"""What `model.toml` says about one model: its data, its network, how to train it and how to export it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, ValidationError, model_validator
from pydantic_core import ErrorDetails

from .cells import all_cells
from .errors import ModelError, UserError
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
    """Adam over whole sequences, stopped when the loss on the share `validation` has not improved for `patience`."""

    epochs: Annotated[int, Field(ge=1, le=100_000)]
    batch: Count = 32
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.001
    gradient_clip: Annotated[float, Field(gt=0)] = 1.0
    validation: Annotated[float, Field(gt=0, lt=1)] = 0.2
    patience: Annotated[int, Field(ge=1)] = 20
    loss: Literal["sparse_categorical_crossentropy"] = "sparse_categorical_crossentropy"


class ExportSpec(Section):
    """`input_percentile`: the share of input values that must fit without saturation; `output`: type of the result."""

    input_percentile: Annotated[float, Field(gt=50, le=100)] = 100.0
    output: Literal["int16", "int8"] = "int16"


class ModelSpec(Section):
    """One `model.toml`."""

    task: Annotated[str, Field(min_length=1)]
    data: DataSpec
    network: NetworkSpec
    train: TrainSpec
    export: ExportSpec = ExportSpec()


_SECTIONS: dict[str, type[Section]] = {
    "data": DataSpec,
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
