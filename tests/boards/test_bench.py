"""The firmware that counts: exact to the instruction, the same every time, on every emulator. And the command."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from rnn_edge import build as build_module
from rnn_edge import compilers
from rnn_edge.backends import c
from rnn_edge.bench import cycles_trace, firmware, history, run, subjects
from rnn_edge.bench.counter import counter_of
from rnn_edge.bench.measurement import Measurement
from rnn_edge.bench.run import Target
from rnn_edge.bench.subjects import Shape, Subject
from rnn_edge.board import all_boards, load
from rnn_edge.errors import MismatchError, MissingError, RnnEdgeError
from tests.boards.bundled import bundled
from tests.boards.command_line import CommandLine

EMULATED = [name for name, board in all_boards().items() if board.emulated]
ONE_OF_EACH_EMULATOR = ("mps2-an386", "qemu-riscv32-virt", "simavr-uno")


@cache
def subject() -> Subject:
    return subjects.of_shape(Shape("gru", 5, 7))


def measured(
    board: str,
    profile: str = "speed",
    laps: bool = False,
    weights_in_ram: bool = False,
    compiler: str | None = None,
) -> Measurement:
    """Skips where the compiler or the emulator is missing."""
    try:
        return run.measure(subject(), Target(load(board), profile, weights_in_ram, compiler), laps)
    except MissingError as error:
        pytest.skip(str(error))


usual = cache(measured)
"""Of the firmware as it is: measured once for all tests that ask."""


@pytest.fixture
def changed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str, str], None]]:
    """Changes text in a source of the next builds: name of the file, a pattern that is there, what stands for it."""
    whole = build_module._sources

    def change(name: str, pattern: str, text: str) -> None:
        def sources(*arguments: object) -> dict[str, str]:
            found = whole(*arguments)  # type: ignore[arg-type]
            new, count = re.subn(pattern, lambda match: text, found[name], count=1)
            assert count == 1, f"{pattern} is not in {name}"
            return found | {name: new}

        monkeypatch.setattr(build_module, "_sources", sources)

    yield change


# counts


@pytest.mark.parametrize("board", EMULATED)
def test_a_step_is_counted(board: str) -> None:
    """The clock is checked with 1,000 instructions in every run, and the outputs of all steps."""
    one = usual(board)
    assert one.macs == 3 * 7 * (5 + 7) and one.largest >= one.mean > one.macs / 16
    assert one.unit == ("cycles" if board.startswith("simavr") else "instructions")


@pytest.mark.parametrize("board", ONE_OF_EACH_EMULATOR)
def test_two_runs_count_the_same(board: str) -> None:
    assert usual(board) == measured(board)


@pytest.mark.parametrize(
    "boards",
    [
        ("lm3s6965evb", "mps2-an385", "qemu-stm32vldiscovery"),  # 12.5, 25 and 24 MHz
        ("mps2-an386", "qemu-netduinoplus2"),  # 25 and 168 MHz
        ("qemu-riscv32-virt", "qemu-hifive1"),
    ],
)
def test_a_core_executes_the_same_on_every_board(boards: tuple[str, ...]) -> None:
    assert len({(one.mean, one.largest, one.sizes) for one in map(usual, boards)}) == 1


@pytest.mark.parametrize("board", ["mps2-an386", "qemu-microbit", "qemu-riscv32-virt"])
def test_what_zig_built_is_counted_too(board: str) -> None:
    one = measured(board, compiler="zig", laps=True)
    assert one.key.startswith(f"{board} speed zig cc 0.") and one.mean > one.macs / 16
    assert sum(lap.count for lap in one.laps) == pytest.approx(one.mean, rel=0.1)


LOOPS = {
    "mps2-an385": ("movs r0, #200\\n 0: subs r0, #1\\n bne 0b", "r0", 1 + 200 * 2),
    "mps3-an547": ("movs r0, #200\\n 0: subs r0, #1\\n bne 0b", "r0", 1 + 200 * 2),
    "qemu-microbit": ("mov r0, #200\\n 0: sub r0, #1\\n bne 0b", "r0", 1 + 200 * 2),
    "qemu-netduinoplus2": ("movs r0, #200\\n 0: subs r0, #1\\n bne 0b", "r0", 1 + 200 * 2),
    "qemu-riscv32-virt": ("li t0, 200\\n 0: addi t0, t0, -1\\n bnez t0, 0b", "t0", 1 + 200 * 2),
    "simavr-uno": ("ldi r24, 200\\n 0: dec r24\\n brne 0b", "r24", 1 + 200 * 3 - 1),  # cycles: the last does not jump
}


@pytest.mark.parametrize("board", LOOPS)
def test_a_loop_counts_what_it_executes(board: str, changed: Callable[[str, str, str], None]) -> None:
    """In place of the 1,000 instructions: the refusal says how many were counted."""
    code, register, count = LOOPS[board]
    changed("bench.c", r"__asm__ volatile\(\"\.rept 1000.*?\);", f'__asm__ volatile("{code}" ::: "{register}", "cc");')
    with pytest.raises(RnnEdgeError, match=rf"^{board} counts {count} for 1,000 instructions"):
        measured(board)


@pytest.mark.parametrize("board", ["mps2-an386", "qemu-riscv32-virt"])
def test_code_that_takes_longer_counts_more_by_as_much(board: str, changed: Callable[[str, str, str], None]) -> None:
    usual = measured(board)
    changed(
        "bench.c",
        r"    model_step\(&state",
        '    __asm__ volatile(".rept 300\\n nop\\n .endr");\n    model_step(&state',
    )
    longer = measured(board)
    assert (longer.mean - usual.mean, longer.largest - usual.largest) == (300, 300)
    assert longer.sizes == usual.sizes


OUTPUTS, STATES = (rf"model_self_test_{name}\[.*\] = \{{\s*-?\d+" for name in ("outputs", "states"))


@pytest.mark.parametrize("board", ONE_OF_EACH_EMULATOR)
def test_a_wrong_output_is_caught(board: str, changed: Callable[[str, str, str], None]) -> None:
    changed("model_self_test.h", OUTPUTS, "model_self_test_outputs[] = { 32767")
    with pytest.raises(MismatchError, match=rf"^Step 1 of the self-test came out wrong on {board}"):
        measured(board)


def test_a_wrong_last_state_is_caught(changed: Callable[[str, str, str], None]) -> None:
    changed("model_self_test.h", STATES, "model_self_test_states[] = { 32767")
    with pytest.raises(MismatchError, match=r"^Step 8 of the self-test came out wrong"):
        measured("mps2-an386")


# the split


@pytest.mark.parametrize("board", ONE_OF_EACH_EMULATOR)
def test_the_split_sums_to_the_whole(board: str) -> None:
    """Within what two builds differ by: the calls between the statements keep the compiler from mixing them."""
    one = measured(board, laps=True)
    assert [lap.equation for lap in one.laps[:-1]] == c.lap_names(subject().program)
    assert all(lap.count > 0 for lap in one.laps)
    assert sum(lap.count for lap in one.laps) == pytest.approx(one.mean, rel=0.02)
    assert replace(one, laps=()) == usual(board)


# cycles


@pytest.fixture
def tracer() -> None:
    ways = cycles_trace.how_to_get()
    if ways:
        pytest.skip(f"a trace needs a tool: {ways[0]}")


@pytest.mark.parametrize("name", ["qemu-microbit", "mps2-an386"])
def test_the_first_step_of_the_self_test_is_traced(name: str, tracer: None, tmp_path: Path) -> None:
    """What is counted besides is the call: arguments and a branch. On Cortex-M0 the second step executes more."""
    board = load(name)
    try:
        made = run._build(subject(), Target(board), tmp_path, laps=False)
    except MissingError as error:
        pytest.skip(str(error))
    counted = firmware.run(made.image, board, counter_of(board)).steps[:2]
    second = cycles_trace.trace(made.image.elf, board, f"{subject().program.name}_step", run._FIRST_STEP + 1)
    found = run._estimate(subject(), made, board)
    assert found is not None and found == run._estimate(subject(), made, board)
    assert 0 < counted[0] - found.instructions == counted[1] - len(second) < 10
    assert counted[0] < counted[1] or name != "qemu-microbit"
    assert found.instructions / 2 < found.cycles < found.waiting < found.cycles * (1 + found.wait_states)


def test_a_core_without_a_model_has_no_estimate(tracer: None) -> None:
    one = run.measure(subject(), Target(load("mps2-an385")), estimates=True)
    assert one == usual("mps2-an385") and one.estimate is None


# bytes


@pytest.mark.parametrize("board", ONE_OF_EACH_EMULATOR)
def test_sizes_are_those_of_the_step(board: str, tmp_path: Path) -> None:
    sizes = usual(board).sizes
    made = run._build(subject(), Target(load(board)), tmp_path, laps=False).footprint
    macs = subject().macs
    assert sizes.state == 2 * 7 and sizes.code == made.flash["code"] and sizes.tables == made.flash["tables"] == 512
    assert macs < sizes.weights < 3 * macs
    assert 2 * 3 * 7 < sizes.stack < made.ram["stack"]


BURN = """\
__attribute__((noinline)) static void burn(void)
{
    volatile uint8_t bytes[600];
    for (uint16_t i = 0; i < sizeof bytes; i++)
        bytes[i] = 1;
}

static void step(void)
{
    burn();
"""


@pytest.mark.parametrize("board", ["mps2-an386", "qemu-microbit", "qemu-riscv32-virt", "simavr-uno"])
def test_the_stack_is_as_deep_as_it_was_written(board: str, changed: Callable[[str, str, str], None]) -> None:
    """600 bytes, and what a call saves in two frames."""
    changed("bench.c", r"static void step\(void\)\n\{\n", BURN)
    assert 600 <= measured(board).sizes.stack <= 600 + 40


def test_weights_may_lie_in_ram() -> None:
    flash, ram = usual("mps2-an386"), usual("mps2-an386", weights_in_ram=True)
    assert ram.sizes.weights == flash.sizes.weights and ram.ram >= flash.ram + flash.sizes.weights
    assert ram.key == flash.key.replace("speed", "speed weights-in-ram")


def test_the_profile_is_compiled_for() -> None:
    speed, size = usual("mps2-an386"), usual("mps2-an386", "size")
    assert "-O2" in speed.flags and "-Os" in size.flags
    assert speed.mean < size.mean and speed.sizes.code > size.sizes.code


# the command


@pytest.fixture
def bench(rnn_edge: CommandLine) -> CommandLine:
    try:
        compilers.find(load("mps2-an386").family)
    except MissingError as error:
        pytest.skip(str(error))
    return rnn_edge


def test_a_model_on_two_boards(bench: CommandLine) -> None:
    table = bench.run("bench", "power", "--board", "mps2-an386", "--board", "qemu-riscv32-virt")
    assert all(len(line) <= 80 for line in table.splitlines() if "  " in line)
    assert re.search(r"^mps2-an386 +Cortex-M4 +[\d,]+ +[\d.]+ +[\d,]+ +[\d,]+ +[\d,]+ +new$", table, re.MULTILINE)
    assert re.search(r"^copies, return +[\d,]+ +\d+% +[\d,]+ +\d+%", table, re.MULTILINE)
    assert bundled("power").program.hash[:12] in table
    assert not (bench.folder / "benchmarks").exists()


def test_a_measurement_is_stored_and_compared(bench: CommandLine) -> None:
    words = ("bench", "--cell", "simple_rnn", "--inputs", "3", "--units", "4", "--board", "mps2-an386")
    assert "has no measurement of these boards" in bench.refused(*words, "--check")
    bench.run(*words, "--store")
    assert "1 measurement compared; 0 numbers grew by more than 2 %." in bench.run(*words, "--check")
    path = bench.folder / "benchmarks" / "simple_rnn_3x4.json"
    described = json.loads(path.read_text())
    described["measurements"][0]["mean"] = int(described["measurements"][0]["mean"] / 1.03)
    path.write_text(json.dumps(described))
    output, _ = bench.ended(bench.start(*words, "--check"), code=1)
    assert re.search(
        r"^mps2-an386 speed .*: instructions a step [\d,]+ before, [\d,]+ now \(\+3\.\d %\)$", output, re.MULTILINE
    )


def test_json_is_what_is_stored(bench: CommandLine) -> None:
    words = ("bench", "--cell", "gru", "--inputs", "3", "--units", "4", "--board", "mps2-an386", "--profile", "both")
    printed = json.loads(bench.run(*words, "--store", "--json"))
    stored = json.loads((bench.folder / "benchmarks" / "gru_3x4.json").read_text())["measurements"]
    assert sorted(printed["gru_3x4"], key=lambda one: one["profile"]) == sorted(stored, key=lambda one: one["profile"])
    assert history.load(bench.folder / "benchmarks", "gru_3x4") is not None


def test_estimated_cycles_are_shown_and_stored(bench: CommandLine, tracer: None) -> None:
    words = ("bench", "power", "--board", "mps2-an386", "--board", "mps2-an385", "--cycles", "--store")
    table = bench.run(*words)
    row = re.search(r"^mps2-an386 +Cortex-M4 +-O2 +([\d,]+) +([\d,]+) +([\d,]+) \(5\)$", table, re.MULTILINE)
    assert row is not None and all(len(line) <= 80 for line in table.splitlines() if "  " in line)
    entry = history.load(bench.folder / "benchmarks", "power")
    assert entry is not None
    first, second = (
        one.estimate for one in sorted(entry.measurements.values(), key=lambda one: one.core, reverse=True)
    )
    assert first is not None and second is None
    assert row.groups() == tuple(f"{count:,}" for count in (first.instructions, first.cycles, first.waiting))


def test_without_emulator_the_way_to_get_it_is_said(bench: CommandLine) -> None:
    with bench.without("unicorn", programs=("arm-none-eabi-gcc",)):
        sentence = bench.refused("bench", "power", "--board", "mps2-an386", code=3)
    assert "qemu-system-arm is not installed; get it with `apt install qemu-system-arm`" in sentence


def test_weights_of_an_avr_stay_in_flash(bench: CommandLine) -> None:
    sentence = bench.refused("build", "power", "--board", "simavr-uno", "--weights-in-ram")
    assert "The weights stay in flash on AVR ATmega328P; build without --weights-in-ram." in sentence


def test_a_profile_is_built_and_flashed(bench: CommandLine) -> None:
    said = bench.run("build", "power", "--board", "mps2-an386", "--profile", "speed", "--weights-in-ram")
    assert "Next: rnn-edge flash power --board mps2-an386 --profile speed --weights-in-ram" in said
    flags = json.loads((bench.folder / "build" / "power" / "boards" / "mps2-an386" / "build.json").read_text())["flags"]
    assert "-O2" in flags and "-Os" not in flags and "-DRNN_WEIGHTS_IN_RAM" in flags
    said = bench.run("flash", "power", "--board", "mps2-an386", "--profile", "speed", "--weights-in-ram")
    assert "tables ok self-test ok" in said
