"""Quantization: choose the format of every class of values, then read the equations as integer operations."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .calibrate import Ranges
from .cells import FloatArray, Linear
from .errors import UserError
from .float_model import BidirectionalLayer, EmbeddingLayer, FloatModel
from .ir.check import SCHEMES, check
from .ir.elements import UNIT_SCALE
from .ir.program import Op, Program, State, Value
from .quantize_weights import WEIGHT_BITS, quantize_rows, quantize_table, table_scale
from .readings import INPUT, UNIT, WIDE_INPUT, Reading, Signal, read_body, read_head, state_names, state_starts
from .usage import Usage

OUTPUTS = ("int16", "int8")

NARROW = 256
"""Ratio of an int8 operand's scale to that of the int16 value it is narrowed from."""

OUTPUT_HEADROOM = 1.25
STATE_HEADROOM = 2.0


def quantize(
    model: FloatModel,
    ranges: Ranges,
    scheme: str = "int8",
    output: str = "int16",
    classes: Sequence[str] = (),
    raw_unit: float = 1.0,
    weight_bits: int = 8,
) -> Program:
    """The checked program of a float network.

    `scheme` "int8": inputs and operands of products are int8; "int16x8": they are int16. In both, weights are int8 and
    states int16. `output` "int16", or "int8" (eight bits make ties between classes). `weight_bits` 8, or 4: weights of
    products are -7 to 7 then, in the same arithmetic, those of embeddings 16 times that, biases and scales short.
    UserError for any other, and where 4 bits meet ranges that were not calibrated for them.
    """
    _check_choice(scheme, weight_bits)
    reading = IntReading(model, ranges, scheme, weight_bits)
    x = reading.given("x", INPUT, 1 if model.vocabulary is not None else model.inputs)
    states = [reading.given(name, form, size) for name, form, size in state_names(model)]
    y, following = read_body(reading, model, x, states)
    # The two ends of a bidirectional layer are put together where the output is read: that follows from the states.
    body_ops = len(reading.ops) - isinstance(model.body[-1], BidirectionalLayer)
    y = read_head(reading, model, y)
    if output == "int8":
        y = reading.narrow(y)
    if model.every_step:
        body_ops = len(reading.ops)
    reading.arrays["input_mean"] = model.mean
    reading.arrays["input_deviation"] = model.deviation
    for array in reading.arrays.values():
        array.flags.writeable = False
    program = Program(
        name=model.name,
        scheme=scheme,
        values=reading.values,
        constants=reading.arrays,
        ops=tuple(reading.ops),
        body_ops=body_ops,
        input="x",
        states=_states(reading, states, following, state_starts(model)),
        output=y.name,
        every_step=model.every_step,
        softmax=model.softmax,
        classes=tuple(classes),
        raw_unit=raw_unit,
        rate=model.rows.rate,
        mirrored=model.rows.mirrored,
    )
    return check(program)


def _check_choice(scheme: str, weight_bits: int) -> None:
    if scheme not in SCHEMES:
        raise UserError(f"Scheme {scheme!r} is not known; give one of {', '.join(SCHEMES)}.")
    if weight_bits not in WEIGHT_BITS:
        raise UserError(f"{weight_bits} bits a weight are not supported; give one of {WEIGHT_BITS}.")


def _usage(ranges: Ranges, weight_bits: int) -> Usage:
    if weight_bits == 8:
        return Usage()
    if ranges.usage is None:
        raise UserError("These ranges are for weights of 8 bits; for 4, calibrate with weight_bits=4.")
    return ranges.usage


def _states(
    reading: IntReading, states: Sequence[Signal], following: Sequence[Signal], starts: Sequence[float]
) -> tuple[State, ...]:
    integers = [round(start / reading.values[old.name].scale) for old, start in zip(states, starts, strict=True)]
    return tuple(State(old.name, new.name, at) for old, new, at in zip(states, following, integers, strict=True))


# formats


def gate_scale(peak: float) -> float:
    """2^-11 for pre-activations, wider only where calibration passes 16 or 32; 2^-12 gains nothing and caps sigmoid."""
    return 2.0 ** -(11 if peak <= 16 else 10 if peak <= 32 else 9)


def state_scale(peak: float, finest: int) -> float:
    """The finest of 2^-`finest` to 2^-8 that holds twice the calibrated peak of an unbounded state."""
    holds = math.floor(math.log2(32767 / max(STATE_HEADROOM * peak, 1.0)))
    return 2.0 ** -min(max(holds, 8), finest)


def output_scale(peak: float) -> float:
    """The finest power of two that holds the calibrated peak with some room."""
    return 2.0 ** -min(math.floor(math.log2(32767 / max(OUTPUT_HEADROOM * peak, 2.0**-15))), 24)


def choose_formats(
    model: FloatModel, ranges: Ranges, scheme: str, weight_bits: int, usage: Usage
) -> dict[str, tuple[str, float, int]]:
    """Format class -> (dtype, scale, zero point)."""
    formats = {UNIT: ("int16", UNIT_SCALE, 0), INPUT: _input_format(model, ranges, scheme)}
    formats[WIDE_INPUT] = ("int16", formats[INPUT][1], 0)
    embeddings = [layer for layer in model.layers if isinstance(layer, EmbeddingLayer)]
    tables = {f"{layer.name}.row": (f"{layer.name}_row", layer.table) for layer in embeddings}
    unbounded, curved = {form for _, form, _ in state_names(model)}, _read_by_curves(model)
    for form in {form for form, _ in ranges.peaks.values()} - {UNIT, INPUT, WIDE_INPUT}:
        peak = ranges.peak(form)
        if form.endswith(".out"):
            formats[form] = ("int16", output_scale(peak), 0)
        elif form in unbounded:
            formats[form] = ("int16", state_scale(peak, 12 if form in curved else 14), 0)
        elif form.endswith(".gate"):
            formats[form] = ("int16", gate_scale(peak), 0)
        elif form.endswith(".row"):
            name, table = tables[form]
            scale = table_scale(table, peak, weight_bits, usage.tables.get(name))
            formats[form] = ("int8", _float32(scale), 0)
        else:
            # Of a power of two the short scales of rows are what they were when real numbers become integers again.
            scale = output_scale(peak) if weight_bits == 4 else _float32(peak * OUTPUT_HEADROOM / 32767)
            formats[form] = ("int16", scale, 0)
    return formats


def _read_by_curves(model: FloatModel) -> set[str]:
    """Format classes that sigmoid and tanh read: those take 2^-12 at the finest."""
    reading = _FormReading()
    states = [Signal(reading, name, form, None) for name, form, _ in state_names(model)]
    read_body(reading, model, Signal(reading, "x", INPUT, None), states)
    return reading.curved


class _FormReading(Reading):
    """Follows the formats alone."""

    def __init__(self) -> None:
        super().__init__()
        self.curved: set[str] = set()

    def emit(self, kind: str, name: str, form: str, inputs: Sequence[Signal], **constants: Any) -> Signal:
        if kind in ("sigmoid", "tanh"):
            self.curved.add(inputs[0].form)
        return Signal(self, name, form, None)

    def rename(self, signal: Signal, name: str) -> Signal:
        return Signal(self, name, signal.form, None)


def _input_format(model: FloatModel, ranges: Ranges, scheme: str) -> tuple[str, float, int]:
    if model.vocabulary is not None:
        return "int32", 1.0, 0
    low, high = min(ranges.low, 0.0), max(ranges.high, 0.0)
    if scheme == "int16x8":
        return "int16", _float32(max(-low, high) / 32767), 0
    if model.windowed:  # its window begins with zeros, which an integer of zero has to be
        return "int8", _float32(max(-low, high) / 127), 0
    scale = _float32((high - low) / 255)
    return "int8", scale, int(np.clip(np.rint(-128 - low / scale), -128, 127))


def _float32(scale: float) -> float:
    return float(np.float32(max(scale, 2.0**-40)))


class IntReading(Reading):
    """Writes the step as integer operations; payloads are sizes."""

    def __init__(self, model: FloatModel, ranges: Ranges, scheme: str, weight_bits: int) -> None:
        super().__init__()
        self.weight_bits, self.usage = weight_bits, _usage(ranges, weight_bits)
        self.formats: Mapping[str, tuple[str, float, int]] = choose_formats(
            model, ranges, scheme, weight_bits, self.usage
        )
        self.scheme = scheme
        self.values: dict[str, Value] = {}
        self.arrays: dict[str, NDArray[Any]] = {}
        self.ops: list[Op] = []
        self._narrowed: dict[str, Signal] = {}

    def given(self, name: str, form: str, size: int) -> Signal:
        """An input or a state."""
        dtype, scale, zero_point = self.formats[form]
        return self._define(Value(name, dtype, size, scale, zero_point), form)

    def emit(self, kind: str, name: str, form: str, inputs: Sequence[Signal], **constants: Any) -> Signal:
        if kind == "constant":
            return self._constant(name, form, inputs[0], constants["value"])
        dtype, scale, zero_point = self.formats[form]
        size = inputs[0].payload
        if kind == "widen" and self.values[inputs[0].name].dtype == "int16":
            return Signal(self, inputs[0].name, form, size)
        names: tuple[str, ...] = ()
        begin = 0
        match kind:
            case "matvec":
                inputs, size = [self.operand(inputs[0])], len(constants["linear"].weight)
                names = self._matvec(constants["weights"], constants["linear"], self.values[inputs[0].name], scale)
            case "gather":
                size, names = constants["table"].shape[1], (f"{name}_table",)
                self.arrays[names[0]] = quantize_table(
                    constants["table"], scale, self.weight_bits, self.usage.tables.get(name)
                )
            case "slice":
                begin, size = constants["begin"], constants["size"]
            case "concat":
                size = sum(signal.payload for signal in inputs)
        self.ops.append(Op(kind, name, tuple(signal.name for signal in inputs), names, begin))
        return self._define(Value(name, dtype, size, scale, zero_point), form)

    def rename(self, signal: Signal, name: str) -> Signal:
        last = self.ops.pop()
        if last.output != signal.name:
            raise AssertionError(f"{name} names a value that is not the last one computed")
        value = self.values.pop(signal.name)
        self.ops.append(Op(last.kind, name, last.inputs, last.constants, last.begin))
        return self._define(Value(name, value.dtype, value.size, value.scale), signal.form)

    def operand(self, x: Signal) -> Signal:
        """`x` as operand of a product: int16 values are narrowed in scheme int8, once each.

        Not what convolutions take and give, nor a sum of all steps: those have no end of their own, so that 8 bits of
        them would be few.
        """
        wide = x.form == WIDE_INPUT or x.form.endswith((".out", ".total"))
        if self.scheme == "int16x8" or wide or self.values[x.name].dtype == "int8":
            return x
        if x.name not in self._narrowed:
            self._narrowed[x.name] = self.narrow(x)
        return self._narrowed[x.name]

    def narrow(self, x: Signal) -> Signal:
        """`x` rescaled to int8."""
        value = self.values[x.name]
        name = f"{x.name}_s8"
        self.ops.append(Op("rescale", name, (x.name,)))
        return self._define(Value(name, "int8", value.size, value.scale * NARROW), x.form)

    def _constant(self, name: str, form: str, state: Signal, value: FloatArray) -> Signal:
        """The biases of a product with one column of zeros, because every operation has an operand.

        One step of the result is 32 of the accumulator, which stays below 2^20, so that the product is a fast one.
        """
        one = f"{state.name}_first"
        if one not in self.values:
            self.emit("slice", one, state.form, [state], begin=0, size=1)
        operand = self.operand(Signal(self, one, state.form, 1))
        dtype, scale, _ = self.formats[form]
        names = (f"{name}_weight", f"{name}_bias", f"{name}_scale")
        steps = np.rint(value / scale).clip(-32768, 32767).astype(np.int64)
        row_scale = np.full(len(value), scale / self.values[operand.name].scale / 32, np.float32)
        arrays = (np.zeros((len(value), 1), np.int8), 32 * steps, row_scale)
        self.arrays.update(zip(names, arrays, strict=True))
        self.ops.append(Op("matvec", name, (operand.name,), names))
        return self._define(Value(name, dtype, len(value), scale), form)

    def _matvec(self, name: str, linear: Linear, x: Value, y_scale: float) -> tuple[str, ...]:
        names = (f"{name}_weight", f"{name}_bias", f"{name}_scale")
        if names[0] not in self.arrays:
            rows = quantize_rows(linear, x, y_scale, name, self.weight_bits, self.usage.products.get(name))
            self.arrays.update(zip(names, rows, strict=True))
        return names

    def _define(self, value: Value, form: str) -> Signal:
        self.values[value.name] = value
        return Signal(self, value.name, form, value.size)
