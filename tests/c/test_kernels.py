"""Every kernel but the products against plain Python integers and the interpreter, also under sanitizers."""

from __future__ import annotations

import platform
import re
import zlib
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import cache
from math import floor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rnn_edge.backends.nibbles import packed, packed_table
from rnn_edge.ir import arithmetic
from rnn_edge.ir.tables import EXP2, SIGMOID
from rnn_edge.runtimes.c_host import CHost
from tests.c.kernels import BUILDS, KERNELS, Array, Build, Kernels, Request, compiled
from tests.c.plain_integers import by_power_of_two, clip, requantize, sigmoid, softmax, tanh

ALL = np.arange(-32768, 32768, dtype=np.int16)
EXTREMES = [-32768, -32767, -16385, -16384, -256, -129, -128, -2, -1, 0, 1, 2, 127, 128, 255, 16384, 32766, 32767]
FUSED = Build(CHost("gcc", "fused", ("-O3", "-mfma", "-ffp-contract=fast")), "RNN_WIDE")


@pytest.fixture(scope="module", params=BUILDS, ids=lambda build: build.name)
def kernels(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Kernels:
    return compiled(request.param, "kernels", tmp_path_factory.mktemp("kernels"))


# kernels of one input: all 65,536 inputs


@cache
def over_all(kind: str, p: int) -> list[int]:
    formulas: dict[str, Callable[[int], int]] = {
        "sigmoid": lambda x: sigmoid(x, p),
        "tanh": lambda x: tanh(x, p),
        "relu": lambda x: max(x, 0),
        "rescale": lambda x: clip(by_power_of_two(x, p), 8),
    }
    return [formulas[kind](x) for x in ALL.tolist()]


@pytest.mark.parametrize("kind", ["sigmoid", "tanh"])
def test_curves(kernels: Kernels, kind: str) -> None:
    meaning = arithmetic.sigmoid if kind == "sigmoid" else arithmetic.tanh
    for fraction in range(13):
        found = kernels.element(kind, fraction, ALL, over=fraction % 2)
        assert found == over_all(kind, fraction)
        assert found == meaning(ALL.astype(np.int64), fraction).tolist()


def test_relu(kernels: Kernels) -> None:
    for over in (0, 1):
        assert kernels.element("relu", 0, ALL, over=over) == over_all("relu", 0)


def test_rescale(kernels: Kernels) -> None:
    for shift in range(1, 16):
        found = kernels.element("rescale", shift, ALL, dtype="i1")
        assert found == over_all("rescale", shift)
        assert found == arithmetic.saturate(arithmetic.shift_round(ALL.astype(np.int64), shift), 8).tolist()


# kernels of two inputs


@cache
def products(shift: int) -> list[int]:
    a, b = pairs()
    return [clip(by_power_of_two(x * y, shift), 16) for x, y in zip(a.tolist(), b.tolist(), strict=True)]


def pairs() -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """Every pair of extremes, then random ones, an odd number in all."""
    rng = np.random.default_rng(0)
    grid = np.array([(a, b) for a in EXTREMES for b in EXTREMES] + rng.integers(-32768, 32768, (3001, 2)).tolist())
    return grid[:, 0].astype(np.int16), grid[:, 1].astype(np.int16)


@pytest.mark.parametrize("over", [0, 1, 2], ids=["apart", "over a", "over b"])
def test_add_sub_mul(kernels: Kernels, over: int) -> None:
    a, b = pairs()
    both = list(zip(a.tolist(), b.tolist(), strict=True))
    assert kernels.element("add", 0, a, b, over=over) == [clip(x + y, 16) for x, y in both]
    assert kernels.element("sub", 0, a, b, over=over) == [clip(x - y, 16) for x, y in both]
    product = a.astype(np.int64) * b
    for shift in range(1, 31):
        found = kernels.element("mul", shift, a, b, over=over)
        assert found == products(shift)
        assert found == arithmetic.saturate(arithmetic.shift_round(product, shift), 16).tolist()


def test_a_value_with_itself(kernels: Kernels) -> None:
    """Both inputs and the output are one array of the same content."""
    assert kernels.element("add", 0, ALL, ALL, over=1) == [clip(2 * x, 16) for x in ALL.tolist()]
    assert kernels.element("sub", 0, ALL, ALL, over=2) == [0] * len(ALL)
    assert kernels.element("mul", 15, ALL, ALL, over=1) == [clip(by_power_of_two(x * x, 15), 16) for x in ALL.tolist()]


def test_mul_by_odd_numbers(kernels: Kernels) -> None:
    """The products with one odd factor have every rest that a shift may have to round."""
    for odd in (-32767, -1, 21845):
        b = np.full_like(ALL, odd)
        requests = [Request("mul", len(ALL), shift, 0, (ALL, b), "i2", len(ALL)) for shift in range(1, 31)]
        product = ALL.astype(np.int64) * odd
        for shift, found in enumerate(kernels.results(requests), 1):
            assert found == arithmetic.saturate(arithmetic.shift_round(product, shift), 16).tolist()


# products in 64 bits


def matvec64_case(bits: int, cols: int, rng: np.random.Generator) -> Request:
    """46 rows, one for each t; accumulators from small to the largest that the contract allows."""
    rows, limit = 46, 1 << (bits - 1)
    weight = rng.integers(-127, 128, (rows, cols)) * rng.choice([0, 1, 1], (rows, 1))
    weight[::7] = 127
    x = rng.integers(-limit, limit, cols) if cols % 3 else np.full(cols, -limit)
    room = (1 << 31) - 1 - np.abs(weight).sum(axis=1) * limit
    bias = rng.integers(-room, room + 1)
    bias[::5], bias[1::5] = room[::5], -room[1::5]
    r = rng.integers(1 << 14, 1 << 15, rows)
    r[:4] = 1 << 14, (1 << 15) - 1, 1 << 14, (1 << 15) - 1
    t = np.roll(np.arange(1, 47), cols)
    columns = (weight, "i1"), (bias, "i4"), (r, "i2"), (t, "u1"), (x, f"i{bits // 8}")
    inputs = tuple(array.astype(dtype) for array, dtype in columns)
    return Request(f"matvec64_s{bits}", rows, cols, 0, inputs, "i2", rows)


@pytest.mark.parametrize("bits", [8, 16])
def test_matvec64(kernels: Kernels, bits: int) -> None:
    rng = np.random.default_rng(bits)
    requests = [matvec64_case(bits, cols, rng) for cols in range(1, 41) for _ in range(3)]
    for request, found in zip(requests, kernels.results(requests), strict=True):
        weight, bias, r, t, x = (array.astype(np.int64) for array in request.inputs)
        accumulators = [
            sum(w * v for w, v in zip(row, x.tolist(), strict=True)) + b
            for row, b in zip(weight.tolist(), bias.tolist(), strict=True)
        ]
        assert max(map(abs, accumulators)) < 2**31
        assert found == [requantize(*row) for row in zip(accumulators, r.tolist(), t.tolist(), strict=True)]
        assert found == arithmetic.requantize(weight @ x + bias, r, t).tolist()


# products of weights of 4 bits


def matvec4_case(bits: int, shape: tuple[int, int], add: bool, rng: np.random.Generator) -> Request:
    """Rows of all 7, of all -7 and of any weights, packed by hand; results from small to saturated."""
    rows, cols = shape
    limit, headroom = 1 << (bits - 1), int(rng.integers(0, 9 if bits == 8 else 4))
    weight = rng.integers(-7, 8, shape)
    weight[::3], weight[1::3] = 7, -7
    x = rng.integers(-limit, limit, cols) if cols % 3 else np.full(cols, -limit)
    room = min(1 << (31 - headroom), 1 << 23 if bits == 8 else 1 << 31) - 1 - np.abs(weight).sum(axis=1) * limit
    shift = int(rng.integers(0, 16))
    most = np.minimum(room >> shift, 32767)
    bias = rng.integers(-most, most + 1)
    bias[::5], bias[1::5] = most[::5], -most[1::5]
    mantissa, t = rng.integers(16, 32, rows), rng.integers(17, 33, rows)
    mantissa[:2], t[:2] = 31, (17, 32)[: len(t)]
    y = rng.integers(-32768, 32768, rows)
    nibbles = [
        weight[row, column] + 8 if row < rows and column < cols else 8
        for first in range(0, rows, 4)
        for pair in range(0, cols, 2)
        for row in range(first, first + 4)
        for column in (pair, pair + 1)
    ]
    content = [sum(int(one) << 4 * k for k, one in enumerate(nibbles[at : at + 8])) for at in range(0, len(nibbles), 8)]
    columns = (
        ([headroom], "i4"), ([shift], "i4"), (content, "u4"), (bias, "i2"), ((mantissa - 16) * 16 + 32 - t, "u1"),
        (y, "i2"), (x, f"i{bits // 8}"),
    )  # fmt: skip
    inputs = tuple(np.asarray(array).astype(dtype) for array, dtype in columns)
    name = f"matvec4{'_add' if add else ''}_s{bits}"
    return Request(name, rows, cols, len(content), (*inputs, weight), "i2", rows)


@pytest.mark.parametrize("add", [False, True])
@pytest.mark.parametrize("bits", [8, 16])
def test_matvec4(kernels: Kernels, bits: int, add: bool) -> None:
    rng = np.random.default_rng(bits)
    shapes = [(rows, cols) for rows in (*range(1, 10), 16, 31) for cols in (*range(1, 10), 16, 17, 18, 31, 40)]
    cases = [matvec4_case(bits, shape, add, rng) for shape in shapes]
    requests = [replace(request, inputs=request.inputs[:-1]) for request in cases]
    for request, found in zip(cases, kernels.results(requests), strict=True):
        headroom, shift, content, bias, scale, y, x, weight = (array.astype(np.int64) for array in request.inputs)
        assert np.array_equal(packed(weight), content)
        sums = (weight @ x + (bias << shift)) << headroom
        results = arithmetic.requantize(sums, (16 + (scale >> 4)) << 10, 32 - (scale & 15))
        assert found == (arithmetic.saturate(y + results, 16) if add else results).tolist()


def test_requantization_at_the_ends_of_its_contract(kernels: Kernels) -> None:
    """Accumulators right beside every rounding boundary, by a bias alone."""
    requests, expected = [], []
    for t in range(1, 47):
        for r in (1 << 14, 23171, (1 << 15) - 1):
            centres = [(k << t) // r + (1 << t) // (2 * r) for k in (-32769, -32768, -2, -1, 0, 1, 32766, 32767)]
            around = [c + d for c in (*centres, -(2**31) + 3, 2**31 - 3) for d in (-2, -1, 0, 1, 2)]
            biases = [b for b in around if abs(b) < 2**31]
            n = len(biases)
            columns = (np.zeros(n), "i1"), (biases, "i4"), ([r] * n, "i2"), ([t] * n, "u1"), ([1], "i1")
            inputs = tuple(np.array(values).astype(dtype) for values, dtype in columns)
            requests.append(Request("matvec64_s8", n, 1, 0, inputs, "i2", n))
            expected.append([requantize(bias, r, t) for bias in biases])
    assert kernels.results(requests) == expected


# int8 vectors


def test_gather(kernels: Kernels) -> None:
    """As bytes, and as an operand that is made bytes again."""
    table = np.random.default_rng(0).integers(-128, 128, (11, 7)).astype(np.int8)
    requests = [Request("gather", 7, token, 11, (table,), "i1", 14) for token in range(11)]
    assert kernels.results(requests) == [2 * row for row in table.tolist()]


@pytest.mark.parametrize("size", [1, 2, 7, 8])
def test_gather_of_two_elements_in_a_byte(kernels: Kernels, size: int) -> None:
    """Packed by hand, and by the exporter."""
    table = 16 * np.random.default_rng(size).integers(-8, 8, (11, size)).astype(np.int8)
    table[0], table[1] = 112, -128
    content = [
        sum((row[at] // 16 & 15) << 4 * half for half, at in enumerate((pair, pair + 1)) if at < size)
        for row in table.tolist()
        for pair in range(0, size, 2)
    ]
    packed = np.array(content).astype("u1")
    assert packed_table(table).ravel().tolist() == content
    requests = [Request("gather4", size, token, 11, (packed,), "i1", 2 * size) for token in range(11)]
    assert kernels.results(requests) == [2 * row for row in table.tolist()]


def test_operands_become_bytes_again(kernels: Kernels) -> None:
    """Those that lanes were stored in, and those that bytes were widened to."""
    every = np.arange(-128, 128, dtype=np.int16)
    requests = [Request("operand", n, 0, 0, (every[-n:],), "i1", 2 * n) for n in (*range(1, 18), 256)]
    assert kernels.results(requests) == [2 * every[-n:].tolist() for n in (*range(1, 18), 256)]


# what reads the outputs


def logit_cases(dtype: str) -> list[Array]:
    rng = np.random.default_rng(1)
    low, high = (-128, 127) if dtype == "i1" else (-32768, 32767)
    fixed: list[list[int]] = [[low], [high], [low, high], [high, low, high], [0, 0], [low] * 300, [high, *[low] * 40]]
    drawn = [rng.integers(low, high + 1, n) for n in (2, 9, 40, 1000)]
    near = [rng.integers(-3, 4, 17) for _ in range(5)]
    return [np.array(case).astype(dtype) for case in [*fixed, *drawn, *near]]


@pytest.mark.parametrize("bits", [8, 16])
def test_softmax_and_argmax(kernels: Kernels, bits: int) -> None:
    cases = logit_cases(f"i{bits // 8}")
    for multiplier in (1, 11770, 1 << 20, (1 << 26) + 1, (1 << 31) - 1):
        requests = [Request(f"softmax_s{bits}", len(x), multiplier, 0, (x,), "u2", len(x)) for x in cases]
        found = kernels.results(requests)
        assert found == [softmax(x.tolist(), multiplier) for x in cases]
        assert found == [arithmetic.softmax(x.astype(np.int64), multiplier).tolist() for x in cases]
    requests = [Request(f"argmax_s{bits}", len(x), 0, 0, (x,), "i4", 1) for x in cases]
    assert kernels.results(requests) == [[x.tolist().index(max(x.tolist()))] for x in cases]


# input


@pytest.mark.parametrize("bits", [8, 16])
def test_quantize_float(kernels: Kernels, bits: int) -> None:
    rng = np.random.default_rng(2)
    low, high, n = -(1 << (bits - 1)), (1 << (bits - 1)) - 1, 20_001
    gain = (2.0 ** rng.uniform(-8, 12, n)).astype(np.float32)
    offset = rng.normal(size=n).astype(np.float32) * np.float32(high / 4)
    x = (rng.normal(size=n) * high / gain).astype(np.float32)
    x[::2] = (np.round(rng.uniform(low, high, n)) + 0.5)[::2]
    gain[::2], offset[::2] = 1, 0
    # sums that lie on a half only where the product was rounded before
    offset[1::4] = (np.round(rng.uniform(low, high, n)) + 0.5 - (x * gain).astype(np.float32))[1::4]
    x[:10] = np.nan, np.inf, -np.inf, 3e38, -3e38, -0.0, 0.49999997, -0.50000006, 1e-45, -1e-45
    with np.errstate(over="ignore"):
        v = (x * gain).astype(np.float32) + offset
    expected = [
        low if np.isnan(value) else clip(floor(Fraction(value) + Fraction(1, 2)), bits) if np.isfinite(value) else
        (high if value > 0 else low)
        for value in v.tolist()
    ]  # fmt: skip
    request = Request(f"quantize_f32_s{bits}", n, 0, 0, (np.stack([gain, offset], 1), x), f"i{bits // 8}", n)
    assert kernels.results([request]) == [expected]


def test_quantize_float_where_the_compiler_may_fuse(tmp_path: Path) -> None:
    if not has_fma():
        pytest.skip("this processor has no fused multiply-add of x86")
    test_quantize_float(compiled(FUSED, "kernels", tmp_path), 16)


def has_fma() -> bool:
    facts = Path("/proc/cpuinfo")
    return platform.machine() == "x86_64" and facts.is_file() and " fma " in facts.read_text()


@pytest.mark.parametrize("bits", [8, 16])
def test_quantize_raw(kernels: Kernels, bits: int) -> None:
    rng = np.random.default_rng(3)
    n = 20_001
    gain, shift = rng.integers(0, 1 << 31, n), rng.integers(0, 41, n)
    offset = rng.integers(-(1 << 61) + 1, 1 << 61, n) >> rng.integers(0, 61, n)
    raw = rng.choice([-32768, -1, 0, 1, 32767], n)
    raw[::2] = rng.integers(-32768, 32768, n)[::2]
    gain[:3], offset[:3], shift[:3], raw[:3] = (1 << 31) - 1, [(1 << 61) - 1, 1 - (1 << 61), -1], [0, 0, 40], -32768
    rows = zip(raw.tolist(), gain.tolist(), offset.tolist(), shift.tolist(), strict=True)
    expected = [clip((x * g + o) // 2**s, bits) for x, g, o, s in rows]
    inputs = np.stack([gain, offset, shift], 1), raw.astype(np.int16)
    request = Request(f"quantize_s16_s{bits}", n, 0, 0, inputs, f"i{bits // 8}", n)
    assert kernels.results([request]) == [expected]


def test_crc(kernels: Kernels) -> None:
    """In one piece, and continued."""
    data = bytes(range(256))
    requests = [Request("crc32", n, n // 3, 0, (np.frombuffer(data[:n], np.uint8),), "u4", 2) for n in (1, 2, 9, 256)]
    assert kernels.results(requests) == [[zlib.crc32(data[: n // 3]), zlib.crc32(data[:n])] for n in (1, 2, 9, 256)]


# the text


@pytest.mark.parametrize(("name", "table"), [("rnn_sigmoid_table", SIGMOID), ("EXP2", EXP2)])
def test_tables_are_those_of_the_interpreter(name: str, table: tuple[int, ...]) -> None:
    match = re.search(rf"{name}\[\d+\] = \{{(.*?)\}}", (KERNELS / "rnn_kernels.c").read_text(), re.DOTALL)
    assert match and tuple(map(int, re.findall(r"\d+", match[1]))) == table
