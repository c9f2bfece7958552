"""Instructions and bytes of one recurrent product on a Cortex-M4: pack, compile, run under QEMU, compare outputs."""

from __future__ import annotations

import shlex
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rnn_edge.ir.arithmetic import IntArray, requantize, saturate, shift_round
from rnn_edge.ir.ops import Requantization, op_requantization
from rnn_edge.ir.program import Program

SOURCE = Path(__file__).with_name("sparse_matvec.c")
COMPILE = shlex.split(
    "arm-none-eabi-gcc -mcpu=cortex-m4 -mthumb -std=c99 -O2 -Wall -Wextra -Wconversion -Wshadow -pedantic -Werror "
    "-nostdlib -Wl,--section-start=.vectors=0 -Wl,-e,reset_handler"
)
RUN = shlex.split(
    "qemu-system-arm -M mps2-an386 -display none -serial null -monitor none "
    "-semihosting-config enable=on,target=native -icount shift=6 -kernel"
)
VECTORS = 16
DENSE, BLOCKS_4X1, BLOCKS_4X4 = 1, 2, 3
BYTES_A_ROW = 8  # bias and multiplier


@dataclass(frozen=True)
class Cost:
    """Of the recurrent product alone: bytes of its weights and index, executed instructions with requantization."""

    flash: int
    instructions: int


@dataclass(frozen=True)
class Matvec:
    """y = requantize(weight @ x + bias): `weight [rows, columns]` int8, rows a multiple of 4."""

    weight: IntArray
    bias: IntArray
    scaling: Requantization

    @classmethod
    def of(cls, program: Program, output: str) -> Matvec:
        """The matvec of the program that computes the value `output`.

        A row of zeros gives its bias, whose scale may be finer than the kernels shift: it is taken as 8 * y with
        r * 2^-t = 1/8, which gives the same y.
        """
        op = next(op for op in program.ops if op.output == output)
        weight, bias = (program.constants[name].astype(np.int64) for name in op.constants[:2])
        r, t, bound = op_requantization(program, op)
        empty = ~weight.any(axis=1)
        bias = np.where(empty, 8 * requantize(bias, r, t), bias)
        r, t = np.where(empty, 1 << 14, r), np.where(empty, 17, t)
        return cls(weight, bias, Requantization(r, t, np.where(empty, np.abs(bias), bound)))

    def apply(self, x: IntArray) -> IntArray:
        """Outputs `[vectors, rows]` of `x [vectors, columns]`, as the interpreter computes them."""
        return requantize(x @ self.weight.T + self.bias, self.scaling.r, self.scaling.t)


@dataclass(frozen=True)
class _Packed:
    """The arrays of one matvec as C text, and the bytes of its weights and index."""

    text: str
    flash: int


def count(program: Program, layer: str, structure: int) -> Cost:
    """Cost of the product `<layer>_gh`, stored in `structure`; where there is a `<layer>_gm` it stands before it.

    AssertionError where one output is not that of the interpreter's arithmetic.
    """
    output = Matvec.of(program, f"{layer}_gh")
    packed = [_pack("output", output, structure)]
    middle = Matvec.of(program, f"{layer}_gm") if any(op.output == f"{layer}_gm" for op in program.ops) else None
    columns = output.weight.shape[1] if middle is None else middle.weight.shape[1]
    x = np.random.default_rng(0).integers(-128, 128, (VECTORS, columns))
    x[0], x[1] = 127, -128
    lines = [f"#define STRUCTURE {structure}", f"#define ROWS {len(output.weight)}", f"#define COLUMNS {columns}"]
    flash = packed[0].flash
    operand = x
    if middle is not None:
        packed.append(_pack("middle", middle, DENSE))
        lines.append(f"#define RANK {len(middle.weight)}")
        flash += packed[1].flash + BYTES_A_ROW * len(middle.weight)
        operand = saturate(shift_round(middle.apply(x), 8), 8)
    lines += [f"#define VECTORS {VECTORS}", *(part.text for part in packed)]
    lines += [_matrix("inputs", x), _matrix("expected", output.apply(operand))]
    return Cost(flash, _run("\n".join(lines) + "\n"))


def _pack(name: str, matvec: Matvec, structure: int) -> _Packed:
    quads = [_quad(rows, structure) for rows in matvec.weight.reshape(-1, 4, matvec.weight.shape[1])]
    words = np.concatenate([words for words, _ in quads])
    texts = [_array(f"uint32_t {name}_weight", words), _rows(name, matvec)]
    flash = words.size * 4
    if structure != DENSE:
        counts = [len(index) for _, index in quads]
        texts.append(_array(f"uint8_t {name}_index", np.concatenate([index for _, index in quads])))
        texts.append(_array(f"uint8_t {name}_count", np.array(counts)))
        flash += sum(counts) + len(counts)
    return _Packed("\n".join(texts), flash)


def _quad(rows: IntArray, structure: int) -> tuple[IntArray, IntArray]:
    """Words and index of four rows `[4, columns]`: the kept columns in pairs, one halfword 256 * B + A each."""
    width = 4 if structure == BLOCKS_4X4 else 1
    kept = np.flatnonzero(rows.reshape(4, -1, width).any(axis=(0, 2)))
    if structure == DENSE:
        kept = np.arange(rows.shape[1])
    elif structure == BLOCKS_4X1 and len(kept) % 2:
        # Columns go in pairs; their number is even, so that an odd choice leaves one of zeros to add.
        kept = np.sort(np.append(kept, np.setdiff1d(np.arange(rows.shape[1]), kept)[0]))
    columns = rows[:, (kept[:, None] * width + np.arange(width)).ravel()]
    halves = (256 * columns[1::2] + columns[0::2]) & 0xFFFF
    words = halves[:, 0::2] | halves[:, 1::2] << 16
    return words.T.ravel(), kept


def _rows(name: str, matvec: Matvec) -> str:
    """Bias and multiplier of every quad, and the bits to shift left that make all shifts at least 17.

    AssertionError where a bound that the kernels rely on does not hold.
    """
    r, t, bound = matvec.scaling
    headroom = max(0, 17 - int(t.min()))
    assert (bound < 1 << 23).all() and (bound << headroom < 1 << 31).all() and (t + headroom <= 32).all()
    multiplier = r << (32 - t - headroom)
    bias = matvec.bias.reshape(-1, 4)
    rows = ", ".join(
        f"{{{{{(256 * b + a) & 0xFFFFFFFF}u, {a & 0xFFFFFFFF}u, {(256 * d + c) & 0xFFFFFFFF}u, {c & 0xFFFFFFFF}u}}, "
        f"{{{', '.join(map(str, factors))}}}}}"
        for (a, b, c, d), factors in zip(bias.tolist(), multiplier.reshape(-1, 4).tolist(), strict=True)
    )
    define = f"#define {name.upper()}_HEADROOM {headroom}"
    return f"{define}\nstatic const quad_rows {name}_rows[] = {{{rows}}};"


def _array(declaration: str, values: NDArray[np.int64]) -> str:
    suffix = "u" if declaration.startswith("uint") else ""
    numbers = ", ".join(f"{value}{suffix}" for value in values.tolist()) or "0"
    return f"static const {declaration}[] = {{{numbers}}};"


def _matrix(name: str, values: IntArray) -> str:
    rows = ", ".join("{" + ", ".join(map(str, row)) + "}" for row in values.tolist())
    return f"static const int16_t {name}[{len(values)}][{values.shape[1]}] __attribute__((aligned(4))) = {{{rows}}};"


def _run(header: str) -> int:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "matrix.h").write_text(header)
        image = str(Path(folder) / "count.elf")
        subprocess.run([*COMPILE, f"-I{folder}", str(SOURCE), "-lgcc", "-o", image], check=True)
        done = subprocess.run([*RUN, image], capture_output=True, text=True, check=True, timeout=60)
    # QEMU writes what the program prints to its standard error.
    wrong, instructions = map(int, (done.stdout + done.stderr).split())
    assert wrong == 0, f"{wrong} outputs are not those of the interpreter"
    return instructions
