"""FastGRNN (Kusupati et al., "FastGRNN: A Fast, Accurate, Stable and Tiny Kilobyte Sized Gated RNN", 2018).

Gate and candidate share one matrix for the input and one for the state, so a step has a third of the products of a GRU:

    z = sigmoid(W x + U h + bz)
    n = tanh(W x + U h + bn)
    h' = (zeta * (1 - z) + nu) * n + z * h,  zeta and nu in (0, 1)

The bias of `gx` is bz; `bias` is bn - bz. zeta and nu are sigmoids of one trained number each, as in the authors' code.
Where z is near 1 the weights of h and n sum to more than one, so that nothing bounds the state.
"""

from typing import Any

from . import Cell, Constant, Product


def equations(s: Any, x: Any, h: Any) -> tuple[Any, ...]:
    gx = s.product("gx", x)
    gh = s.product("gh", h)
    bias, zeta, nu = (s.constant(name, h) for name in ("bias", "zeta", "nu"))
    a = gx.a + gh.a
    z = s.sigmoid("z", a)
    n = s.tanh("n", a + bias)
    return (s.name("h_next", z * h + (s.mul(zeta, n - z * n, like=h) + s.mul(nu, n, like=h))),)


CELL = Cell(
    name="fast_grnn",
    products={"gx": Product("x", ("a",)), "gh": Product("h", ("a",), bias=False)},
    states={"h": None},
    equations=equations,
    constants={
        "bias": Constant(),
        "zeta": Constant(start=1.0, shared=True, fraction=True),
        "nu": Constant(start=-4.0, shared=True, fraction=True),
    },
    bias_starts={"a": 1.0},
    memory_gate="z",
)
