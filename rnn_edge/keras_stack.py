"""What has been read of a `.keras` file so far, and what its readers have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .cells import FloatArray, Linear
from .errors import ModelError
from .float_model import ACTIVATIONS, BidirectionalLayer, Layer, RecurrentLayer
from .keras_archive import StoredLayer
from .rows import Rows


@dataclass
class Stack:
    """What has been read so far; `width` is the number of values that the next layer gets at a step."""

    path: Path
    inputs: int = 0
    width: int | None = None
    mean: FloatArray | None = None
    deviation: FloatArray | None = None
    layers: list[Layer] = field(default_factory=list)
    names: dict[str, int] = field(default_factory=dict)
    rate: int = 1  # rows of the sensor for one row that the next layer gets
    steps: int | None = None  # rows that the next layer gets in all, where that is known
    factor: float = 1.0  # what the next layer reads is to be multiplied by this
    masked: bool = False
    mirrored: bool = False  # the layer that reads the input reads it from both ends
    sequences: bool = True  # a value at every step; False after a layer that returns the last one only

    def name(self, kind: str) -> str:
        self.names[kind] = self.names.get(kind, -1) + 1
        return f"{kind}{self.names[kind]}"

    def refuse(self, layer: StoredLayer, seen: str, remedy: str) -> ModelError:
        return ModelError(f"{self.path}: layer {layer.name!r} ({layer.class_name}) {seen}: {remedy}.")

    @property
    def recurrent(self) -> int:
        """Number of recurrent layers so far, each direction of a bidirectional one for itself."""
        count = {RecurrentLayer: 1, BidirectionalLayer: 2}
        return sum(count.get(type(layer), 0) for layer in self.layers)

    def scaled(self, linear: Linear) -> Linear:
        """A product that reads what was put out last, with the factor that this lacks."""
        return Linear(linear.weight * self.factor, linear.bias)

    @property
    def rows(self) -> Rows:
        return Rows(self.rate, self.mirrored)


def misfit(arrays: Sequence[FloatArray], units: int, layer: StoredLayer, stack: Stack) -> ModelError:
    found = [list(array.shape) for array in arrays]
    seen = f"has variables {found}, which do not fit {units} units on {stack.width} values"
    return stack.refuse(layer, seen, "save it again")


def activation_of(layer: StoredLayer, config: Any, stack: Stack) -> str:
    name = config.get("activation")
    if name not in ACTIVATIONS:
        seen = name if isinstance(name, str) else "one of your own"
        raise stack.refuse(
            layer, f"has activation {seen}, read are {', '.join(ACTIVATIONS)}", "train it with one of them"
        )
    return str(name)
