"""What a statement computes, in the words of the cell's equations, for the comments of a step function."""

from __future__ import annotations

import re

from ..ir.plan import Part
from ..ir.program import Op, Program
from ..ir.statements import Loop, Product, Statement
from .c_names import layers, short
from .c_text import WIDTH

FORMS = {
    "matvec": "W {a} + b",
    "add": "{a} + {b}",
    "sub": "{a} - {b}",
    "mul": "{a} * {b}",
    "rescale": "{a} in 8 bits",
    "shift": "{a} in coarser steps",
    "sigmoid": "sigmoid({a})",
    "tanh": "tanh({a})",
    "relu": "max({a}, 0)",
    "maximum": "max({a}, {b})",
    "concat": "{a}, {b}",
    "widen": "{a} in 16 bits",
    "gather": "table[{a}]",
}
"""Every kind but slice, which has the name of its own."""

_TEMPORARY = re.compile(r"\w+_t\d+")


class Equations:
    """Equations of a part; a value without a name of its own is said by the term that it stands for."""

    def __init__(self, program: Program, part: Part) -> None:
        self.layers = layers(program, part)
        self._ops = {op.output: op for op in program.ops}
        is_state = program.output in (state.next for state in program.states)
        self._output = "" if is_state else program.output

    def of(self, op: Op) -> str:
        """`name = term`."""
        return f"{self.said(op.output)} = {self._term(op)}"

    def product(self, product: Product) -> str:
        """`gx = W x + b`, or what it adds."""
        x = self.said(product.op.inputs[0])
        name = short(product.name, self.layers.get(product.op.output, ""))
        if not product.adds:
            return f"{'y' if product.name == self._output else name} = W {x} + b"
        return f"{name} = W {x} + b, added to {short(product.target.array, self.layers.get(product.op.output, ''))}"

    def comment(self, loop: Loop, indent: int) -> list[str]:
        """The equations of a loop, one a line."""
        lines = [self.of(op) for op in loop.ops if not _TEMPORARY.fullmatch(op.output)]
        lines = [line if len(line) + indent + 6 <= WIDTH else f"{line[: WIDTH - indent - 9]}..." for line in lines]
        space = " " * indent
        if len(lines) == 1:
            return [f"{space}/* {lines[0]} */"]
        return [f"{space}/* {lines[0]}", *(f"{space} * {line}" for line in lines[1:-1]), f"{space} * {lines[-1]} */"]

    def summary(self, statement: Statement) -> str:
        if isinstance(statement, Product):
            return self.product(statement)
        named = [op for op in statement.ops if not _TEMPORARY.fullmatch(op.output)]
        return self.of(named[0]) if len(named) == 1 else ", ".join(self.said(op.output) for op in named)

    def said(self, name: str) -> str:
        """A value: its name, or the term that one without a name stands for."""
        if name == self._output:
            return "y"
        if _TEMPORARY.fullmatch(name) and name in self._ops:
            return self._term(self._ops[name])
        return short(name, self.layers.get(name, ""))

    def _term(self, op: Op) -> str:
        terms = [self._operand(op.kind, index, name) for index, name in enumerate(op.inputs)]
        return FORMS[op.kind].format(**dict(zip("ab", terms, strict=False)))

    def _operand(self, kind: str, index: int, name: str) -> str:
        term = self.said(name)
        is_sum = " + " in term or " - " in term
        nested = kind == "mul" or (index == 1 and kind in ("add", "sub"))
        return f"({term})" if is_sum and nested and _TEMPORARY.fullmatch(name) else term
