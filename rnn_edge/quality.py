"""How close the quantized program is to the float network, on sequences neither has seen."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .calibrate import run_float
from .float_model import FloatModel
from .ir.counters import Counters, Counting, gates
from .ir.interpret import Interpreter
from .ir.program import Program
from .ir.quantize_input import from_float
from .outputs import decide, dequantize, snr_db
from .scores import after_change, score


@dataclass(frozen=True)
class Quality:
    """Shares are 0 to 1; accuracies are `scores.score`, so R2 of values, and None where there are no targets."""

    float_accuracy: float | None
    accuracy: float | None
    agreement: float | None  # share of sequences (or steps) in which both decide for the same class; None for values
    snr_db: float  # signal to noise of the outputs, before softmax
    clipped_inputs: float  # share of input values outside the input format
    saturated_gates: float  # share of gates that are saturated, as in ir/counters.py
    after_change: tuple[float | None, ...] = ()  # of the integers, where there are labels a step: scores.after_change


def measure(
    model: FloatModel,
    program: Program,
    x: NDArray[np.generic],
    lengths: NDArray[np.int64],
    y: NDArray[Any] | None = None,
) -> Quality:
    """Compare on sequences `[batch, steps, inputs]` with optional targets as in `datasets.Split`."""
    quantized = from_float(program, x)
    counting = Counting(program)
    outputs, _ = Interpreter(program).run(quantized, lengths, observe=counting.observe)
    real = dequantize(program, outputs)
    exact = run_float(model, x, lengths)
    steps = np.arange(x.shape[1]) < lengths[:, None]
    classes = partial(decide, program)
    right, right_exact = (None if y is None else score(each, y, lengths, classes) for each in (real, exact))
    followed = after_change(real, y, lengths, classes) if y is not None and y.ndim == 2 else ()
    if program.every_step:
        real, exact = real[steps], exact[steps]
    values = y is not None and y.dtype.kind == "f"
    return Quality(
        float_accuracy=right_exact,
        accuracy=right,
        agreement=None if values else float(np.mean(classes(real) == classes(exact))),
        snr_db=snr_db(exact, real - exact),
        clipped_inputs=_clipped(program, model, x, steps),
        saturated_gates=_saturated_gates(program, counting.counters()),
        after_change=followed,
    )


def _clipped(program: Program, model: FloatModel, x: NDArray[np.generic], steps: NDArray[np.bool_]) -> float:
    value = program.values[program.input]
    if program.tokens is not None:
        return 0.0
    limits = np.iinfo(np.dtype(value.dtype))
    real = (x[steps].astype(np.float64) - model.mean) / model.deviation / value.scale + value.zero_point
    return float(np.mean((real < limits.min - 0.5) | (real > limits.max + 0.5)))


def _saturated_gates(program: Program, counters: Counters) -> float:
    of_gates = gates(program)
    values = counters.steps * sum(gate.size for gate in of_gates)
    return sum(counters.saturated[: len(of_gates)]) / max(values, 1)
