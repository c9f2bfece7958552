"""Minimal gated unit (Zhou et al., "Minimal Gated Unit for Recurrent Neural Networks", 2016): a GRU with one gate."""

from typing import Any

from . import Cell, Product


def equations(s: Any, x: Any, h: Any) -> tuple[Any, ...]:
    gx = s.product("gx", x)
    gh = s.product("gh", h)
    f = s.sigmoid("f", gx.f + gh.f)
    gn = s.product("gn", s.name("f_h", f * h))
    n = s.tanh("n", gx.n + gn.n)
    # h - f * h and not (1 - f) * h: 1 is not an int16 at 2^-15, and this way the two weights sum to exactly one.
    return (s.name("h_next", (h - f * h) + f * n),)


CELL = Cell(
    name="mgu",
    products={
        "gx": Product("x", ("f", "n")),
        "gh": Product("h", ("f",), bias=False),
        "gn": Product("h", ("n",), bias=False),
    },
    states={"h": 1.0},
    equations=equations,
)
