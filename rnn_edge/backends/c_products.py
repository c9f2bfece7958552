"""Which kernel computes a product: by what its weights prove, and whether they fit 4 bits."""

from __future__ import annotations

from enum import StrEnum

import numpy as np

from ..ir.headroom import headroom
from ..ir.program import Op, Program
from ..ir.statements import Product
from .nibbles import LARGEST


class Kernel(StrEnum):
    """The kernels of rnn_step.h and rnn_kernels.h, by what stands behind `matvec` in their names."""

    FAST = ""
    WIDE = "64"  # a requantization in 64 bits
    PACKED = "4"  # weights of 4 bits, two a byte


def kernel_of(program: Program, op: Op) -> Kernel:
    """The kernel of a matvec. Weights are packed where all of the program fit 4 bits, never those of one product."""
    if headroom(program, op) is None:
        return Kernel.WIDE
    return Kernel.PACKED if _is_packed(program) and program.constants[op.constants[0]].any() else Kernel.FAST


def table_name(product: Product) -> str:
    """What the tables of a product are called: after its weights, which products of several rows of a step share."""
    output, weights = product.op.output, product.op.constants[0].removesuffix("_weight")
    return weights + product.name.removeprefix(output) if product.name.startswith(output) else product.name


def _is_packed(program: Program) -> bool:
    weights = [program.constants[op.constants[0]] for op in program.ops if op.kind == "matvec"]
    return all(int(np.abs(weight).max()) <= LARGEST for weight in weights)
