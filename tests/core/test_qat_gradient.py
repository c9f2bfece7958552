"""What quantization-aware training plays is the interpreter; its gradient is that of the float network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from rnn_edge.calibrate import calibrate, run_float
from rnn_edge.cells import Linear
from rnn_edge.float_model import DenseLayer, FloatModel
from rnn_edge.ir.interpret import Interpreter
from rnn_edge.ir.quantize_input import from_float
from rnn_edge.qat.gradient import gradient
from rnn_edge.qat.record import record
from rnn_edge.qat.weights import with_arrays
from rnn_edge.quantize import quantize
from tests.networks import NETWORKS, Network, float_model, samples


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("scheme", ["int8", "int16x8"])
@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.id)
def test_the_forward_pass_gives_the_integers_of_the_interpreter(network: Network, scheme: str, bits: int) -> None:
    """Every value of every real step, outputs and states; in one piece, and in two with the states carried on."""
    model = float_model(network, gain=3.0)
    x, lengths = samples(model, count=6, steps=9)
    program = quantize(model, calibrate(model, *samples(model), weight_bits=bits), scheme, weight_bits=bits)
    q, interpreter = from_float(program, x), Interpreter(program)
    whole = record(program, q, lengths, interpreter.start_states(len(q)))
    y, states = interpreter.run(q, lengths)
    found = whole.outputs(program)
    if program.every_step:
        found = np.where((np.arange(9) < lengths[:, None])[..., None], found, 0)
    assert np.array_equal(found, y)
    assert all(np.array_equal(a, b) for a, b in zip(whole.states, states, strict=True))
    now = interpreter.start_states(len(q))
    for t in range(9):
        rows, seen = lengths > t, interpreter.trace(q[:, t], now)
        now = [np.where(rows[:, None], seen[s.next], old) for s, old in zip(program.states, now, strict=True)]
        for name, values in whole.body.items():
            assert np.array_equal(values[t][rows], seen[name][rows]), name
    first = record(program, q[:, :4], np.minimum(lengths, 4), interpreter.start_states(len(q)))
    rest = record(program, q[:, 4:], np.maximum(lengths - 4, 0), first.states)
    assert all(np.array_equal(a, b) for a, b in zip(rest.states, states, strict=True))


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.id)
def test_the_gradient_is_nearly_that_of_the_float_network(network: Network) -> None:
    """Of a loss that weighs every output at random, along the gradient of each array, by central differences.

    Weights of 8 bits are off by 0.4 %, and so is what follows from them. Measured: within 5 %, and within 5.7 % where
    the integers find the largest of all steps in another step than the float network does.
    """
    model = float_model(network)
    x, lengths = samples(model, count=12, steps=7)
    program = quantize(model, calibrate(model, *samples(model)), "int16x8")
    q = from_float(program, x)
    played = record(program, q, lengths, Interpreter(program).start_states(len(q)))
    slope = np.random.default_rng(0).normal(size=played.outputs(program).shape)
    if model.every_step:
        slope *= (np.arange(7) < lengths[:, None])[..., None]
    found = summed(gradient(program, played, lengths, slope.astype(np.float32)))
    arrays = trained(model)
    assert arrays.keys() == found.keys() & arrays.keys()
    tolerance = 0.06 if network.global_pool == "max" else 0.05
    for name, array in arrays.items():
        size = float(np.linalg.norm(found[name]))
        way = found[name] / size * 1e-4
        values = [
            float(np.sum(slope * run_float(changed(model, {name: array + sign * way}), x, lengths))) for sign in (1, -1)
        ]
        assert (values[0] - values[1]) / 2e-4 == pytest.approx(size, rel=tolerance), name


def test_the_gradient_stops_where_a_value_leaves_its_format() -> None:
    """A forecast far above the calibrated one stands at the end of its format, and nothing below it may learn."""
    model = float_model(Network(("gru",), (5,), dense=((1, "linear"),)))
    x, lengths = samples(model, count=4, steps=5)
    ranges = calibrate(model, x, lengths)
    last = model.layers[-1]
    assert isinstance(last, DenseLayer)
    far = replace(last, linear=Linear(last.linear.weight, last.linear.bias + 100.0))
    program = quantize(replace(model, layers=(*model.layers[:-1], far)), ranges)
    q = from_float(program, x)
    played = record(program, q, lengths, Interpreter(program).start_states(len(q)))
    found = gradient(program, played, lengths, np.ones((4, 1), np.float32))
    assert not any(array.any() for array in found.values())


@pytest.mark.parametrize("every_step", [False, True], ids=["last", "every"])
def test_a_sequence_has_the_gradient_that_it_has_alone(every_step: bool) -> None:
    """Of a network with an embedding and one with numbers, for sequences of different lengths."""
    for network in (
        Network(("lstm",), (4,), every_step=every_step, embedding=3),
        Network(("gru",), (4,), every_step=every_step),
    ):
        model = float_model(network)
        x, lengths = samples(model, count=5, steps=6)
        program = quantize(model, calibrate(model, *samples(model)))
        slope = np.random.default_rng(0).normal(size=(5, 6, 1) if every_step else (5, 1)).astype(np.float32)
        slope = slope * (np.arange(6) < lengths[:, None])[..., None] if every_step else slope
        states = Interpreter(program).start_states(5)
        together = gradient(program, record(program, from_float(program, x), lengths, states), lengths, slope)
        for i in range(5):
            one = slice(i, i + 1)
            played = record(program, from_float(program, x[one]), lengths[one], [state[one] for state in states])
            alone = gradient(program, played, lengths[one], slope[one])
            assert alone.keys() == together.keys()
            assert all(np.allclose(alone[name][0], together[name][i], atol=1e-6) for name in alone)


def summed(gradients: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    """Over all sequences."""
    return {name: array.sum(axis=0) for name, array in gradients.items()}


def trained(model: FloatModel) -> dict[str, NDArray[np.float64]]:
    """What a training changes, by the names of the constants of a program."""
    found: dict[str, NDArray[np.float64]] = {}
    with_arrays(model, lambda name, array: found.setdefault(name, array))
    return found


def changed(model: FloatModel, arrays: Mapping[str, NDArray[np.float64]]) -> FloatModel:
    """The network with other arrays."""
    return with_arrays(model, lambda name, array: arrays.get(name, array))
