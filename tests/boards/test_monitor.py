"""monitor on emulated boards: the classes that the interpreter gives, and sentences for all that is no step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile

from rnn_edge.ir.interpret import InterpreterSession
from rnn_edge.ir.quantize_input import from_float
from rnn_edge.outputs import decide, dequantize
from tests.boards.bundled import bundled
from tests.boards.command_line import CommandLine

BOARD = "mps2-an386"
SEQUENCES = [[-1.2, -0.9, 0.4, 1.3, 0.8], [0.5, 0.7, -0.3], [1.9, -1.9]]
LINES = "\ufeff# hours\n\n" + "\n\n\n".join("\n# one more\n".join(map(str, x)) for x in SEQUENCES) + " # the last\n"

QEMU_COUNTS = "QEMU counts time of this computer as cycles, not the work of a core."
UNICORN_COUNTS = "unicorn counts no cycles."


def decisions() -> Iterator[tuple[int, str]]:
    """Number and class of every step of SEQUENCES."""
    program = bundled("power").program
    for sequence in SEQUENCES:
        states = [np.zeros(program.values[state.name].size, dtype=np.int64) for state in program.states]
        for number, x in enumerate(sequence, 1):
            y, states = InterpreterSession(program).step(from_float(program, np.array([x])), states)
            yield number, program.classes[int(decide(program, dequantize(program, y)))]


def shown(said: str) -> list[tuple[int, str, str]]:
    """Number, cycles and class of every step."""
    rows = [line.split() for line in said.partition("output\n")[2].splitlines()]
    return [(int(number), cycles, name) for number, cycles, name, *_ in rows]


def monitored(rnn_edge: CommandLine, *words: str | Path, board: str = BOARD, sent: str = LINES) -> Sequence[str]:
    """The cycles of every step, whose classes are right."""
    said = rnn_edge.run("monitor", "--board", board, *words, sent=sent)
    assert [(number, name) for number, _, name in shown(said)] == list(decisions())
    assert all(len(line) <= 80 for line in said.splitlines())
    has = [sentence for sentence in (QEMU_COUNTS, UNICORN_COUNTS) if sentence in said.splitlines()]
    return [*has, *(cycles for _, cycles, _ in shown(said))]


def test_from_standard_input_and_from_a_file(rnn_edge: CommandLine, tmp_path: Path) -> None:
    rnn_edge.run("flash", "power", "--board", BOARD)
    sentence, *cycles = monitored(rnn_edge)
    assert sentence == QEMU_COUNTS and all(int(text.replace(",", "")) > 0 for text in cycles)
    (tmp_path / "steps.txt").write_text(LINES)
    assert monitored(rnn_edge, "--input", tmp_path / "steps.txt", sent="")[0] == QEMU_COUNTS


def test_unicorn_counts_nothing(rnn_edge: CommandLine) -> None:
    rnn_edge.run("flash", "power", "--board", BOARD, "--tool", "unicorn")
    with rnn_edge.without():
        assert monitored(rnn_edge) == [UNICORN_COUNTS, *"-" * 10]


def test_simavr_counts_the_cycles_of_the_chip(rnn_edge: CommandLine) -> None:
    rnn_edge.run("flash", "power", "--board", "simavr-uno")
    cycles = [int(text.replace(",", "")) for text in monitored(rnn_edge, board="simavr-uno")]
    assert all(30_000 < count < 50_000 for count in cycles)


def test_lines_that_are_no_step(rnn_edge: CommandLine) -> None:
    rnn_edge.run("flash", "power", "--board", BOARD, "--tool", "qemu")
    for line, said in {
        "0.5 0.5": "has 2 values; a step of power has 1.",
        "much": "is no step: 'much' is no number; give 1 number a line.",
        "0.5\udcff": "is no step: '0.5\ufffd' is no number; give 1 number a line.",
    }.items():
        command = rnn_edge.start("monitor", "--board", BOARD)
        output, complaints = rnn_edge.ended(command, f"-1.2\n-0.9\n{line}\n0.4\n", code=2)
        assert complaints == f"rnn-edge: Line 3 {said}\n"
        assert [number for number, _, _ in shown(output)] == [1, 2]


def test_before_anything_was_flashed(rnn_edge: CommandLine) -> None:
    sentence = rnn_edge.refused("monitor", "--board", BOARD)
    assert f"Nothing was flashed to {BOARD} yet; run `rnn-edge flash MODEL --board {BOARD}`." in sentence


def test_after_the_model_was_exported_anew(rnn_edge: CommandLine) -> None:
    rnn_edge.run("flash", "power", "--board", BOARD, "--tool", "qemu")
    rnn_edge.run("export", "power", "--format", "c", "--scheme", "int16x8")
    sentence = rnn_edge.refused("monitor", "--board", BOARD, sent="1\n")
    assert f"The board runs program {bundled('power').program.hash[:12]} of power, which is not in" in sentence


def spoil(elf: Path, wanted: str) -> None:
    """Change one byte in the middle of the first constant with such a name."""
    with elf.open("r+b") as file:
        found = ELFFile(file)
        symbols = found.get_section_by_name(".symtab").iter_symbols()
        symbol = next(one for one in symbols if wanted in one.name and one["st_info"]["type"] == "STT_OBJECT")
        section = found.get_section(symbol["st_shndx"])
        place = section["sh_offset"] + symbol["st_value"] - section["sh_addr"] + symbol["st_size"] // 2
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ 0x10]))


@pytest.mark.parametrize(
    ("constant", "said"),
    [
        ("words", f"The tables in the flash of {BOARD} are damaged"),
        ("self_test_outputs", "The built-in vectors came out wrong"),
    ],
)
def test_damaged_firmware(constant: str, said: str, rnn_edge: CommandLine) -> None:
    rnn_edge.run("flash", "power", "--board", BOARD, "--tool", "qemu")
    spoil(rnn_edge.folder / "build" / ".boards" / BOARD / "firmware.elf", constant)
    assert said in rnn_edge.refused("monitor", "--board", BOARD, sent="1\n", code=1)
    rnn_edge.run("flash", "power", "--board", BOARD, "--tool", "qemu")
    assert len(shown(rnn_edge.run("monitor", "--board", BOARD, sent="1\n"))) == 1
