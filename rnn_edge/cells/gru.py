"""Keras GRU with `reset_after=True` (Cho et al., 2014, in the cuDNN form: two biases, reset after the product)."""

from typing import Any

from . import Cell, FloatArray, KerasLayer, Linear, Product


def equations(s: Any, x: Any, h: Any) -> tuple[Any, ...]:
    gx = s.product("gx", x)
    gh = s.product("gh", h)
    z = s.sigmoid("z", gx.z + gh.z)
    r = s.sigmoid("r", gx.r + gh.r)
    n = s.tanh("n", gx.n + r * gh.n)
    # n - z * n and not (1 - z) * n: 1 is not an int16 at 2^-15, and this way the two weights sum to exactly one.
    return (s.name("h_next", z * h + (n - z * n)),)


def _weights(arrays: list[FloatArray]) -> dict[str, Linear]:
    kernel, recurrent, bias = arrays
    return {"gx": Linear(kernel.T, bias[0]), "gh": Linear(recurrent.T, bias[1])}


CELL = Cell(
    name="gru",
    products={"gx": Product("x", ("z", "r", "n")), "gh": Product("h", ("z", "r", "n"))},
    states={"h": 1.0},
    equations=equations,
    memory_gate="z",
    keras=KerasLayer("GRU", {"activation": "tanh", "recurrent_activation": "sigmoid", "reset_after": True}, _weights),
)
