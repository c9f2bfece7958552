"""The trained network as plain NumPy arrays: what Keras import produces and everything after it reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .cells import Cell, FloatArray, Linear
from .rows import Rows

ACTIVATIONS = ("linear", "relu", "sigmoid", "tanh", "softmax")


@dataclass(frozen=True)
class EmbeddingLayer:
    """Row `token` of `table [vocabulary, width]`."""

    name: str
    table: FloatArray


@dataclass(frozen=True)
class ConvLayer:
    """Causal convolution: `activation(weight @ [x[t - kernel + 1], ..., x[t]] + bias)` at every `stride`-th row t.

    `weight` is `[filters, kernel * width]`; before the first row lie rows of zeros. State `index` is the window of past
    rows, where `kernel` is more than 1.
    """

    name: str
    index: int
    linear: Linear
    width: int
    stride: int
    activation: str

    @property
    def kernel(self) -> int:
        return self.linear.weight.shape[1] // self.width


@dataclass(frozen=True)
class PoolLayer:
    """The largest ("max") or the sum ("sum") of every `size` rows; whoever reads a sum divides it."""

    name: str
    size: int
    kind: str


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
class BidirectionalLayer:
    """One layer from the first row to the last, one from the last to the first; their last outputs side by side."""

    name: str
    ahead: RecurrentLayer
    back: RecurrentLayer


@dataclass(frozen=True)
class GlobalPoolLayer:
    """The largest ("max") or the sum ("sum") over all steps so far of `units` values between -1 and 1, as a state."""

    name: str
    units: int
    kind: str


@dataclass(frozen=True)
class DenseLayer:
    """`activation(weight @ x + bias)`; softmax only on the last layer, where it is left to the caller."""

    name: str
    linear: Linear
    activation: str


Layer = EmbeddingLayer | ConvLayer | PoolLayer | RecurrentLayer | BidirectionalLayer | GlobalPoolLayer | DenseLayer


def linears(layer: Layer) -> tuple[Linear, ...]:
    """Weights and biases of a layer."""
    match layer:
        case ConvLayer() | DenseLayer():
            return (layer.linear,)
        case RecurrentLayer():
            return tuple(layer.products.values())
        case BidirectionalLayer():
            return linears(layer.ahead) + linears(layer.back)
    return ()


@dataclass(frozen=True)
class FloatModel:
    """A stack of layers over a sequence.

    The input of a step is `[inputs]` float, normalized by `(x - mean) / deviation`, or one token where the first
    layer is an embedding (`inputs` is then 1); `rows` says what of a sequence that is. `every_step`: the output is read
    at every step, not after the last.
    """

    name: str
    inputs: int
    mean: FloatArray  # [inputs]
    deviation: FloatArray  # [inputs], positive
    layers: tuple[Layer, ...]
    every_step: bool
    rows: Rows = field(default_factory=Rows)

    @property
    def vocabulary(self) -> int | None:
        """Number of tokens, or None where the input is numeric."""
        first = self.layers[0]
        return len(first.table) if isinstance(first, EmbeddingLayer) else None

    @property
    def windowed(self) -> bool:
        """Does a convolution read the input?"""
        return isinstance(self.layers[0], ConvLayer)

    @property
    def softmax(self) -> bool:
        last = self.layers[-1]
        return isinstance(last, DenseLayer) and last.activation == "softmax"

    @property
    def body(self) -> tuple[Layer, ...]:
        """The layers that run at every step: all of them, or those up to the last one with a state."""
        if self.every_step:
            return self.layers
        last = max(i for i, layer in enumerate(self.layers) if not isinstance(layer, DenseLayer))
        return self.layers[: last + 1]

    @property
    def head(self) -> tuple[Layer, ...]:
        """The layers that run only where the output is read."""
        return self.layers[len(self.body) :]
