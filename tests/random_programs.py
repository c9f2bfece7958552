"""Random legal programs: operations in any order, views of views, states that swap, delay or take the input."""

from __future__ import annotations

import random

import numpy as np
from numpy.typing import NDArray

from rnn_edge.ir.check import check
from rnn_edge.ir.program import Op, Program, State, Value

FRACTION = 12
"""Everything but gates is at 2^-12, so that most pairs of values can be added."""

KINDS = (
    *("matvec", "matvec", "add", "add", "sub", "mul", "mul", "rescale", "shift", "sigmoid", "tanh", "relu", "maximum"),
    *("slice", "slice", "concat", "widen", "int8 slice"),
)


class _Maker:
    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.values: dict[str, Value] = {}
        self.constants: dict[str, NDArray[np.generic]] = {}
        self.ops: list[Op] = []

    def define(self, name: str, size: int, dtype: str = "int16", scale: float = 2.0**-FRACTION) -> str:
        self.values[name] = Value(name, dtype, size, scale)
        return name

    def matvec(self, name: str, x: str, rows: int) -> None:
        constants = f"{name}_weight", f"{name}_bias", f"{name}_scale"
        rng = np.random.default_rng(self.rng.getrandbits(32))
        size = self.values[x].size
        arrays = (
            rng.integers(-127, 128, (rows, size)).astype(np.int8),
            rng.integers(-1000, 1000, rows),
            np.full(rows, 2.0**-8, dtype=np.float32),
        )
        self.constants.update(zip(constants, arrays, strict=True))
        self.ops.append(Op("matvec", self.define(name, rows), (x,), constants))

    def op(self, name: str, kind: str, readable: list[str]) -> bool:
        """Append an operation of this kind on readable values, where there are values that fit."""
        wide = [v for v in readable if self.values[v].dtype == "int16"]
        x = self.rng.choice(readable if kind == "matvec" else wide)
        value = self.values[x]
        like = [v for v in wide if self.values[v].size == value.size]
        b = self.rng.choice(like or [x])
        match kind:
            case "matvec":
                self.matvec(name, x, self.rng.randint(1, 5))
            case "add" | "sub" | "maximum" if value.scale == self.values[b].scale:
                self.ops.append(Op(kind, self.define(name, value.size, scale=value.scale), (x, b)))
            case "mul" if value.fraction + self.values[b].fraction > FRACTION:
                self.ops.append(Op(kind, self.define(name, value.size), (x, b)))
            case "rescale":
                self.ops.append(Op(kind, self.define(name, value.size, "int8", value.scale * 256), (x,)))
            case "shift" if value.fraction > 8:
                self.ops.append(Op(kind, self.define(name, value.size, scale=value.scale * 16), (x,)))
            case "concat":
                y = self.rng.choice([v for v in wide if self.values[v].scale == value.scale])
                size = value.size + self.values[y].size
                self.ops.append(Op(kind, self.define(name, size, scale=value.scale), (x, y)))
            case "widen" | "int8 slice" if "x" in readable and self.values["x"].dtype == "int8":
                whole = self.values["x"]
                if kind == "widen":
                    self.ops.append(Op(kind, self.define(name, whole.size), ("x",)))
                else:
                    begin = self.rng.randrange(whole.size)
                    size = self.rng.randint(1, whole.size - begin)
                    self.ops.append(Op("slice", self.define(name, size, "int8"), ("x",), (), begin))
            case "relu":
                self.ops.append(Op(kind, self.define(name, value.size, scale=value.scale), (x,)))
            case "sigmoid" | "tanh" if value.fraction <= 12:
                self.ops.append(Op(kind, self.define(name, value.size, scale=2.0**-15), (x,)))
            case "slice":
                begin = self.rng.randrange(value.size)
                size = self.rng.randint(1, value.size - begin)
                self.ops.append(Op(kind, self.define(name, size, scale=value.scale), (x,), (), begin))
            case _:
                return False
        return True


def random_program(seed: int, name: str = "random") -> Program:
    """A legal program of up to 20 operations with one to three states, the output at every step or after the last."""
    rng = random.Random(seed)
    maker = _Maker(rng)
    wide_input, every_step = rng.random() < 0.5, rng.random() < 0.5
    x = maker.define("x", rng.randint(1, 4), "int16" if wide_input else "int8")
    states = [maker.define(f"s{i}", rng.randint(1, 4)) for i in range(rng.randint(1, 3))]
    readable = [x, *states]
    for index in range(rng.randint(1, 14)):
        if maker.op(f"v{index}", rng.choice(KINDS), readable):
            readable.append(f"v{index}")
    following = []
    for index, state in enumerate(states):
        value = maker.values[state]
        fits = [v for v in readable if _format(maker.values[v]) == _format(value)]
        if len(fits) == 1 or rng.random() < 0.4:
            maker.matvec(f"n{index}", rng.choice(readable), value.size)
            readable.append(f"n{index}")
            fits = [f"n{index}"]
        following.append(rng.choice(fits))
    body_ops = len(maker.ops)
    if not body_ops:
        maker.matvec("v", x, 2)
        readable.append("v")
        body_ops = 1
    if not every_step:
        readable = list(dict.fromkeys(following))
        for index in range(rng.randint(0, 5)):
            if maker.op(f"y{index}", rng.choice(KINDS), readable):
                readable.append(f"y{index}")
    maker.constants["input_mean"] = np.zeros(maker.values[x].size)
    maker.constants["input_deviation"] = np.ones(maker.values[x].size)
    return check(
        Program(
            name=name,
            scheme="int16x8" if wide_input else "int8",
            values=maker.values,
            constants=maker.constants,
            ops=tuple(maker.ops),
            body_ops=body_ops,
            input=x,
            states=tuple(
                State(old, new, rng.choice([0, 0, -32768, 5])) for old, new in zip(states, following, strict=True)
            ),
            output=rng.choice(readable[-3:]),
            every_step=every_step,
            softmax=False,
            classes=(),
            raw_unit=1.0,
        )
    )


def _format(value: Value) -> tuple[str, int, float]:
    return value.dtype, value.size, value.scale
