"""Writes docs/semantics.md from the operation table: python -m rnn_edge.ir.semantics > docs/semantics.md."""

from __future__ import annotations

from .ops import KINDS
from .program import SEMANTICS

_HEAD = """\
# The integer arithmetic

Semantics version {version}. This page is written from `rnn_edge/ir/ops.py` by `python -m rnn_edge.ir.semantics`, and a
test keeps it current. It is the contract: the interpreter (`rnn_edge/ir/arithmetic.py`) is its executable form, and
every runtime whose contract is "exact" computes the same integers.

The arithmetic is that of TensorFlow Lite's reference kernels, with formats chosen so that most of it is a shift. So the
TFLite file is an ordinary quantized model, and the C is cheap.

## Notation

All values are integers. `>>` is the arithmetic shift (floor). `sat8`, `sat16` clip to int8, int16. A value at scale `s`
stands for the real number `s * value`, or `s * (value - zero_point)` for the input; "at 2^-p" means `s = 2^-p`.

## Formats

| value | type | scale | zero point |
|---|---|---|---|
| input, scheme `int8` | int8 | calibrated range / 255, float32 | calibrated, folded into the bias as `b - zp * sum(w)` |
| input, scheme `int16x8` | int16 | calibrated peak / 32767, float32 | 0 |
| input of a convolution, scheme `int8` | int8 | calibrated peak / 127, float32 | 0 |
| window of a convolution on the input | int16 | that of the input | 0 |
| output of a convolution | int16 | 2^-k, the finest that holds the calibrated peak times 1.25 | 0 |
| sum over all steps | int16 | 2^-k, the finest that holds twice the calibrated peak; k in 14 to 8 | 0 |
| token | int32 | 1 | 0 |
| weight | int8, -127 to 127 | one a row, float32 | 0 |
| bias | int64 in files, int32 in C | `s_x * s_W[row]` | 0 |
| gate pre-activation | int16 | 2^-11; 2^-10 or 2^-9 where calibration passes 16 or 32 | 0 |
| gate, hidden state | int16 | 2^-15 | 0 |
| unbounded state (`c` of an LSTM) | int16 | 2^-k, the finest that holds twice the calibrated peak; k in 14 to 8, at most 12 where sigmoid or tanh reads it | 0 |
| operand of a product, scheme `int8` | int8 | 256 times that of the int16 value | 0 |
| embedding row | int8 | peak of the table / 127 | 0 |
| output | int16; int8 as an option | calibrated peak * 1.25 / 32767 (times 256) | 0 |

With weights of 4 bits these are -7 to 7, elements of an embedding 16 times that; an output has a scale of 2^-k, the finest
that holds the calibrated peak times 1.25; a bias is an int16 times 2^k, one k a product, and `r` below has no more than its
five highest bits.

The scale of a row of weights is `max(max|w| / 127, |b| / (s_x * 2^30), s_y / s_x * 2^-16)`, doubled until the
bounds below hold. States are int16 between steps and are narrowed to int8 only as operands: an int8 state would lose slow
memories, because updates smaller than half a step of int8 round away.

## Operations

| operation | meaning | ranges |
|---|---|---|
"""

_TAIL = """
## Terms

**r, t of a row.** `real = double(s_x) * double(s_W[row]) / double(s_y)`; `m, e = frexp(real)`; `q = round(m * 2^31)`, and
where `q = 2^31`: `q = 2^30`, `e + 1`. Then `r = (q + 2^15) >> 16`, or 32767 where `q >= 0x7FFF0000`; `t = 15 - e`.

**Bound of a row.** `bound = sum|w| * max|x| + |b|` with `max|x|` 128 for int8, 32768 for int16. A program is refused
unless, for every row, `bound < 2^31`, `1 <= t <= 46` and `(bound * r + 2^(t-1)) >> (t-1) < 2^31`. So no input and no state
can overflow a 32-bit accumulator, and kernels may cut to 32 bits before they saturate.

**shift_round(v, s)** for `|v| <= 2^30`, `s >= 1`: `u = (v + 1) >> 1`; the result is `u` for `s = 1`, otherwise
`(u + 2^(s-2) + (u >> 63)) >> (s - 1)`: half up at one half, then half away from zero. Both roundings are part of the
definition (TensorFlow Lite's doubling high multiply by 2^30, then its rounding division).

**SIGMOID** has 256 entries of 16 bits: with `f(v) = 65536 / (1 + exp(-v / 24))`,
`SIGMOID[i] = round(f(i) + (f(i + 1/2) - (f(i) + f(i+1)) / 2) / 2)` for `i < 255`, and `SIGMOID[255] = 65535`. They are
committed as integers (`rnn_edge/ir/tables.py`).

**sigmoid(x)**, x at 2^-p: `d = x * 3 * 2^(12-p)`, `u = |d| >> 9`, `v = |d| & 511`. For `u >= 255`: `c = 32767 * 2^10`, otherwise
`c = (SIGMOID[u] << 9) + v * (SIGMOID[u+1] - SIGMOID[u])`. Result: `(c + 512) >> 10` for `d >= 0`, otherwise
`(2^25 - c + 511) >> 10`.

**tanh(x)**, x at 2^-p: `d` as above, `u = |d| >> 8`, `v = |d| & 255`. For `u >= 255`: `c = 65535 * 2^8`, otherwise
`c = (SIGMOID[u] << 8) + v * (SIGMOID[u+1] - SIGMOID[u])`. Result: `(c - 2^23 + 128) >> 8` for `d >= 0`, otherwise
`(2^23 - c + 127) >> 8`.

## Around the step

**Input from float**: `v = float32(x * gain) + offset`, clipped, then rounded half up, with the normalization of the
network folded into `gain` and `offset` (`rnn_edge/ir/quantize_input.py`). **Input from raw int16 counts**: integers only.

**softmax** (for programs whose network ends in one; not part of the step): `d = ((max - l) * M) >> 16` in units of 2^-10
octaves, `power = EXP2` interpolated at the fraction of `d`, shifted by its integer part; the result is
`power * 32767 / sum(power)`, truncated, in units of 2^-15 (full scale 32767).

## Why it can be exact everywhere

- One rounding per product and one arithmetic: no switch changes a bit at compile time.
- Weights never are -128, biases and shifts stay inside what all runtimes share, checked row by row.
- `z * h + (n - z * n)` and not `(1 - z) * n`: 1 is no int16 at 2^-15, and this way the two weights sum to exactly one, so that
  a state does not leak.
- TFLite's default resolver (its optimized sigmoid and tanh) is the one known runtime that differs from its own reference
  kernels; it gets a bound of its own, reported beside the exact ones.
"""


def document() -> str:
    """The text of docs/semantics.md."""
    rows = [f"| `{name}` | {_cell(kind.formula)} | {_cell(kind.ranges)} |\n" for name, kind in KINDS.items()]
    return _HEAD.replace("{version}", str(SEMANTICS)) + "".join(rows) + _TAIL


def _cell(text: str) -> str:
    """Text of a table cell, in which a bar would end it."""
    return text.replace("|", "\\|")


if __name__ == "__main__":
    print(document(), end="")
