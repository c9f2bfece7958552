"""Every cell: the float reading is the textbook's, the integer reading follows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from rnn_edge.calibrate import calibrate, run_float
from rnn_edge.cells import FloatArray, Linear, all_cells
from rnn_edge.float_model import FloatModel, RecurrentLayer
from rnn_edge.ir.check import SCHEMES
from rnn_edge.quality import measure
from rnn_edge.quantize import quantize
from tests.networks import NETWORKS, Network, float_model, one_of_each_cell, samples

Weights = Mapping[str, Any]  # products and constants by name


def logistic(x: FloatArray) -> FloatArray:
    return 1 / (1 + np.exp(-x))


def apply(linear: Linear, x: FloatArray) -> FloatArray:
    return linear.weight @ x + linear.bias


def textbook_simple_rnn(w: Weights, x: FloatArray, h: FloatArray) -> list[FloatArray]:
    return [np.tanh(apply(w["gx"], x) + apply(w["gh"], h))]


def textbook_gru(w: Weights, x: FloatArray, h: FloatArray) -> list[FloatArray]:
    (xz, xr, xn), (hz, hr, hn) = np.split(apply(w["gx"], x), 3), np.split(apply(w["gh"], h), 3)
    z, r = logistic(xz + hz), logistic(xr + hr)
    n = np.tanh(xn + r * hn)
    return [z * h + (1 - z) * n]


def textbook_gru_reset_before(w: Weights, x: FloatArray, h: FloatArray) -> list[FloatArray]:
    (xz, xr, xn), (hz, hr) = np.split(apply(w["gx"], x), 3), np.split(apply(w["gh"], h), 2)
    z, r = logistic(xz + hz), logistic(xr + hr)
    return [z * h + (1 - z) * np.tanh(xn + apply(w["gn"], r * h))]


def textbook_lstm(w: Weights, x: FloatArray, h: FloatArray, c: FloatArray) -> list[FloatArray]:
    i, f, g, o = np.split(apply(w["gx"], x) + apply(w["gh"], h), 4)
    c = logistic(f) * c + logistic(i) * np.tanh(g)
    return [logistic(o) * np.tanh(c), c]


def textbook_mgu(w: Weights, x: FloatArray, h: FloatArray) -> list[FloatArray]:
    xf, xn = np.split(apply(w["gx"], x), 2)
    f = logistic(xf + apply(w["gh"], h))
    return [(1 - f) * h + f * np.tanh(xn + apply(w["gn"], f * h))]


def textbook_min_gru(w: Weights, x: FloatArray, h: FloatArray) -> list[FloatArray]:
    xz, xn = np.split(apply(w["gx"], x), 2)
    return [(1 - logistic(xz)) * h + logistic(xz) * np.tanh(xn)]


def textbook_fast_grnn(w: Weights, x: FloatArray, h: FloatArray) -> list[FloatArray]:
    a = apply(w["gx"], x) + apply(w["gh"], h)
    z, n = logistic(a), np.tanh(a + w["bias"])
    return [(w["zeta"] * (1 - z) + w["nu"]) * n + z * h]


TEXTBOOK: dict[str, Callable[..., list[FloatArray]]] = {
    "simple_rnn": textbook_simple_rnn,
    "gru": textbook_gru,
    "gru_reset_before": textbook_gru_reset_before,
    "lstm": textbook_lstm,
    "mgu": textbook_mgu,
    "min_gru": textbook_min_gru,
    "fast_grnn": textbook_fast_grnn,
}


@pytest.mark.parametrize("name", all_cells())
def test_float_reading_is_the_textbook(name: str) -> None:
    model = float_model(Network((name,), (6,), dense=()), gain=2.0)
    x, lengths = samples(model, count=1, steps=25)
    layer = model.layers[0]
    assert isinstance(layer, RecurrentLayer)
    states = [np.zeros(6) for _ in layer.cell.states]
    for row in (x[0].astype(np.float64) - model.mean) / model.deviation:
        states = TEXTBOOK[name]({**layer.products, **layer.constants}, row, *states)
    assert np.abs(run_float(model, x, lengths)[0] - states[0]).max() < 1e-12


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.id)
def test_integer_reading_follows_float(network: Network, scheme: str) -> None:
    """Random weights are harder than trained ones: over these networks the SNR was measured as 31.5 dB and better.

    Calibrated with enough sequences that hardly an input is clipped, which costs more than all rounding.
    """
    model = float_model(network)
    x, lengths = samples(model, count=64, seed=9)
    made = quantize(model, calibrate(model, *samples(model, count=400)), scheme)
    quality = measure(model, made, x, lengths)
    assert quality.snr_db > 30


@pytest.mark.parametrize("network", one_of_each_cell(), ids=lambda network: network.id)
def test_sequences_in_a_batch_do_not_touch_each_other(network: Network) -> None:
    model: FloatModel = float_model(network)
    x, lengths = samples(model, count=5)
    whole = run_float(model, x, lengths)
    for index in range(5):
        one = run_float(model, x[index : index + 1, : lengths[index]], lengths[index : index + 1])
        assert np.abs(whole[index] - one[0]).max() < 1e-12
