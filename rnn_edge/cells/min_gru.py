"""minGRU (Feng et al., "Were RNNs All We Needed?", 2024): neither gate nor candidate see the state.

The candidate is bounded by tanh, which the paper leaves out. Over three seeds of `vowels` both classify alike (97.5 %),
and without tanh, where the state reaches 6, int8 has 36 dB of signal to noise in the place of 44.
"""

from typing import Any

from . import Cell, Product


def equations(s: Any, x: Any, h: Any) -> tuple[Any, ...]:
    gx = s.product("gx", x)
    z = s.sigmoid("z", gx.z)
    n = s.tanh("n", gx.n)
    # h - z * h and not (1 - z) * h: 1 is not an int16 at 2^-15, and this way the two weights sum to exactly one.
    return (s.name("h_next", (h - z * h) + z * n),)


CELL = Cell(
    name="min_gru",
    products={"gx": Product("x", ("z", "n"))},
    states={"h": 1.0},
    equations=equations,
)
