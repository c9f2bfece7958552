"""The trained network as plain NumPy arrays: what Keras import produces and everything after it reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .cells import Cell, FloatArray, Linear

ACTIVATIONS = ("linear", "relu", "sigmoid", "tanh", "softmax")


@dataclass(frozen=True)
class EmbeddingLayer:
    """Row `token` of `table [vocabulary, width]`."""

    name: str
    table: FloatArray


@dataclass(frozen=True)
class RecurrentLayer:
    """`cell` with `units` units; `index` numbers its states (h0, c0, h1 ...); `constants` are `[units]` each."""

    name: str
    index: int
    cell: Cell
    units: int
    products: Mapping[str, Linear]
    constants: Mapping[str, FloatArray] = field(default_factory=dict)


@dataclass(frozen=True)
class DenseLayer:
    """`activation(weight @ x + bias)`; softmax only on the last layer, where it is left to the caller."""

    name: str
    linear: Linear
    activation: str


Layer = EmbeddingLayer | RecurrentLayer | DenseLayer


@dataclass(frozen=True)
class FloatModel:
    """A stack of layers over a sequence.

    The input of a step is `[inputs]` float, normalized by `(x - mean) / deviation`, or one token where the first
    layer is an embedding (`inputs` is then 1). `every_step`: the output is read at every step, not after the last.
    """

    name: str
    inputs: int
    mean: FloatArray  # [inputs]
    deviation: FloatArray  # [inputs], positive
    layers: tuple[Layer, ...]
    every_step: bool

    @property
    def vocabulary(self) -> int | None:
        """Number of tokens, or None where the input is numeric."""
        first = self.layers[0]
        return len(first.table) if isinstance(first, EmbeddingLayer) else None

    @property
    def softmax(self) -> bool:
        last = self.layers[-1]
        return isinstance(last, DenseLayer) and last.activation == "softmax"

    @property
    def body(self) -> tuple[Layer, ...]:
        """The layers that run at every step: all of them, or those up to the last recurrent one."""
        if self.every_step:
            return self.layers
        last = max(i for i, layer in enumerate(self.layers) if isinstance(layer, RecurrentLayer))
        return self.layers[: last + 1]

    @property
    def head(self) -> tuple[Layer, ...]:
        """The layers that run only where the output is read."""
        return self.layers[len(self.body) :]
