"""Matrix-vector products at the ends of the kernels' contract, their tables in C, and what they give."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np

from rnn_edge.backends.c_tables import Tables, linear_in_c
from rnn_edge.backends.c_templates import render
from rnn_edge.backends.layouts import Column, Layout, Linear, all_layouts
from rnn_edge.ir.arithmetic import IntArray
from rnn_edge.ir.headroom import saturates
from rnn_edge.ir.ops import Requantization
from rnn_edge.ir.short_rows import LARGEST_WEIGHT, bias_shift
from tests.c.plain_integers import clip, requantize

BITS = {"s8": 8, "s16": 16}

Shape = tuple[int, int]
"""Rows, columns."""


@dataclass(frozen=True)
class Product:
    """One product; `folded`: its call has the sizes as constants, as a generated step has."""

    name: str
    linear: Linear
    folded: bool

    @property
    def shape(self) -> Shape:
        rows, cols = self.linear.weight.shape
        return rows, cols

    def result(self, x: Sequence[int], y: Sequence[int] | None = None) -> list[int]:
        """requantize(W x + b), added to y where it is given, in plain integers."""
        w = self.linear
        rows = zip(w.weight.tolist(), w.bias.tolist(), w.r.tolist(), w.t.tolist(), strict=True)
        sums = [(sum(a * b for a, b in zip(row, x, strict=True)) + bias, r, t) for row, bias, r, t in rows]
        results = [requantize(acc, r, t - w.headroom) for acc, r, t in sums]
        return results if y is None else [clip(a + b, 16) for a, b in zip(y, results, strict=True)]


def make_products(
    operand: str, shapes: Iterable[Shape], folded: Iterable[Shape], headrooms: Sequence[int], end: int = 127
) -> list[Product]:
    """A product of each shape with weights up to `end`, those of `folded` first; headrooms in turn."""
    first = list(dict.fromkeys(folded))
    order = [*first, *(shape for shape in dict.fromkeys(shapes) if shape not in first)]
    return [
        Product(
            f"products_{operand}_{index}",
            linear(shape, operand, headrooms[index % len(headrooms)], end),
            index < len(first),
        )
        for index, shape in enumerate(order)
    ]


def linear(shape: Shape, operand: str, headroom: int, last: int = 127) -> Linear:
    """Rows of `last`, of -`last`, of both and of any weights; biases up to the bound that the contract sets.

    Where weights fit 4 bits, biases and multipliers are short.
    """
    rng = np.random.default_rng(crc32(f"{shape} {operand} {headroom}".encode()))
    rows, cols = shape
    largest, end = largest_sum(operand, headroom), 1 << (BITS[operand] - 1)
    weight = rng.integers(-last, last + 1, shape)
    weight[0::5], weight[1::5], weight[2::5] = last, -last, rng.choice([-last, last], cols)
    most = min(last, largest // (end * cols))
    weight = np.clip(weight, -most, most)
    room = largest - np.abs(weight).sum(axis=1) * end
    bias = rng.integers(-room, room + 1) >> rng.integers(0, 24, rows)
    bias[cols % 2 :: 3] = room[cols % 2 :: 3] * rng.choice([-1, 1])
    r, t = rng.integers(1 << 14, 1 << 15, rows), rng.integers(17, 33, rows)
    r[0::4], r[1::4] = (1 << 15) - 1, 1 << 14
    t[cols % 3 :: 7], t[cols % 5 :: 7] = 17, 32
    if last <= LARGEST_WEIGHT:
        shift = bias_shift(bias)
        bias, r = bias >> shift << shift, r & 31 << 10
        bias[bias < -room] += 1 << shift  # rounded down beyond the bound
    return proven(weight, bias, r, t, headroom, operand)


def proven(weight: IntArray, bias: IntArray, r: IntArray, t: IntArray, headroom: int, operand: str) -> Linear:
    """The product with the exporter's proof whether it saturates."""
    bound = np.abs(weight).sum(axis=1) * (1 << (BITS[operand] - 1)) + np.abs(bias)
    return Linear(weight, bias, r, t, headroom, operand, saturates(Requantization(r, t - headroom, bound)))


def largest_sum(operand: str, headroom: int) -> int:
    """The largest |W x + b| of the contract."""
    return min(1 << (31 - headroom), 1 << 23 if operand == "s8" else 1 << 31) - 1


def vectors(product: Product, rng: np.random.Generator) -> list[IntArray]:
    """Both ends of x everywhere, those that make the first and the last row largest and least, and any."""
    rows, cols = product.shape
    end = 1 << (BITS[product.linear.operand] - 1)
    signs = [np.sign(product.linear.weight[row]) for row in (0, rows - 1)]
    matched = [np.where(sign * side > 0, end - 1, -end) for sign in signs for side in (-1, 1)]
    everywhere = [np.full(cols, value) for value in (-end, end - 1)]
    return [*everywhere, *matched, rng.integers(-end, end, cols), rng.choice([-end, end - 1], cols)]


def write_headers(folder: Path, products: Sequence[Product]) -> None:
    """`products.h`, and the tables in `products_tables.h` for every kind of core, as a model has them."""
    own = [_tables(products, layout) for layout in all_layouts().values()]
    facts = {"name": "products", "NAME": "PRODUCTS", "version": "", "hash": "", "tokens": 1}
    text = render("model_tables.h.j2", shared=Tables("", (), ()), own=own, **facts)
    (folder / "products_tables.h").write_text(text)
    firsts = [_first_tables(products, layout) for layout in all_layouts().values()]
    lines = [
        '#include "products_tables.h"',
        f"#define MOST_ROWS {max(product.shape[0] for product in products)}",
        f"#define MOST_COLS {max(product.shape[1] for product in products)}",
        f"#define MOST_BYTES {max(max(sizes) for _, _, sizes in firsts)}",
    ]
    for operand in BITS:
        lines += _list(operand, products)
    (folder / "products.h").write_text("\n".join([*lines, *_first_lines(products, firsts)]) + "\n")


def _tables(products: Sequence[Product], layout: Layout) -> Tables:
    tables, structs = [], []
    for product in products:
        own, struct = linear_in_c(product.linear, layout, product.name, product.name)
        tables += own
        structs.append(struct)
    return Tables(layout.guard, tuple(tables), tuple(structs))


def _list(operand: str, products: Sequence[Product]) -> list[str]:
    """All products of an operand by their number, and those whose calls are folded."""
    chosen = [product for product in products if product.linear.operand == operand]
    names = ", ".join(f"&{product.name}" for product in chosen)
    folded = [(number, product) for number, product in enumerate(chosen) if product.folded]
    cases = " ".join(f"EACH({number}, {product.shape[1]}, {product.name})" for number, product in folded)
    return [
        f"#define PRODUCTS_{operand.upper()} {len(chosen)}",
        f"#define FOLDED_{operand.upper()}(EACH) {cases}",
        f"static const RNN_FLASH rnn_linear *const RNN_FLASH products_{operand}[] = {{{names}}};",
    ]


def _first_tables(products: Sequence[Product], layout: Layout) -> tuple[str, str, list[int]]:
    """A guard, the field of the first table, and the bytes of that table of each product."""
    key = next(key for key, field in layout.fields(products[0].linear).items() if isinstance(field, Column))
    firsts = [linear_in_c(product.linear, layout, "", "")[0][0] for product in products]
    return layout.guard, key, [len(first.content) for first in firsts]


def _first_lines(products: Sequence[Product], firsts: Sequence[tuple[str, str, list[int]]]) -> list[str]:
    """LAYOUT, its FIRST_TABLE and the bytes of that of each product, for every kind of core."""
    lines: list[str] = []
    for guard, key, sizes in firsts:
        lines += [
            f"#{'elif' if lines else 'if'} defined({guard})",
            f'#define LAYOUT "{guard}"',
            f"#define FIRST_TABLE {key}",
        ]
        for operand in BITS:
            chosen = [str(n) for product, n in zip(products, sizes, strict=True) if product.linear.operand == operand]
            lines.append(f"static const RNN_FLASH uint16_t first_bytes_{operand}[] = {{{', '.join(chosen)}}};")
    return [*lines, "#endif"]
