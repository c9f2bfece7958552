"""The layers that a `model.toml` can name."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from .cells import all_cells
from .sections import Section

Count = Annotated[int, Field(ge=1, le=65536)]


class EmbeddingSpec(Section):
    """Tokens 0..`vocabulary`-1 become vectors of `width`."""

    layer: Literal["embedding"]
    vocabulary: Annotated[int, Field(ge=2, le=65536)]
    width: Count


class ConvSpec(Section):
    """A causal convolution over `kernel` rows, at every `stride`-th; batch normalization is before the activation."""

    layer: Literal["conv1d"]
    filters: Count
    kernel: Annotated[int, Field(ge=1, le=64)]
    stride: Annotated[int, Field(ge=1, le=64)] = 1
    activation: Literal["linear", "relu", "sigmoid", "tanh"] = "relu"
    batch_normalization: bool = False


class PoolSpec(Section):
    """One row of `size` that follow each other."""

    layer: Literal["max_pool", "average_pool"]
    size: Annotated[int, Field(ge=2, le=64)]


class GlobalPoolSpec(Section):
    """One vector of all steps of the recurrent layer before."""

    layer: Literal["global_max_pool", "global_average_pool"]


class RecurrentSpec(Section):
    """`units` units of the cell named by `layer`; `bidirectional`: as many more that read the sequence from its end."""

    layer: str
    units: Count
    bidirectional: bool = False


class DenseSpec(Section):
    """A fully connected layer; softmax only as the last of the network."""

    layer: Literal["dense"]
    units: Count
    activation: Literal["linear", "relu", "sigmoid", "tanh", "softmax"] = "linear"


TAGS = {
    "dense": "dense",
    "embedding": "embedding",
    "conv1d": "conv",
    "max_pool": "pool",
    "average_pool": "pool",
    "global_max_pool": "global_pool",
    "global_average_pool": "global_pool",
}


def kind_of(layer: Any) -> str | None:
    name = layer.get("layer") if isinstance(layer, dict) else getattr(layer, "layer", None)
    return TAGS.get(name, "recurrent" if name in all_cells() else None) if isinstance(name, str) else None


LayerSpec = Annotated[
    Annotated[EmbeddingSpec, Tag("embedding")]
    | Annotated[ConvSpec, Tag("conv")]
    | Annotated[PoolSpec, Tag("pool")]
    | Annotated[GlobalPoolSpec, Tag("global_pool")]
    | Annotated[RecurrentSpec, Tag("recurrent")]
    | Annotated[DenseSpec, Tag("dense")],
    Discriminator(kind_of),
]
