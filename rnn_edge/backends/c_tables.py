"""The constant tables of a program in C: those of every core, and those whose layout depends on the core."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..ir.headroom import headroom, saturates
from ..ir.ops import Requantization, op_requantization
from ..ir.plan import Plan
from ..ir.program import Op, Program
from ..ir.replies import packed as packed_replies
from ..ir.statements import Move, Product
from .c_products import Kernel, gather_kernel, kernel_of, table_name
from .c_text import Table, string_literal, table
from .layouts import Column, Layout, Linear, all_layouts
from .nibbles import packed_table


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
    statements = [s for part in (plan.body, plan.head) for s in part.statements.order]
    products = list({table_name(s): s for s in reversed(statements) if isinstance(s, Product)}.values())[::-1]
    gathers = [s.op for s in statements if isinstance(s, Move) and s.op.kind == "gather"]
    kernels = [(product, kernel_of(program, product.op)) for product in products]
    rare = [_wide(program, product) for product, kernel in kernels if kernel is Kernel.WIDE]
    common = [*(_embedding(program, op) for op in gathers), *(one for tables, _ in rare for one in tables)]
    common += [_replies(program)] if program.replies else []
    shared = Tables("", tuple(common), tuple(struct for _, struct in rare))
    own = [(product, kernel) for product, kernel in kernels if kernel is not Kernel.WIDE]
    return shared, [_of_layout(program, own, layout) for layout in all_layouts().values()]


def crc(shared: Tables, own: Tables) -> int:
    """CRC-32 of the tables of one kind of core."""
    return zlib.crc32(shared.content + own.content)


def _of_layout(program: Program, products: Sequence[tuple[Product, Kernel]], layout: Layout) -> Tables:
    tables: list[Table] = []
    structs = []
    for product, kernel in products:
        linear = _linear(program, product)
        prefix = f"{program.name}_{table_name(product)}"
        own, struct = linear_in_c(linear, layout, prefix, f"{prefix}_linear", kernel)
        tables += own
        structs.append(struct)
    return Tables(layout.guard, tuple(tables), tuple(structs))


def linear_in_c(
    linear: Linear, layout: Layout, prefix: str, name: str, kernel: Kernel = Kernel.FAST
) -> tuple[list[Table], Struct]:
    """The tables of a product on one kind of core, whose names begin with `prefix`, and the `rnn_linear` called so.

    `kernel`: FAST, or PACKED for an `rnn_linear4`.
    """
    rows, cols = linear.weight.shape
    held: dict[str, int | str] = {"rows": rows, "cols": cols, "headroom": linear.headroom}
    tables = []
    fields = layout.packed if kernel is Kernel.PACKED else layout.fields
    for key, field in fields(linear).items():
        if isinstance(field, Column):
            tables.append(table(field.ctype, f"{prefix}_{key}", field.content, field.attribute))
        held[key] = f"{prefix}_{key}" if isinstance(field, Column) else field
    return tables, Struct(f"rnn_linear{kernel}", name, held)


def _linear(program: Program, product: Product) -> Linear:
    op, rows = product.op, slice(product.begin, product.end)
    weight, bias, _ = (program.constants[name] for name in op.constants)
    own, bits = Requantization(*(column[rows] for column in op_requantization(program, op))), headroom(program, op)
    assert bits is not None
    operand = "s8" if program.values[op.inputs[0]].dtype == "int8" else "s16"
    return Linear(weight[rows].astype("int64"), bias[rows], own.r, own.t + bits, bits, operand, saturates(own))


def _embedding(program: Program, op: Op) -> Table:
    elements, name = program.constants[op.constants[0]], f"{program.name}_{op.output}_table"
    if gather_kernel(elements):
        return table("uint8_t", name, packed_table(elements))
    return table("int8_t", name, elements)


def _replies(program: Program) -> Table:
    content = packed_replies(program.replies)
    # The literal itself brings the last zero.
    texts = [*(f"{text}\0" for text in program.replies[:-1]), program.replies[-1]]
    lines = "\n".join(f"    {string_literal(text)}" for text in texts)
    return Table("char", f"{program.name}_replies", lines, str(len(content)), content)


def _wide(program: Program, product: Product) -> tuple[list[Table], Struct]:
    """The same on every core."""
    weight, bias, _ = (program.constants[name] for name in product.op.constants)
    requantization = op_requantization(program, product.op)
    columns = {
        "weight": Column("int8_t", weight),
        "bias": Column("int32_t", bias),
        "multiplier": Column("int16_t", requantization.r),
        "shift": Column("uint8_t", requantization.t),
    }
    prefix = f"{program.name}_{table_name(product)}"
    cols = program.constants[product.op.constants[0]].shape[1]
    sizes = {"rows": product.end - product.begin, "cols": cols}
    tables = [table(column.ctype, f"{prefix}_{key}", column.content) for key, column in columns.items()]
    pointers = {key: f"{prefix}_{key}" for key in columns}
    return tables, Struct(f"rnn_linear{Kernel.WIDE}", f"{prefix}_linear", {**sizes, **pointers})
