"""The trace of a function holds as many instructions as QEMU's clock counts; what it loads from flash is told."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from rnn_edge import compilers
from rnn_edge.backends import c
from rnn_edge.bench import cycles, cycles_trace
from rnn_edge.bench.cycles import Kind
from rnn_edge.bench.cycles_decode import Decoder, Pointer
from rnn_edge.bench.cycles_trace import how_to_get, trace
from rnn_edge.board import Board, load
from rnn_edge.errors import MissingError, RnnEdgeError, UserError
from rnn_edge.paths import FIRMWARE
from tests.boards.bundled import bundled

BOARDS = ("qemu-microbit", "mps2-an386", "mps2-an500")
STEPS, LATER_STEPS = 10, 3  # turns of the loop in its first and second call

# 2^10 ns an instruction are at least 16 ticks of SysTick, and a tick more or less of 10,000 nops is under a tenth of an
# instruction in 10,000: differences are exact after rounding.
COUNTED = ("-icount", "shift=10")

PROGRAM = """
#include "power.h"

#define SYST ((volatile uint32_t *)0xE000E010)

static power_state state;
static volatile uint32_t sink, steps = 10;

void loop(void);
void step(void);
void interrupted(void);
void stop_ticking(void);
void reset_handler(void);

extern uint32_t stack_end;
__attribute__((section(".vectors"), used)) static void *const vectors[16] = {
    &stack_end, reset_handler, [15] = stop_ticking};

__attribute__((noinline)) void loop(void)
{
    for (uint32_t i = steps; i > 0; i--)
        sink += i;
}

__attribute__((noinline)) void step(void)
{
    static const int8_t x[POWER_INPUTS] = {100};
    int16_t y[POWER_OUTPUTS];
    power_step(&state, x, y);
    sink = (uint32_t)y[0];
}

static void nothing(void)
{
}

__attribute__((noinline)) static void nops(void)
{
    __asm__ volatile(".rept 10000\\nnop\\n.endr");
}

void stop_ticking(void)
{
    SYST[0] = 0;
}

__attribute__((noinline)) void interrupted(void)
{
    SYST[1] = 3000;
    SYST[2] = 0;
    SYST[0] = 7;
    nops();
}

__attribute__((noinline)) static uint32_t ticks(void (*volatile function)(void))
{
    const uint32_t before = SYST[2];
    function();
    return (before - SYST[2]) & 0xFFFFFF;
}

static void call_host(uint32_t operation, const void *argument)
{
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

static void print(uint32_t number)
{
    char text[] = "00000000\\n";
    for (int i = 7; i >= 0; i--, number >>= 4)
        text[i] = "0123456789abcdef"[number & 15];
    call_host(4, text);
}

void reset_handler(void)
{
    power_reset(&state);
    steps = 10;
    SYST[1] = 0xFFFFFF;
    SYST[2] = 0;
    SYST[0] = 5;
    const uint32_t empty = ticks(nothing);
    print(ticks(nops) - empty);
    print(ticks(loop) - empty);
    print(ticks(step) - empty);
    interrupted();
    steps = 3;
    loop();
    call_host(0x18, (const void *)0x20026);
    for (;;) {
    }
}
"""

LINKER = """
MEMORY { flash : ORIGIN = %#x, LENGTH = %d  ram : ORIGIN = %#x, LENGTH = %d }
SECTIONS {
    .text : { KEEP(*(.vectors)) *(.text*) *(.rodata*) } > flash
    .bss : { *(.data*) *(.bss*) *(COMMON) } > ram
    stack_end = ORIGIN(ram) + LENGTH(ram);
}
"""


@pytest.fixture(scope="module", params=BOARDS)
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Board]:
    """A program without a port that counts a loop and a step, for a board."""
    board, folder = load(request.param), tmp_path_factory.mktemp("bare")
    if how_to_get():
        pytest.skip(f"a trace needs a tool: {how_to_get()[0]}")
    try:
        compiler = compilers.find(board.family, "gcc")
    except MissingError as error:
        pytest.skip(str(error))
    flash, ram = board.memory.flash, board.memory.ram
    texts = {**c.write(bundled("power").program), "main.c": PROGRAM}
    texts["link.ld"] = LINKER % (flash.origin, flash.size, ram.origin, ram.size)
    for name, text in texts.items():
        (folder / name).write_text(text)
    sources = [name for name in texts if name.endswith(".c")]
    flags = ("-std=gnu99", "-O2", "-ffreestanding", "-ffunction-sections", "-Wl,--gc-sections", "-T", "link.ld")
    string = (FIRMWARE / "ports" / "bare" / "string.c").resolve()
    compiler.run([*flags, f"-I{string.parent}", *sources, str(string), *compiler.library, "-o", "bare.elf"], folder)
    return folder / "bare.elf", board


def counted(elf: Path, board: Board) -> dict[str, int]:
    """Instructions of `loop` and `step` by QEMU's clock, with the call of an empty function taken off."""
    assert board.emulator is not None
    machine = ("-machine", board.emulator.machine, "-display", "none", "-monitor", "none", "-serial", "null")
    command = ["qemu-system-arm", *machine, *COUNTED, "-kernel", str(elf)]
    command += ["-semihosting-config", "enable=on,target=native"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    nops, *ticks = (int(line, 16) for line in re.findall(r"^[0-9a-f]{8}$", done.stdout + done.stderr, re.MULTILINE))
    exact = [one * 10_000 / nops for one in ticks]
    assert all(abs(one - round(one)) < 0.25 for one in exact)
    return dict(zip(("loop", "step"), map(round, exact), strict=True))


@pytest.mark.parametrize("function", ["loop", "step"])
def test_every_instruction_is_traced_once(program: tuple[Path, Board], function: str) -> None:
    elf, board = program
    executed = trace(elf, board, function)
    assert len(executed) == counted(elf, board)[function] + 1  # that of the empty function: its return
    assert cycles.histogram(executed).total() == len(executed)
    assert cycles.estimate(executed, board.family.core, 0) > len(executed) / 2


def test_a_loop_is_what_was_written(program: tuple[Path, Board]) -> None:
    executed = trace(*program, "loop")
    counts = cycles.histogram(executed)
    assert counts["branch, taken"] == STEPS - 1
    assert counts["store"] == STEPS
    assert counts["load"] >= STEPS + 1  # sink at each turn, steps
    assert executed == trace(*program, "loop")


def test_a_later_call_is_found(program: tuple[Path, Board]) -> None:
    assert cycles.histogram(trace(*program, "loop", call=2))["branch, taken"] == LATER_STEPS - 1
    with pytest.raises(RnnEdgeError, match="did not call loop and return from it 3 times"):
        trace(*program, "loop", call=3)


def test_loads_from_flash_are_told_from_others(program: tuple[Path, Board]) -> None:
    elf, board = program
    flash, ram = board.memory.flash, board.memory.ram
    executed = trace(elf, board, "step")
    loads = [one for one in executed if one.instruction.kind in (Kind.LOAD, Kind.LOAD_MULTIPLE)]
    constants = [one.flash_data for one in loads if one.flash_data is not None]
    weights = bundled("power").program.constants["gru0_gh_weight"].size
    assert weights <= sum(size for _, size in constants)
    assert len(constants) < len(loads)  # the states are in RAM
    assert all(flash.origin <= start and start + size <= ram.origin for start, size in constants)


def test_wrong_questions_are_told(program: tuple[Path, Board], monkeypatch: pytest.MonkeyPatch) -> None:
    elf, board = program
    with pytest.raises(RnnEdgeError, match="0 symbols power_run, one is needed"):
        trace(elf, board, "power_run")
    for other in ("nucleo-f446re", "qemu-riscv32-virt", "simavr-uno"):
        with pytest.raises(UserError, match=f"Instructions of {other} cannot be traced"):
            trace(elf, load(other), "step")
    monkeypatch.setattr(cycles_trace, "_TIMEOUT_SECONDS", 1)
    with pytest.raises(RnnEdgeError, match="did not call reset_handler and return from it"):
        trace(elf, board, "reset_handler")
    monkeypatch.setattr(cycles_trace, "is_installed", lambda: False)
    with pytest.raises(MissingError, match="pip install 'capstone>=5,<6'"):
        trace(elf, board, "step")


def test_an_interrupted_function_is_refused(program: tuple[Path, Board]) -> None:
    with pytest.raises(RnnEdgeError, match="An interrupt came at 0x"):
        trace(*program, "interrupted")


DECODED = {
    "ldr r0, [r1, #4]": (Kind.LOAD, 1, "r1"),
    "ldr r0, [r1, r2, lsl #2]": (Kind.LOAD, 1, "r1 r2"),
    "ldrsb r0, [r1], #1": (Kind.LOAD, 1, "r1"),
    "ldrd r0, r1, [r2]": (Kind.LOAD_MULTIPLE, 2, "r2"),
    "ldmia r0!, {r1, r2, r3}": (Kind.LOAD_MULTIPLE, 3, "r0"),
    "pop {r4, r5}": (Kind.LOAD_MULTIPLE, 2, "sp"),
    "push {r4, r5, lr}": (Kind.STORE_MULTIPLE, 3, "sp"),
    "stmia r0!, {r1, r2}": (Kind.STORE_MULTIPLE, 2, "r0"),
    "strd r0, r1, [r2]": (Kind.STORE_MULTIPLE, 2, "r2"),
    "strh r0, [r1, r2]": (Kind.STORE, 1, "r1 r2"),
    "smlad r0, r1, r2, r0": (Kind.MULTIPLY, 1, ""),
    "umull r0, r1, r2, r3": (Kind.MULTIPLY, 1, ""),
    "smmulr r0, r1, r2": (Kind.MULTIPLY, 1, ""),
    "muls r0, r1, r0": (Kind.MULTIPLY, 1, ""),
    "sdiv r0, r1, r2": (Kind.DIVIDE, 1, ""),
    "sxtb16 r0, r1, ror #8": (Kind.ALU, 1, ""),
    "ssat r0, #8, r1, asr #4": (Kind.ALU, 1, ""),
    "umaal r0, r1, r2, r3": (Kind.MULTIPLY, 1, ""),
    "uadd8 r0, r1, r2": (Kind.ALU, 1, ""),
    "smuad r0, r1, r2": (Kind.MULTIPLY, 1, ""),
    "bne end": (Kind.BRANCH, 1, ""),
    "bl end": (Kind.CALL, 1, ""),
    "bx lr": (Kind.INDIRECT_JUMP, 1, ""),
    "mov pc, r0": (Kind.INDIRECT_JUMP, 1, ""),
    "tbb [pc, r0]": (Kind.TABLE_JUMP, 1, "pc r0"),
    "dmb": (Kind.SYSTEM, 1, ""),
    "nop": (Kind.ALU, 1, ""),
    "cbz r0, end": (Kind.BRANCH, 1, ""),
}


def test_instructions_are_what_the_assembler_was_given(tmp_path: Path) -> None:
    pytest.importorskip("capstone", reason="pip install 'capstone>=5,<6'")
    try:
        compiler = compilers.find(load("mps2-an386").family, "gcc")
    except MissingError as error:
        pytest.skip(str(error))
    lines = "\n".join(DECODED)
    (tmp_path / "all.s").write_text(f".syntax unified\n.thumb\n.text\n{lines}\nit eq\nmoveq r0, #1\nend: nop\n")
    compiler.run(["all.s", "-nostdlib", "-Wl,-Ttext=0,-e,0", "-o", "all.elf"], tmp_path)
    decoder, address = Decoder(tmp_path / "all.elf"), 0
    for line, (kind, moved, pointers) in DECODED.items():
        found, _ = decoder.at(address)
        assert (found.kind, found.moved, found.pointers) == (kind, moved, frozenset(pointers.split())), line
        address += found.size
    skipped = decoder.at(address)[0], decoder.at(address + 2)[0]
    assert [one.writes for one in skipped] == [frozenset({"itstate"}), frozenset({"r0"})]  # no flags, unlike movs


def test_pointers_are_followed() -> None:
    registers = {number: 0x1000 * number for number in range(15)} | {15: 0x102}
    assert Pointer(4, base=15, offset=8).read(registers) == (0x104 + 8, 4)
    assert Pointer(1, base=2, index=3, shift=2, offset=-1).read(registers) == (0x2000 + 0xC000 - 1, 1)
