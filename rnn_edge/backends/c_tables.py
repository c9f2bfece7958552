"""The constant tables of a program in C: those of every core, and those whose layout depends on the core."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..ir.headroom import headroom, saturates
from ..ir.ops import Requantization, op_requantization
from ..ir.plan import Plan
from ..ir.program import Op, Program
from ..ir.statements import Gather, Product
from .c_text import Table, table
from .layouts import Column, Layout, Linear, all_layouts


@dataclass(frozen=True)
class Struct:
    """One matrix-vector product as its kernel takes it: a constant of `ctype`, its fields in order."""

    ctype: str
    name: str
    fields: Mapping[str, int | str]


@dataclass(frozen=True)
class Tables:
    """The tables and products of one kind of core (`guard` is its macro), or of every core (no guard)."""

    guard: str
    tables: tuple[Table, ...]
    structs: tuple[Struct, ...]

    @property
    def content(self) -> bytes:
        """All tables one after the other, as memory holds them."""
        return b"".join(one.content for one in self.tables)


def all_tables(program: Program, plan: Plan) -> tuple[Tables, list[Tables]]:
    """What every core has, then what each kind of core has besides."""
    products = [s for part in (plan.body, plan.head) for s in part.statements.order if isinstance(s, Product)]
    gathers = [s.op for part in (plan.body, plan.head) for s in part.statements.order if isinstance(s, Gather)]
    wide = [product.op for product in products if headroom(program, product.op) is None]
    common = [*(_embedding(program, op) for op in gathers), *(one for op in wide for one in _wide_tables(program, op))]
    shared = Tables("", tuple(common), tuple(_wide_struct(program, op) for op in wide))
    quick = [product for product in products if headroom(program, product.op) is not None]
    return shared, [_of_layout(program, quick, name) for name in all_layouts()]


def crc(shared: Tables, own: Tables) -> int:
    """CRC-32 of the tables of one kind of core."""
    return zlib.crc32(shared.content + own.content)


def _of_layout(program: Program, products: list[Product], layout_name: str) -> Tables:
    layout = all_layouts()[layout_name]
    tables: list[Table] = []
    structs = []
    for product in products:
        linear = _linear(program, product)
        prefix = f"{program.name}_{product.name}"
        own, struct = linear_in_c(linear, layout, prefix, f"{prefix}_linear")
        tables += own
        structs.append(struct)
    return Tables(layout.guard, tuple(tables), tuple(structs))


def linear_in_c(linear: Linear, layout: Layout, prefix: str, name: str) -> tuple[list[Table], Struct]:
    """The tables of a product on one kind of core, whose names begin with `prefix`, and the `rnn_linear` called so."""
    rows, cols = linear.weight.shape
    held: dict[str, int | str] = {"rows": rows, "cols": cols, "headroom": linear.headroom}
    tables = []
    for key, field in layout.fields(linear).items():
        if isinstance(field, Column):
            tables.append(table(field.ctype, f"{prefix}_{key}", field.content, field.attribute))
        held[key] = f"{prefix}_{key}" if isinstance(field, Column) else field
    return tables, Struct("rnn_linear", name, held)


def _linear(program: Program, product: Product) -> Linear:
    op, rows = product.op, slice(product.begin, product.end)
    weight, bias, _ = (program.constants[name] for name in op.constants)
    own, bits = Requantization(*(column[rows] for column in op_requantization(program, op))), headroom(program, op)
    assert bits is not None
    operand = "s8" if program.values[op.inputs[0]].dtype == "int8" else "s16"
    return Linear(weight[rows].astype("int64"), bias[rows], own.r, own.t + bits, bits, operand, saturates(own))


def _embedding(program: Program, op: Op) -> Table:
    return table("int8_t", f"{program.name}_{op.output}_table", program.constants[op.constants[0]])


def _wide_tables(program: Program, op: Op) -> Iterator[Table]:
    weight, bias, _ = (program.constants[name] for name in op.constants)
    requantization, prefix = op_requantization(program, op), f"{program.name}_{op.output}"
    yield table("int8_t", f"{prefix}_weight", weight)
    yield table("int32_t", f"{prefix}_bias", bias)
    yield table("int16_t", f"{prefix}_multiplier", requantization.r)
    yield table("uint8_t", f"{prefix}_shift", requantization.t)


def _wide_struct(program: Program, op: Op) -> Struct:
    rows, cols = program.constants[op.constants[0]].shape
    prefix = f"{program.name}_{op.output}"
    pointers = {key: f"{prefix}_{key}" for key in ("weight", "bias", "multiplier", "shift")}
    return Struct("rnn_linear64", f"{prefix}_linear", {"rows": rows, "cols": cols, **pointers})
