"""A TensorFlow Lite model as plain data: tensors, operators, subgraphs. `tflite_pack` makes the file of it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Quantization:
    """Scales (one, or one for each index of `axis`) and the zero point of all of them."""

    scales: tuple[float, ...]
    zero_point: int = 0
    axis: int = 0


@dataclass(frozen=True)
class Tensor:
    """A tensor; `data` are the bytes of a constant, `signature` its shape with -1 where a caller may resize it."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    quantization: Quantization | None = None
    data: bytes | None = None
    signature: tuple[int, ...] | None = None


Options = tuple[str, Mapping[str, Any]]
"""Name of an options table and its fields; a field that is a list becomes a vector of int32."""


@dataclass(frozen=True)
class Operator:
    """A builtin of one version; inputs and outputs are indices of tensors."""

    builtin: str
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Options | None


@dataclass
class Subgraph:
    """A subgraph under construction."""

    name: str
    tensors: list[Tensor] = field(default_factory=list)
    operators: list[Operator] = field(default_factory=list)
    inputs: list[int] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)
    _constants: dict[Hashable, int] = field(default_factory=dict)

    def tensor(
        self,
        name: str,
        dtype: str,
        shape: Sequence[int],
        quantization: Quantization | None = None,
        signature: Sequence[int] | None = None,
    ) -> int:
        """Index of a new tensor."""
        self.tensors.append(
            Tensor(name, dtype, tuple(shape), quantization, None, None if signature is None else tuple(signature))
        )
        return len(self.tensors) - 1

    def constant(self, name: str, array: NDArray[Any], quantization: Quantization | None = None) -> int:
        """Index of a constant tensor; one tensor for equal contents."""
        data = np.ascontiguousarray(array).tobytes()
        key = (array.dtype.name, array.shape, data, quantization)
        if key not in self._constants:
            self.tensors.append(Tensor(name, array.dtype.name, array.shape, quantization, data))
            self._constants[key] = len(self.tensors) - 1
        return self._constants[key]

    def operator(
        self,
        builtin: str,
        version: int,
        inputs: Sequence[int],
        outputs: Sequence[int],
        options: Options | None = None,
    ) -> None:
        """Append one operator."""
        self.operators.append(Operator(builtin, version, tuple(inputs), tuple(outputs), options))


@dataclass(frozen=True)
class Model:
    """Subgraphs, the first of them the main one; `inputs` and `outputs` name its tensors in the signature."""

    subgraphs: Sequence[Subgraph]
    inputs: Mapping[str, int]
    outputs: Mapping[str, int]
    description: str
    metadata: Mapping[str, bytes]
