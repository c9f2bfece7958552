"""The flatbuffer of a TensorFlow Lite model.

Same content, same bytes. Every buffer begins at a multiple of 16 bytes, which int64 biases need on cores that trap on
unaligned loads; that is why the builder functions of the schema are called here and not its object interface, which
ignores the alignment.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import flatbuffers
import numpy as np
import tflite
from numpy.typing import NDArray

from .tflite_file import Model, Operator, Quantization, Subgraph, Tensor

ALIGNMENT = 16

SIGNATURE = "serving_default"

_SCHEMA_VERSION = 3

_TYPES = {
    "int8": tflite.TensorType.INT8,
    "int16": tflite.TensorType.INT16,
    "int32": tflite.TensorType.INT32,
    "int64": tflite.TensorType.INT64,
    "bool": tflite.TensorType.BOOL,
}


def pack(model: Model) -> bytes:
    """The file of a model."""
    return _Packer().model(model)


class _Packer:
    """One pass over a model, children first as flatbuffers need it; equal vectors and tables are written once."""

    def __init__(self) -> None:
        self._builder = flatbuffers.Builder(1 << 16)
        self._written: dict[Hashable, int] = {}
        self._buffers: dict[bytes, int] = {b"": 0}
        self._codes: dict[tuple[str, int], int] = {}

    def model(self, model: Model) -> bytes:
        b = self._builder
        subgraphs = self._offsets([self._subgraph(subgraph) for subgraph in model.subgraphs])
        signatures = self._offsets([self._signature(model)])
        metadata = self._offsets([self._metadata(name, content) for name, content in model.metadata.items()])
        codes = self._offsets([self._code(builtin, version) for builtin, version in self._codes])
        description = self._string(model.description)
        buffers = self._offsets([self._buffer(content) for content in self._buffers])
        tflite.ModelStart(b)
        tflite.ModelAddVersion(b, _SCHEMA_VERSION)
        tflite.ModelAddOperatorCodes(b, codes)
        tflite.ModelAddSubgraphs(b, subgraphs)
        tflite.ModelAddDescription(b, description)
        tflite.ModelAddBuffers(b, buffers)
        tflite.ModelAddMetadata(b, metadata)
        tflite.ModelAddSignatureDefs(b, signatures)
        b.Finish(tflite.ModelEnd(b), b"TFL3")
        return bytes(b.Output())

    def _subgraph(self, subgraph: Subgraph) -> int:
        b = self._builder
        tensors = self._offsets([self._tensor(tensor) for tensor in subgraph.tensors])
        operators = self._offsets([self._operator(operator) for operator in subgraph.operators])
        inputs, outputs = self._ints(subgraph.inputs), self._ints(subgraph.outputs)
        name = self._string(subgraph.name)
        tflite.SubGraphStart(b)
        tflite.SubGraphAddTensors(b, tensors)
        tflite.SubGraphAddInputs(b, inputs)
        tflite.SubGraphAddOutputs(b, outputs)
        tflite.SubGraphAddOperators(b, operators)
        tflite.SubGraphAddName(b, name)
        return int(tflite.SubGraphEnd(b))

    def _tensor(self, tensor: Tensor) -> int:
        b = self._builder
        # A shape that holds the stored length is shared with no other, or the length could change the file's size.
        name, shape = self._string(tensor.name), self._ints(tensor.shape, tensor.signature)
        signature = None if tensor.signature is None else self._ints(tensor.signature)
        quantization = None if tensor.quantization is None else self._quantization(tensor.quantization)
        buffer = 0 if tensor.data is None else self._buffers.setdefault(tensor.data, len(self._buffers))
        tflite.TensorStart(b)
        tflite.TensorAddShape(b, shape)
        tflite.TensorAddType(b, _TYPES[tensor.dtype])
        tflite.TensorAddBuffer(b, buffer)
        tflite.TensorAddName(b, name)
        if quantization is not None:
            tflite.TensorAddQuantization(b, quantization)
        if signature is not None:
            tflite.TensorAddShapeSignature(b, signature)
        return int(tflite.TensorEnd(b))

    def _quantization(self, quantization: Quantization) -> int:
        def write() -> int:
            b = self._builder
            scales = self._vector(np.array(quantization.scales, dtype=np.float32))
            zeros = self._vector(np.full(len(quantization.scales), quantization.zero_point, dtype=np.int64))
            tflite.QuantizationParametersStart(b)
            tflite.QuantizationParametersAddScale(b, scales)
            tflite.QuantizationParametersAddZeroPoint(b, zeros)
            tflite.QuantizationParametersAddQuantizedDimension(b, quantization.axis)
            return int(tflite.QuantizationParametersEnd(b))

        return self._once(quantization, write)

    def _operator(self, operator: Operator) -> int:
        b = self._builder
        code = self._codes.setdefault((operator.builtin, operator.version), len(self._codes))
        inputs, outputs = self._ints(operator.inputs), self._ints(operator.outputs)
        options = None if operator.options is None else self._options(*operator.options)
        tflite.OperatorStart(b)
        tflite.OperatorAddOpcodeIndex(b, code)
        tflite.OperatorAddInputs(b, inputs)
        tflite.OperatorAddOutputs(b, outputs)
        if operator.options is not None:
            tflite.OperatorAddBuiltinOptionsType(b, getattr(tflite.BuiltinOptions, operator.options[0]))
            tflite.OperatorAddBuiltinOptions(b, options)
        return int(tflite.OperatorEnd(b))

    def _options(self, table: str, fields: Mapping[str, Any]) -> int:
        written = {name: self._ints(value) if isinstance(value, list) else value for name, value in fields.items()}
        getattr(tflite, f"{table}Start")(self._builder)
        for name, value in written.items():
            getattr(tflite, f"{table}Add{name}")(self._builder, value)
        return int(getattr(tflite, f"{table}End")(self._builder))

    def _code(self, builtin: str, version: int) -> int:
        b = self._builder
        number = getattr(tflite.BuiltinOperator, builtin)
        tflite.OperatorCodeStart(b)
        tflite.OperatorCodeAddDeprecatedBuiltinCode(b, min(number, 127))
        tflite.OperatorCodeAddBuiltinCode(b, number)
        tflite.OperatorCodeAddVersion(b, version)
        return int(tflite.OperatorCodeEnd(b))

    def _buffer(self, content: bytes) -> int:
        b = self._builder
        data = self._bytes(content, 1, ALIGNMENT) if content else None
        tflite.BufferStart(b)
        if data is not None:
            tflite.BufferAddData(b, data)
        return int(tflite.BufferEnd(b))

    def _metadata(self, name: str, content: bytes) -> int:
        b = self._builder
        title, buffer = self._string(name), self._buffers.setdefault(content, len(self._buffers))
        tflite.MetadataStart(b)
        tflite.MetadataAddName(b, title)
        tflite.MetadataAddBuffer(b, buffer)
        return int(tflite.MetadataEnd(b))

    def _signature(self, model: Model) -> int:
        b = self._builder
        inputs, outputs, key = (
            self._tensor_maps(model.inputs),
            self._tensor_maps(model.outputs),
            self._string(SIGNATURE),
        )
        tflite.SignatureDefStart(b)
        tflite.SignatureDefAddInputs(b, inputs)
        tflite.SignatureDefAddOutputs(b, outputs)
        tflite.SignatureDefAddSignatureKey(b, key)
        tflite.SignatureDefAddSubgraphIndex(b, 0)
        return int(tflite.SignatureDefEnd(b))

    def _tensor_maps(self, tensors: Mapping[str, int]) -> int:
        b, offsets = self._builder, []
        for name, index in tensors.items():
            title = self._string(name)
            tflite.TensorMapStart(b)
            tflite.TensorMapAddName(b, title)
            tflite.TensorMapAddTensorIndex(b, index)
            offsets.append(int(tflite.TensorMapEnd(b)))
        return self._offsets(offsets)

    # vectors

    def _once(self, key: Hashable, write: Callable[[], int]) -> int:
        if key not in self._written:
            self._written[key] = write()
        return self._written[key]

    def _string(self, text: str) -> int:
        return self._once(text, lambda: int(self._builder.CreateString(text)))

    def _ints(self, values: Sequence[int], apart: Hashable = None) -> int:
        return self._vector(np.array(values, dtype=np.int32), apart)

    def _vector(self, array: NDArray[Any], apart: Hashable = None) -> int:
        content = array.astype(array.dtype.newbyteorder("<")).tobytes()
        return self._once(
            (array.dtype.name, content, apart), lambda: self._bytes(content, array.itemsize, array.itemsize)
        )

    def _bytes(self, content: bytes, item: int, alignment: int) -> int:
        b = self._builder
        b.StartVector(item, len(content) // item, alignment)
        b.head -= len(content)
        b.Bytes[b.head : b.head + len(content)] = content
        return int(b.EndVector())

    def _offsets(self, offsets: Sequence[int]) -> int:
        self._builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self._builder.PrependUOffsetTRelative(offset)
        return int(self._builder.EndVector())
