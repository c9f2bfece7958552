"""Calibration: run the float network over sample sequences and keep the ranges of all its values."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .cells import FloatArray
from .errors import UserError
from .float_model import BidirectionalLayer, FloatModel, RecurrentLayer
from .readings import INPUT, FloatReading, Signal, read_body, read_head, state_names, state_starts
from .usage import Usage, UsageReading


@dataclass(frozen=True)
class Channel:
    """One input: its name, and the least and the largest value, before normalization."""

    name: str
    low: float
    high: float


@dataclass(frozen=True)
class Ranges:
    """What calibration saw: the range of the normalized input, the peak magnitude of every named value, the range of
    every channel (none where the inputs are tokens), and, where calibration was for weights of 4 bits, how the arrays
    are used, which no file keeps.
    """

    low: float
    high: float
    peaks: Mapping[str, tuple[str, float]]  # value name -> (format class, largest magnitude)
    channels: tuple[Channel, ...] = ()
    usage: Usage | None = field(default=None, compare=False)

    def peak(self, form: str) -> float:
        """Largest magnitude over the values of a format class."""
        return max(peak for known, peak in self.peaks.values() if known == form)

    def to_json(self) -> str:
        channels = [asdict(channel) for channel in self.channels]
        described = {"low": self.low, "high": self.high, "peaks": dict(self.peaks), "channels": channels}
        return json.dumps(described, indent=1) + "\n"


def load_ranges(path: Path) -> Ranges:
    """What `Ranges.to_json` wrote; UserError where it is not there, damaged, or of a version without channels."""
    try:
        read = json.loads(path.read_bytes())
        peaks = {str(name): (str(form), float(peak)) for name, (form, peak) in read["peaks"].items()}
        channels = tuple(Channel(str(one["name"]), float(one["low"]), float(one["high"])) for one in read["channels"])
        return Ranges(float(read["low"]), float(read["high"]), peaks, channels)
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); run `rnn-edge export` again.") from error
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise UserError(
            f"{path} does not hold the ranges of calibration, or is of a version without those of the channels; "
            "run `rnn-edge export` again."
        ) from error


def normalize(model: FloatModel, x: NDArray[np.generic]) -> FloatArray:
    """Raw inputs `[..., inputs]` as the first layer of the network sees them; tokens stay what they are."""
    if model.vocabulary is not None:
        return x.astype(np.float64)
    return (x.astype(np.float64) - model.mean) / model.deviation


def run_float(
    model: FloatModel, x: NDArray[np.generic], lengths: NDArray[np.int64], reading: FloatReading | None = None
) -> FloatArray:
    """Outputs of the float network for sequences `[batch, steps, inputs]` of `lengths` real steps.

    `[batch, outputs]` after the last real step, or `[batch, steps, outputs]` where the network has an output at every
    step (zeros past the end). A softmax on the last layer is left out: these are logits.
    """
    reading = reading if reading is not None else FloatReading()
    batch, steps, _ = x.shape
    signals, outputs = normalize(model, x), None
    slots = zip(state_names(model), state_starts(model), strict=True)
    states = [np.full((batch, size), start) for (_, _, size), start in slots]
    for t in range(steps):
        rows = np.flatnonzero(lengths > t)
        given = [
            reading.given(name, form, state[rows])
            for (name, form, _), state in zip(state_names(model), states, strict=True)
        ]
        y, following = read_body(reading, model, reading.given("x", INPUT, signals[rows, t]), given)
        for state, signal in zip(states, following, strict=True):
            state[rows] = signal.payload
        read = rows if model.every_step else rows[lengths[rows] == t + 1]
        if len(read):
            payload = y.payload[np.isin(rows, read)]
            result = read_head(reading, model, Signal(reading, y.name, y.form, payload)).payload
            if outputs is None:
                outputs = np.zeros((batch, steps, result.shape[1]))
            outputs[read, t] = result
    if outputs is None:
        raise UserError("No sequence has a step; sequences of at least one step are needed.")
    return outputs if model.every_step else outputs[np.arange(batch), lengths - 1]


def calibrate(
    model: FloatModel,
    x: NDArray[np.generic],
    lengths: NDArray[np.int64],
    percentile: float = 100.0,
    names: Sequence[str] = (),
    weight_bits: int = 8,
) -> Ranges:
    """Ranges over sample sequences `[batch, steps, inputs]`; 32 sequences and more are enough.

    `percentile` of the input values is kept (99.9 helps where there are outliers); all else is minimum to maximum.
    `names`: those of the channels, where they have any. `weight_bits`: with 4, also how the arrays are used.
    UserError where the samples are empty, constant or of the wrong width.
    """
    _check_samples(model, x, lengths)
    reading = UsageReading() if weight_bits == 4 else FloatReading()
    run_float(model, x, lengths, reading)
    real = np.arange(x.shape[1]) < lengths[:, None]
    values = normalize(model, x)[real]
    tail = (100.0 - percentile) / 2
    low, high = np.percentile(values, [tail, 100.0 - tail])
    usage = reading.usage() if isinstance(reading, UsageReading) else None
    return Ranges(float(low), float(high), reading.peaks, _channels(model, x[real], names), usage)


def _channels(model: FloatModel, x: NDArray[np.generic], names: Sequence[str]) -> tuple[Channel, ...]:
    """The range of every channel of steps `[n, inputs]`."""
    if model.vocabulary is not None:
        return ()
    known = names or [str(i + 1) for i in range(model.inputs)]
    columns = zip(known, x.min(axis=0).tolist(), x.max(axis=0).tolist(), strict=True)
    return tuple(Channel(name, float(low), float(high)) for name, low, high in columns)


def _check_samples(model: FloatModel, x: NDArray[np.generic], lengths: NDArray[np.int64]) -> None:
    if x.ndim != 3 or x.shape[0] == 0 or x.shape[1] == 0 or not np.all(lengths > 0):
        raise UserError(f"The calibration set has shape {list(x.shape)}; at least one sequence of one step is needed.")
    if x.shape[2] != model.inputs:
        raise UserError(
            f"The calibration set has {x.shape[2]} channels; {model.name} takes {model.inputs}: give it the same "
            "channels as in training."
        )
    real = x[np.arange(x.shape[1]) < lengths[:, None]]
    if model.vocabulary is not None:
        if real.min() < 0 or real.max() >= model.vocabulary:
            raise UserError(f"The calibration set has tokens outside 0 to {model.vocabulary - 1}.")
        return
    if not np.all(np.isfinite(real)):
        raise UserError("The calibration set holds NaN or infinite values; clean it first.")
    if np.all(real == real[0]):
        raise UserError("The calibration set is constant; give sequences that cover what the device will see.")


def long_memories(model: FloatModel, ranges: Ranges) -> list[str]:
    """Layers whose memory gate comes so near 1 that an int16 state may not follow (beyond some 300 steps)."""
    sides = [(one.ahead, one.back) if isinstance(one, BidirectionalLayer) else (one,) for one in model.layers]
    return [
        layer.name
        for layer in (layer for side in sides for layer in side)
        if isinstance(layer, RecurrentLayer)
        and layer.cell.memory_gate is not None
        and ranges.peaks[f"{layer.name}_{layer.cell.memory_gate}"][1] > 1 - 1 / 300
    ]
