"""Keras SimpleRNN (Elman, "Finding Structure in Time", 1990)."""

from typing import Any

from . import Cell, FloatArray, KerasLayer, Linear, Product, without_bias


def equations(s: Any, x: Any, h: Any) -> tuple[Any, ...]:
    gx = s.product("gx", x)
    gh = s.product("gh", h)
    return (s.tanh("h_next", gx.a + gh.a),)


def _weights(arrays: list[FloatArray]) -> dict[str, Linear]:
    kernel, recurrent, bias = arrays
    return {"gx": Linear(kernel.T, bias), "gh": without_bias(recurrent.T)}


CELL = Cell(
    name="simple_rnn",
    products={"gx": Product("x", ("a",)), "gh": Product("h", ("a",), bias=False)},
    states={"h": 1.0},
    equations=equations,
    keras=KerasLayer("SimpleRNN", {"activation": "tanh"}, _weights),
)
