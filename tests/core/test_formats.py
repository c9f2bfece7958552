"""Formats that follow from the equations: states without a bound, and constants."""

from __future__ import annotations

import numpy as np
import pytest

from rnn_edge.float_model import RecurrentLayer
from rnn_edge.ir.check import SCHEMES
from rnn_edge.ir.headroom import headroom
from rnn_edge.ir.interpret import Interpreter
from rnn_edge.quantize import state_scale
from tests.networks import Network, float_model, program


@pytest.mark.parametrize(
    ("peak", "finest", "bits"),
    [(0.1, 14, 14), (0.9999, 14, 14), (1.0, 14, 13), (0.1, 12, 12), (3.0, 14, 12), (60.0, 14, 8), (1e6, 12, 8)],
)
def test_state_holds_twice_its_peak(peak: float, finest: int, bits: int) -> None:
    assert state_scale(peak, finest) == 2.0**-bits


@pytest.mark.parametrize(("cell", "state", "bits"), [("fast_grnn", "h0", 14), ("lstm", "c0", 12), ("gru", "h0", 15)])
def test_state_that_tanh_reads_is_no_finer_than_tanh_takes(cell: str, state: str, bits: int) -> None:
    made = program(Network((cell,), (7,)), gain=0.1)
    assert made.values[state].scale == 2.0**-bits


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("units", [1, 7])
def test_constants_are_rounded_once_whatever_the_state(units: int, scheme: str) -> None:
    network = Network(("fast_grnn",), (units,))
    made, layer = program(network, scheme), float_model(network).layers[0]
    assert isinstance(layer, RecurrentLayer)
    for peak in (-32768, 0, 32767):
        values = Interpreter(made).trace(np.zeros((1, 5), np.int64), [np.full((1, units), peak)])
        for name, constant in layer.constants.items():
            scale = made.values[f"fast_grnn0_{name}"].scale
            assert np.array_equal(values[f"fast_grnn0_{name}"][0], np.rint(constant / scale))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_constants_are_fast_products(scheme: str) -> None:
    made = program(Network(("fast_grnn",), (7,)), scheme)
    constants = [op for op in made.ops if op.output in ("fast_grnn0_bias", "fast_grnn0_zeta", "fast_grnn0_nu")]
    assert len(constants) == 3 and all(headroom(made, op) is not None for op in constants)
