"""Keras LSTM (Hochreiter and Schmidhuber, 1997, with forget gate: Gers et al., 2000)."""

from typing import Any

from . import Cell, FloatArray, KerasLayer, Linear, Product, without_bias


def equations(s: Any, x: Any, h: Any, c: Any) -> tuple[Any, ...]:
    gx = s.product("gx", x)
    gh = s.product("gh", h)
    i = s.sigmoid("i", gx.i + gh.i)
    f = s.sigmoid("f", gx.f + gh.f)
    g = s.tanh("g", gx.g + gh.g)
    o = s.sigmoid("o", gx.o + gh.o)
    c_next = s.name("c_next", f * c + s.mul(i, g, like=c))
    h_next = s.name("h_next", o * s.tanh("m", c_next))
    return h_next, c_next


def _weights(arrays: list[FloatArray]) -> dict[str, Linear]:
    kernel, recurrent, bias = arrays
    return {"gx": Linear(kernel.T, bias), "gh": without_bias(recurrent.T)}


CELL = Cell(
    name="lstm",
    products={
        "gx": Product("x", ("i", "f", "g", "o")),
        "gh": Product("h", ("i", "f", "g", "o"), bias=False),
    },
    states={"h": 1.0, "c": None},
    equations=equations,
    bias_starts={"f": 1.0},
    memory_gate="f",
    keras=KerasLayer("LSTM", {"activation": "tanh", "recurrent_activation": "sigmoid"}, _weights),
)
