"""Which kernel computes a product: by what its weights prove, and whether they and their rows fit 4 bits."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from ..ir.headroom import headroom
from ..ir.ops import op_requantization
from ..ir.program import Op, Program
from ..ir.short_rows import LARGEST_WEIGHT, TABLE_STEP, are_short
from ..ir.statements import Product


class Kernel(StrEnum):
    """The kernels of rnn_step.h and rnn_kernels.h, by what stands behind `matvec` in their names."""

    FAST = ""
    WIDE = "64"  # a requantization in 64 bits
    PACKED = "4"  # weights of 4 bits, two a byte, and short rows


def kernel_of(program: Program, op: Op) -> Kernel:
    """The kernel of a matvec. Weights are packed where all of the program fit 4 bits, never those of one product."""
    if headroom(program, op) is None:
        return Kernel.WIDE
    return Kernel.PACKED if _is_packed(program) else Kernel.FAST


def gather_kernel(elements: NDArray[np.int8]) -> str:
    """What stands behind `gather` in the name of the kernel that reads such an embedding: 4 where it is packed."""
    return "4" if not np.any(elements % TABLE_STEP) else ""


def table_name(product: Product) -> str:
    """What the tables of a product are called: after its weights, which products of several rows of a step share."""
    output, weights = product.op.output, product.op.constants[0].removesuffix("_weight")
    return weights + product.name.removeprefix(output) if product.name.startswith(output) else product.name


def _is_packed(program: Program) -> bool:
    return all(_fits_4_bits(program, op) for op in program.ops if op.kind == "matvec")


def _fits_4_bits(program: Program, op: Op) -> bool:
    weight, bias, _ = (program.constants[name] for name in op.constants)
    return int(np.abs(weight).max()) <= LARGEST_WEIGHT and are_short(bias, op_requantization(program, op).r)
