"""The worked example of docs/adding_a_cell.md is a cell like any other."""

from __future__ import annotations

import numpy as np
import pytest

from rnn_edge.calibrate import run_float
from rnn_edge.float_model import RecurrentLayer
from rnn_edge.ir.check import SCHEMES
from rnn_edge.quality import measure
from tests.core.test_cells import apply, logistic
from tests.documented_cell import documented_cell
from tests.networks import Network, float_model, program, samples

NETWORK = Network(("ugrnn",), (7,))


@pytest.fixture(autouse=True)
def _ugrnn(monkeypatch: pytest.MonkeyPatch) -> None:
    documented_cell(monkeypatch)


def test_it_is_the_paper_s() -> None:
    model = float_model(Network(("ugrnn",), (6,), dense=()), gain=2.0)
    x, lengths = samples(model, count=1, steps=25)
    layer = model.layers[0]
    assert isinstance(layer, RecurrentLayer)
    w, h = layer.products, np.zeros(6)
    for row in (x[0].astype(np.float64) - model.mean) / model.deviation:
        g, n = np.split(apply(w["gx"], row) + apply(w["gh"], h), 2)
        h = logistic(g) * h + (1 - logistic(g)) * np.tanh(n)
    assert np.abs(run_float(model, x, lengths)[0] - h).max() < 1e-12


@pytest.mark.parametrize("scheme", SCHEMES)
def test_its_integers_follow(scheme: str) -> None:
    model = float_model(NETWORK)
    x, lengths = samples(model, count=64, seed=9)
    assert measure(model, program(NETWORK, scheme), x, lengths).snr_db > 30
