"""Does `<name>_run` get faster where it computes the input products of two steps at once? Build, count, print a table.

`python experiments/two_steps.py` needs gcc for Arm and QEMU. docs/kernels.md has what it found. Measured is the
firmware of `rnn-edge bench`, with a step that computes the input product of the step before as well.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from rnn_edge.backends import c
from rnn_edge.bench import firmware
from rnn_edge.bench.counter import counter_of
from rnn_edge.bench.subjects import Shape, Subject, of_shape
from rnn_edge.board import Board, load
from rnn_edge.build import Variant, build
from rnn_edge.paths import Artifacts

KERNELS = Path(__file__).with_name("two_steps.h")
SHAPES = (Shape("gru", 16, 32), Shape("gru", 64, 128))
BOARDS = ("mps2-an385", "mps2-an386", "mps3-an547")
ONE_STEP, ONE_BY_ONE, AT_ONCE, COMPARED = 1, 2, 3, 4  # PRODUCTS of two_steps.h


@dataclass(frozen=True)
class Cost:
    """Instructions: a whole step, and the input products of two steps, one by one and at once."""

    step: int
    one_by_one: int
    at_once: int

    @property
    def saved(self) -> float:
        """Of each of the two steps."""
        return (self.one_by_one - self.at_once) / 2


def cost(subject: Subject, board: Board) -> Cost:
    """MismatchError where the products at once are not those of the network's own kernel."""
    _count(subject, board, COMPARED)
    step, one_by_one, at_once = (_count(subject, board, products) for products in (ONE_STEP, ONE_BY_ONE, AT_ONCE))
    product = one_by_one - step
    return Cost(step, 2 * product, at_once - step + product)


def _count(subject: Subject, board: Board, products: int) -> int:
    """Instructions of the first step of the self-test."""
    counter = counter_of(board)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        artifacts = Artifacts(folder, subject.name)
        artifacts.c_folder.mkdir(parents=True)
        for name, text in _sources(subject, products).items():
            (artifacts.c_folder / name).write_text(text)
        variant = Variant("speed", main="bench")
        made = build(subject.program, artifacts, board, folder / "made", firmware.link_of(board), "gcc", variant)
        return firmware.run(made.image, board, counter).steps[0]


def _sources(subject: Subject, products: int) -> dict[str, str]:
    """The generated C with the kernels of two_steps.h; file name -> text."""
    program = subject.program
    weight = next(name for name in program.constants if name.endswith("_gx_weight"))
    linear = f"{program.name}_{weight.removesuffix('_weight')}_linear"
    rows, columns = program.constants[weight].shape
    defined = {
        "ROWS": rows,
        "COLUMNS": columns,
        "EVERY_COLUMN(text)": "text " * columns,
        "EVERY_PAIR(text)": "text " * (columns // 2),
        "LINEAR": linear,
        "PRODUCTS": products,
    }
    kernels = "".join(f"#define {name} {value}\n" for name, value in defined.items()) + KERNELS.read_text()
    changes = {
        "#include <string.h>\n": f"#include <string.h>\n{kernels}",
        f"    RNN_WIDENED(x_wide, {columns});\n": "",
        f"    const rnn_operand *const x8 = rnn_widen(x_wide, x, {columns});\n": "",
        f"int16_t gx[{rows}];": f"int16_t gx[{2 * rows}];",
        f"rnn_matvec_s8(gx, x8, &{linear});": "input_products(gx, x);",
    }
    texts, name = c.write(program), f"{program.name}.c"
    text = texts[name]
    for before, after in changes.items():
        assert text.count(before) == 1, f"{before!r} is {text.count(before)} times in the generated C"
        text = text.replace(before, after)
    return texts | {name: text}


def main() -> None:
    print("| network | core | a step | two input products, one by one | at once | saved of a step |")
    print("|---|---|---|---|---|---|")
    for subject in map(of_shape, SHAPES):
        for board in map(load, BOARDS):
            found = cost(subject, board)
            counts = f"{found.step:,} | {found.one_by_one:,} | {found.at_once:,}"
            saved = f"{found.saved:,.0f} ({found.saved / found.step:.1%})"
            print(f"| {subject.title} | {board.family.core} | {counts} | {saved} |", flush=True)


if __name__ == "__main__":
    main()
