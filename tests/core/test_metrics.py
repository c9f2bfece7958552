"""What is measured of labels that change within a sequence, and that it is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rnn_edge import metrics
from rnn_edge.ir.interpret import Interpreter
from rnn_edge.ir.quantize_input import from_float
from rnn_edge.metrics import Metrics
from rnn_edge.outputs import decide
from rnn_edge.quality import measure
from tests.networks import Network, float_model, program, samples

EVERY_STEP = Network(("gru",), (7,), every_step=True)


def test_how_soon_integers_follow_is_measured_and_kept(tmp_path: Path) -> None:
    model, made = float_model(EVERY_STEP, gain=3.0), program(EVERY_STEP, gain=3.0)
    x, lengths = samples(model)
    outputs, _ = Interpreter(made).run(from_float(made, x), lengths)
    own = decide(made, outputs.astype(np.float64))
    assert (np.diff(own, axis=1) != 0).sum() > 20
    at_once = measure(model, made, x, lengths, own)
    assert at_once.accuracy == 1 and at_once.after_change and set(at_once.after_change) <= {1, None}
    # Labels that change a step before the network does: wrong at every change, and right once it has followed.
    ahead = np.roll(own, -1, axis=1)
    late = measure(model, made, x, np.maximum(lengths - 1, 1), ahead)
    assert late.after_change[0] == 0 and late.accuracy is not None and 0 < late.accuracy < 1
    assert measure(model, made, x, lengths).after_change == ()
    kept = Metrics((0,), (1.0,), 0.5, 10, {"int8": late, "int16x8": at_once})
    metrics.save(kept, tmp_path / "metrics.json")
    assert metrics.load(tmp_path / "metrics.json") == kept
