"""Keras GRU with `reset_after=False` (Cho et al., 2014, as in the paper: the state is reset before the product)."""

from typing import Any

from . import Cell, FloatArray, KerasLayer, Linear, Product, without_bias


def equations(s: Any, x: Any, h: Any) -> tuple[Any, ...]:
    gx = s.product("gx", x)
    gh = s.product("gh", h)
    z = s.sigmoid("z", gx.z + gh.z)
    r = s.sigmoid("r", gx.r + gh.r)
    gn = s.product("gn", s.name("r_h", r * h))
    n = s.tanh("n", gx.n + gn.n)
    return (s.name("h_next", z * h + (n - z * n)),)


def _weights(arrays: list[FloatArray]) -> dict[str, Linear]:
    kernel, recurrent, bias = arrays
    units = len(recurrent)
    rows = recurrent.T
    return {
        "gx": Linear(kernel.T, bias),
        "gh": without_bias(rows[: 2 * units]),
        "gn": without_bias(rows[2 * units :]),
    }


CELL = Cell(
    name="gru_reset_before",
    products={
        "gx": Product("x", ("z", "r", "n")),
        "gh": Product("h", ("z", "r"), bias=False),
        "gn": Product("h", ("n",), bias=False),
    },
    states={"h": 1.0},
    equations=equations,
    memory_gate="z",
    keras=KerasLayer("GRU", {"activation": "tanh", "recurrent_activation": "sigmoid", "reset_after": False}, _weights),
)
