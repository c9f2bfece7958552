"""A network that listens, from samples to detections: its C, and the same in NumPy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rnn_edge.backends import c, c_features
from rnn_edge.calibrate import calibrate
from rnn_edge.features import Decision, LogMel
from rnn_edge.ir import arithmetic
from rnn_edge.ir.interpret import Interpreter
from rnn_edge.ir.program import Program
from rnn_edge.ir.quantize_input import from_raw
from rnn_edge.quantize import quantize
from tests import signals
from tests.networks import Network, float_model

FEATURES = LogMel()
CLASSES = 11
DECISION = Decision(classes=CLASSES, threshold=6000, smoothing=1, rest=3, ignored=(0,))
SOURCES = Path(__file__).parent


def network() -> Program:
    """A random GRU of 32 units on octaves of power, calibrated on what looks like speech."""
    model = float_model(Network(("gru",), (32,), inputs=16, dense=((CLASSES, "softmax"),)), gain=2.0, name="kws")
    model = replace(model, mean=np.full(16, 20.0), deviation=np.full(16, 5.0))
    x = (FEATURES.frames(signals.speech(64000, 20000)) / 256).astype(np.float32)[:192].reshape(-1, 48, 16)
    classes = [f"word {i}" for i in range(CLASSES)]
    return quantize(model, calibrate(model, x, np.full(len(x), 48)), classes=classes, raw_unit=1 / 256)


def hearing() -> Program:
    """The network, told how it listens."""
    return replace(network(), features=FEATURES.to_dict(), decision=DECISION.to_dict())


def files(program: Program) -> dict[str, str]:
    """File name -> text of all C but the main program."""
    own = {path.name: path.read_text() for path in SOURCES.glob("listen.[ch]")}
    return c.write(program) | c_features.write(FEATURES, "kws") | c_features.write(DECISION, "kws") | own


def heard(program: Program, x: NDArray[np.int16]) -> tuple[NDArray[np.uint16], NDArray[np.int64]]:
    """Scores `[frames, classes]` and detections `[frames]` of samples."""
    interpreter = Interpreter(program)
    multiplier = arithmetic.softmax_multiplier(program.values[program.output].scale)
    states, scores = interpreter.start_states(), []
    for row in from_raw(program, FEATURES.frames(x)):
        y, states = interpreter.step(row[None], states)
        scores.append(arithmetic.softmax(y[0], multiplier))
    found = np.array(scores, dtype=np.uint16)
    return found, DECISION.detections(found)
