"""Products of weights of 4 bits on every kind of core, in the layout of each, give what plain integers give."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from rnn_edge.backends.c_products import Kernel
from rnn_edge.backends.c_tables import Tables, linear_in_c
from rnn_edge.backends.c_templates import render
from rnn_edge.backends.c_text import table
from rnn_edge.backends.layouts import all_layouts
from rnn_edge.paths import FIRMWARE
from tests.boards import avr
from tests.boards.programs import compiled, printed
from tests.boards.test_kernels import usable
from tests.c.products import Product, Shape, make_products, vectors

SOURCES = [Path(__file__).parent / "products4_main.c", FIRMWARE / "kernels" / "rnn_kernels.c"]
SECONDS = 60.0
FOLDED: list[Shape] = [(1, 1), (2, 3), (3, 6), (4, 4), (5, 7), (8, 16), (9, 9), (7, 33), (16, 12)]
SHAPES: list[Shape] = [(rows, cols) for rows in (1, 3, 4, 6, 9) for cols in (*range(1, 10), 15, 16, 17, 18, 31, 33, 40)]

FEW: list[Shape] = [(rows, cols) for rows in (1, 4, 6) for cols in (1, 2, 5, 16, 17, 18, 33)]
"""For less flash."""

BOARDS = ("mps2-an386", "mps2-an505", "mps2-an385", "qemu-microbit", "qemu-riscv32-virt", "mps3-an547", "simavr-mega")
BY_ZIG = ("mps2-an386", "qemu-microbit")

CASES = [
    pytest.param(name, compiler, level, marks=avr.NEEDS if name.startswith("simavr") else ())
    for name in BOARDS
    for compiler in ("gcc", *(["zig"] if name in BY_ZIG else []))
    for level in ("-Os", "-O2")
]


@cache
def products(few: bool) -> list[Product]:
    shapes, folded = (FEW, FOLDED[:4]) if few else (SHAPES, FOLDED)
    return [
        product
        for operand, headrooms in (("s8", (0, 1, 3, 8)), ("s16", (0, 1, 2, 3)))
        for product in make_products(operand, shapes, folded, headrooms, end=7)
    ]


@pytest.mark.parametrize(("name", "compiler", "level"), CASES)
def test_products_of_four_bits(name: str, compiler: str, level: str, tmp_path: Path) -> None:
    rng, made = np.random.default_rng(0), products(few=name.startswith("simavr"))
    expected, runs, calls = [], [], []
    for number, product in enumerate(made):
        inputs, (rows, cols), own = vectors(product, rng), product.shape, product.name
        for x in inputs:
            stored = product.result(x.tolist())
            expected += [line([0, *y, 99]) for y in (stored, product.result(x.tolist(), stored))]
        operand = product.linear.operand
        ctype = "int8_t" if operand == "s8" else "int16_t"
        array = table(ctype, f"x_{number}", np.array(inputs))
        runs.append(f"static const RNN_FLASH {ctype} x_{number}[] = {{\n{array.lines}\n}};")
        multiply = "folded" if product.folded else "any"
        sizes = f"{rows}, {cols}, {len(inputs)}"
        runs.append(f"PRODUCT_{operand.upper()}({own}, {multiply}, x_{number}, {sizes})")
        calls.append(f"run_{own}();")
    (tmp_path / "products4_tables.h").write_text(tables(made))
    run_all = f"#define RUN_ALL {' '.join(calls)}"
    (tmp_path / "products4.h").write_text("\n".join(['#include "products4_tables.h"', *runs, run_all]) + "\n")
    at = usable(name)
    assert printed(at, compiled(at, compiler, [level], SOURCES, tmp_path), SECONDS) == expected


def line(values: list[int]) -> str:
    return "".join(f"{value & 0xFFFF:04x}" for value in values)


def tables(chosen: Sequence[Product]) -> str:
    """Those of every kind of core, as a model has them."""
    own = []
    for layout in all_layouts().values():
        made = [linear_in_c(one.linear, layout, one.name, one.name, Kernel.PACKED) for one in chosen]
        own.append(
            Tables(layout.guard, tuple(one for some, _ in made for one in some), tuple(struct for _, struct in made))
        )
    facts = {"name": "products4", "NAME": "PRODUCTS4", "version": "", "hash": "", "tokens": 1}
    return render("model_tables.h.j2", shared=Tables("", (), ()), own=own, **facts)
