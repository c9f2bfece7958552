"""Which products the fast kernels take: exactly those that keep their contract, by brute force."""

from __future__ import annotations

from itertools import product

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from rnn_edge.ir.headroom import headroom, saturates
from rnn_edge.ir.ops import op_requantization
from rnn_edge.ir.program import Op, Program, State, Value

Row = tuple[list[int], int, int, int]
"""Weights, bias, r, t."""

BITS = {"int8": 8, "int16": 16}


def matvec(dtype: str, rows: list[Row]) -> tuple[Program, Op]:
    """A program whose only operation has these rows: with scales of one, row scales of r * 2^-t are exact."""
    weight, bias, r, t = (list(column) for column in zip(*rows, strict=True))
    size, cols = len(rows), len(weight[0])
    op = Op("matvec", "y", ("x",), ("weight", "bias", "scale"))
    program = Program(
        name="one",
        scheme="int8" if dtype == "int8" else "int16x8",
        values={"x": Value("x", dtype, cols, 1.0), **{name: Value(name, "int16", size, 1.0) for name in ("s", "y")}},
        constants={
            "weight": np.array(weight, dtype=np.int8),
            "bias": np.array(bias, dtype=np.int64),
            "scale": np.ldexp(np.array(r, dtype=np.float32), -np.array(t)).astype(np.float32),
            "input_mean": np.zeros(cols),
            "input_deviation": np.ones(cols),
        },
        ops=(op,),
        body_ops=1,
        input="x",
        states=(State("s", "y"),),
        output="y",
        every_step=True,
        softmax=False,
        classes=(),
        raw_unit=1.0,
    )
    return program, op


def largest_sum(dtype: str, weight: list[int], bias: int) -> int:
    """The largest |partial sum| in any order, for x at both ends of its range, which counts as symmetric."""
    end = 1 << (BITS[dtype] - 1)
    terms = [(-w * end, 0, w * end) for w in weight]
    return max(abs(sum(chosen)) for chosen in product(*terms, (0, bias)))


def keeps_the_contract(dtype: str, rows: list[Row], bits: int) -> bool:
    """Of firmware/kernels/rnn_{portable,dsp,mve}.h, with accumulators moved `bits` to the left."""
    sums = [largest_sum(dtype, weight, bias) for weight, bias, _, _ in rows]
    fits = all(17 <= t + bits <= 32 for _, _, _, t in rows) and all(one << bits < 1 << 31 for one in sums)
    return fits and (dtype == "int16" or (bits <= 8 and all(one < 1 << 23 for one in sums)))


@st.composite
def products(draw: DrawFn) -> tuple[str, list[Row]]:
    """Rows whose bounds lie beside those of the contract, or anywhere."""
    dtype = draw(st.sampled_from(["int8", "int16"]))
    cols, least_t = draw(st.integers(1, 4)), draw(st.integers(1, 33))
    weights: SearchStrategy[list[int]] = st.lists(st.integers(-127, 127), min_size=cols, max_size=cols)
    bits = max(0, 17 - least_t)
    edges = st.sampled_from([1 << 23, 1 << (31 - bits), 1 << 31]) | st.integers(1, 1 << 31)
    rows = []
    for index in range(draw(st.integers(1, 3))):
        weight = draw(weights)
        t = least_t if index == 0 else draw(st.integers(least_t, min(46, least_t + 17)))
        rest = draw(edges) + draw(st.integers(-2, 2)) - sum(map(abs, weight)) * (1 << (BITS[dtype] - 1))
        bias = min(max(rest, 0), (1 << 31) - 1) * draw(st.sampled_from([-1, 1]))
        rows.append((weight, bias, draw(st.sampled_from([1 << 14, 23171, (1 << 15) - 1])), t))
    return dtype, rows


@settings(max_examples=400, deadline=None, derandomize=True)
@given(products())
@example(("int8", [([127], (1 << 23) - 1 - 127 * 128, 1 << 14, 17)]))
@example(("int8", [([127], (1 << 23) - 127 * 128, 1 << 14, 17)]))
@example(("int8", [([0], (1 << 23) - 1, 1 << 14, 9)]))
@example(("int8", [([0], 1, 1 << 14, 8)]))
@example(("int16", [([0], (1 << 15) - 1, 1 << 14, 1)]))
@example(("int16", [([0], 1 << 15, 1 << 14, 1)]))
@example(("int16", [([0], (1 << 31) - 1, 1 << 14, 32)]))
@example(("int16", [([0], (1 << 31) - 1, 1 << 14, 33)]))
@example(("int16", [([0], 1, 1 << 14, 16), ([0], 1, 1 << 14, 31)]))
@example(("int16", [([0], 1, 1 << 14, 16), ([0], 1, 1 << 14, 32)]))
def test_headroom_is_given_exactly_where_the_contract_can_be_kept(made: tuple[str, list[Row]]) -> None:
    dtype, rows = made
    possible = [bits for bits in range(32) if keeps_the_contract(dtype, rows, bits)]
    assert headroom(*matvec(dtype, rows)) == min(possible, default=None)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(products())
@example(("int8", [([127, -127], 0, (1 << 15) - 1, 15)]))
@example(("int8", [([127, -127], 255, (1 << 15) - 1, 15)]))
@example(("int8", [([127, -127], 256, (1 << 15) - 1, 15)]))
@example(("int16", [([1], 0, 1 << 14, 14)]))
@example(("int16", [([1], 0, 1 << 14, 15), ([1], -1, 1 << 14, 14)]))
def test_saturation_is_ruled_out_exactly_where_no_result_needs_it(made: tuple[str, list[Row]]) -> None:
    dtype, rows = made
    largest = [(largest_sum(dtype, weight, bias) * r * 2 + (1 << t)) >> (t + 1) for weight, bias, r, t in rows]
    assert saturates(op_requantization(*matvec(dtype, rows))) == any(value > 32767 for value in largest)
