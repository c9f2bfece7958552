"""The matrix-vector products of a step, in the layout of each core that a host can be, against plain integers."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from rnn_edge.backends.layouts import all_layouts
from rnn_edge.ir import arithmetic
from tests.c.kernels import BUILDS, GUARDS, Build, Request, compiled
from tests.c.products import BITS, Product, Shape, largest_sum, make_products, proven, vectors, write_headers

ADD, STORE = 1, 2  # of products_main.c

SMALL = [(rows, cols) for rows in range(1, 10) for cols in (*range(1, 18), *range(31, 35), 40)]
LONG = [(32, cols) for cols in range(1, 41)] + [(rows, cols) for rows in (10, 11, 12) for cols in (1, 5, 16, 33)]
LARGE = [(4, 63), (5, 64), (7, 65), (8, 100), (96, 32), (3, 130)]
SHAPES: list[Shape] = [*SMALL, *LONG, *LARGE]
FOLDED = [(1, 1), (2, 3), (3, 5), (4, 4), (5, 7), (6, 16), (7, 31), (8, 8), (9, 33), (16, 9), (32, 17), (96, 32)]
HEADROOMS = {"s8": (0, 1, 2, 3, 8), "s16": (0, 1, 2, 3, 16)}


@cache
def products(operand: str) -> list[Product]:
    return [*make_products(operand, SHAPES, FOLDED, HEADROOMS[operand]), *boundaries(operand)]


def boundaries(operand: str) -> list[Product]:
    """Sums right beside every rounding boundary, by biases alone, at every T and the ends of r."""
    made = []
    for headroom in HEADROOMS[operand]:
        largest, rows = largest_sum(operand, headroom), []
        for t in range(17, 33):
            for r in (1 << 14, 23171, (1 << 15) - 1):
                power = t - headroom
                centres = [
                    ((k << power) + (1 << power) // 2) // r for k in (-32769, -32768, -2, -1, 0, 1, 32766, 32767)
                ]
                around = [centre + d for centre in (*centres, 2 - largest, largest - 2) for d in range(-2, 3)]
                rows += [(bias, r, t) for bias in around if abs(bias) <= largest]
        bias, r, t = np.array(rows).T
        linear = proven(np.zeros((len(bias), 1), dtype=np.int64), bias, r, t, headroom, operand)
        made.append(Product(f"products_{operand}_boundaries_{headroom}", linear, folded=False))
    return made


@cache
def script() -> tuple[list[Request], list[list[int]]]:
    """Every product with vectors at the ends of their range, added or not, from lanes or bytes, at odd addresses."""
    requests, expected = [], []
    for operand, bits in BITS.items():
        rng = np.random.default_rng(bits)
        for number, product in enumerate(products(operand)):
            rows, _ = product.shape
            for index, x in enumerate(vectors(product, rng)):
                add, store, gap = index % 2, index // 2 % 2, (number + index) % 4
                y = rng.choice([-32768, -20000, 0, 1, 32767], rows)
                inputs = y.astype("i2"), x.astype(f"i{bits // 8}")
                flags = add * ADD + store * STORE
                requests.append(Request(f"product_{operand}", number, flags, gap, inputs, "i2", rows))
                expected.append(product.result(x.tolist(), y.tolist() if add else None))
    return requests, expected


@pytest.mark.parametrize("build", BUILDS, ids=lambda build: build.name)
def test_products(build: Build, tmp_path: Path) -> None:
    write_headers(tmp_path, [*products("s8"), *products("s16")])
    requests, expected = script()
    assert compiled(build, "products", tmp_path).results(requests) == expected


@pytest.mark.parametrize("operand", BITS)
def test_the_cases_are_inside_the_contract_and_reach_its_ends(operand: str) -> None:
    reached = set()
    for product in products(operand):
        w, end = product.linear, 1 << (BITS[operand] - 1)
        bound = np.abs(w.weight).sum(axis=1) * end + np.abs(w.bias)
        assert bound.max() <= largest_sum(operand, w.headroom)
        assert w.t.min() >= 17 and w.t.max() <= 32 and w.r.min() >= 1 << 14 and w.r.max() < 1 << 15
        reached |= {(w.headroom, bool(bound.max() == largest_sum(operand, w.headroom)))}
    assert {(headroom, True) for headroom in HEADROOMS[operand]} <= reached


def test_plain_products_are_those_of_the_interpreter() -> None:
    for operand in BITS:
        for product in products(operand):
            w = product.linear
            for x in vectors(product, np.random.default_rng(0)):
                interpreted = arithmetic.requantize(w.weight @ x + w.bias, w.r, w.t - w.headroom)
                assert product.result(x.tolist()) == interpreted.tolist()


def test_every_plain_layout_is_compiled() -> None:
    assert set(GUARDS) < {layout.guard for layout in all_layouts().values()}
