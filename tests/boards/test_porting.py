"""docs/porting.md: its C is compiled as the page says, its Arduino sketch also runs, on a simulated Uno."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile

from rnn_edge.backends import c
from rnn_edge.emulators import simavr
from rnn_edge.ir.counters import Counting
from rnn_edge.ir.interpret import Interpreter
from rnn_edge.ir.quantize_input import from_raw

from .avr import NEEDS, UNO, Terminal, image
from .bundled import bundled

PAGE = (Path(__file__).parents[2] / "docs" / "porting.md").read_text()
ARDUINO = simavr.BOOTLOADERS.parent

ARM = pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None, reason="needs arm-none-eabi-gcc: apt install gcc-arm-none-eabi"
)
CORES = pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4"])
STRICT = ("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-Os")

# The declarations that the page uses, as FreeRTOS documents them; the types are those of its port for Cortex-M.
FREERTOS = {
    "FreeRTOS.h": """
#include <stddef.h>
#include <stdint.h>
typedef uint32_t StackType_t;
typedef long BaseType_t;
typedef unsigned long UBaseType_t;
typedef uint32_t TickType_t;
typedef void (*TaskFunction_t)(void *);
#define portMAX_DELAY ((TickType_t)0xffffffffUL)
#define configMINIMAL_STACK_SIZE ((unsigned short)128)
#define configSTACK_DEPTH_TYPE uint16_t
#define INC_FREERTOS_H
""",
    "task.h": """
#ifndef INC_FREERTOS_H
#error "include FreeRTOS.h" must appear in source files before "include task.h"
#endif
typedef struct tskTaskControlBlock *TaskHandle_t;
#define tskIDLE_PRIORITY ((UBaseType_t)0U)
BaseType_t xTaskCreate(TaskFunction_t pxTaskCode, const char *const pcName, const configSTACK_DEPTH_TYPE usStackDepth,
                       void *const pvParameters, UBaseType_t uxPriority, TaskHandle_t *const pxCreatedTask);
""",
    "queue.h": """
#ifndef INC_FREERTOS_H
#error "include FreeRTOS.h" must appear in source files before "include queue.h"
#endif
typedef struct QueueDefinition *QueueHandle_t;
BaseType_t xQueueReceive(QueueHandle_t xQueue, void *const pvBuffer, TickType_t xTicksToWait);
""",
}

# What platform.txt of arduino-core-avr gives to the compilers. DECIMAL_DIG: the core wants it in C++, where Debian's
# gcc 5 does not define it.
IDE = (
    *("-g", "-Os", "-w", "-ffunction-sections", "-fdata-sections", "-flto", "-mmcu=atmega328p", "-DF_CPU=16000000L"),
    *("-DARDUINO=10819", "-DARDUINO_AVR_UNO", "-DARDUINO_ARCH_AVR", "-DDECIMAL_DIG=__DECIMAL_DIG__"),
    *(f"-I{ARDUINO}/cores/arduino", f"-I{ARDUINO}/variants/standard", "-I."),
)
IDE_C = ("-std=gnu11", "-fno-fat-lto-objects")
IDE_CPP = ("-std=gnu++11", "-fpermissive", "-fno-exceptions", "-fno-threadsafe-statics", "-Wno-error=narrowing")
IDE_LINK = ("-Os", "-g", "-flto", "-fuse-linker-plugin", "-Wl,--gc-sections", "-mmcu=atmega328p")


def block(first_line: str) -> str:
    """The block of the page that begins with this line."""
    found = re.search(rf"```\w+\n({re.escape(first_line)}\n.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


def run(folder: Path, *words: str) -> None:
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def exported(folder: Path) -> Path:
    """The folder with a copy of the C of `power`."""
    shutil.copytree(bundled("power").artifacts.c_folder, folder, dirs_exist_ok=True)
    assert sorted(path.name for path in folder.iterdir()) == sorted(c.file_names("power"))
    return folder


def arm(core: str) -> tuple[str, ...]:
    return "arm-none-eabi-gcc", f"-mcpu={core}", "-mthumb", *STRICT


@ARM
@CORES
def test_bare_metal(core: str, tmp_path: Path) -> None:
    exported(tmp_path)
    (tmp_path / "bare_metal.c").write_text(block("/* bare_metal.c */"))
    run(tmp_path, *arm(core), "-c", "bare_metal.c", "power.c", "rnn_kernels.c")


@ARM
@CORES
def test_freertos(core: str, tmp_path: Path) -> None:
    exported(tmp_path)
    (tmp_path / "freertos_task.c").write_text(block("/* freertos_task.c */"))
    for name, text in FREERTOS.items():
        (tmp_path / name).write_text(text)
    run(tmp_path, *arm(core), "-c", "freertos_task.c", "power.c", "rnn_kernels.c")


@ARM
@CORES
def test_what_the_export_needs_and_keeps(core: str, tmp_path: Path) -> None:
    """It calls memcpy, memset and libgcc; it has no data of its own that changes."""
    run(exported(tmp_path), *arm(core), "-c", "power.c", "rnn_kernels.c")
    defined: set[str] = set()
    wanted: set[str] = set()
    for name in ("power.o", "rnn_kernels.o"):
        with (tmp_path / name).open("rb") as file:
            elf = ELFFile(file)
            changing = [one for one in elf.iter_sections() if one["sh_flags"] & SH_FLAGS.SHF_WRITE]
            assert sum(one["sh_size"] for one in changing) == 0
            for symbol in elf.get_section_by_name(".symtab").iter_symbols():
                if symbol["st_info"]["bind"] == "STB_GLOBAL":
                    (wanted if symbol["st_shndx"] == "SHN_UNDEF" else defined).add(symbol.name)
    others = {name for name in wanted - defined if not name.startswith("__aeabi_")}
    assert "memset" in others and others <= {"memcpy", "memset"}


@ARM
@CORES
def test_the_stack_of_a_step(core: str, tmp_path: Path) -> None:
    """The longest chain of calls: step, body, a product in as many functions as the compiler makes of it."""
    run(exported(tmp_path), *arm(core), "-fstack-usage", "-c", "power.c", "rnn_kernels.c")
    lines = [line.split("\t") for line in (tmp_path / "power.su").read_text().splitlines()]
    frames = {place.rpartition(":")[2].partition(".")[0]: int(size) for place, size, _ in lines}
    product = [size for name, size in frames.items() if re.fullmatch(r"rnn_(matvec|rows|four_rows)\w*", name)]
    chain = frames["power_step"] + frames["power_body"] + sum(product)
    scratch = re.search(r"POWER_SCRATCH_BYTES (\d+)", (tmp_path / "power.h").read_text())
    assert scratch is not None and product
    assert 100 < chain - int(scratch[1]) < 160  # "some 150 bytes for calls"


@NEEDS
def test_c99_is_refused_on_an_avr(tmp_path: Path) -> None:
    exported(tmp_path)
    words = ("avr-gcc", "-mmcu=atmega328p", "-Os", "-c", "power.c", "rnn_kernels.c")
    run(tmp_path, *words, "-std=gnu99")
    done = subprocess.run([*words, "-std=c99"], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode != 0 and "__flash" in done.stderr


# the Arduino sketch


@pytest.fixture(scope="module")
def elf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sketch, made as the IDE makes it: of the core's sources, the four files and the .ino."""
    folder = exported(tmp_path_factory.mktemp("power_sketch"))
    (folder / "power_sketch.ino.cpp").write_text("#include <Arduino.h>\n" + block("// power_sketch.ino"))
    core = ARDUINO / "cores" / "arduino"
    of_c = [*core.glob("*.c"), *core.glob("*.S"), folder / "power.c", folder / "rnn_kernels.c"]
    of_cpp = [*core.glob("*.cpp"), folder / "power_sketch.ino.cpp"]
    run(folder, "avr-gcc", "-c", *IDE_C, *IDE, *map(str, of_c))
    run(folder, "avr-g++", "-c", *IDE_CPP, *IDE, *map(str, of_cpp))
    objects = sorted(path.name for path in folder.glob("*.o"))
    run(folder, "avr-gcc", *IDE_LINK, "-o", "power_sketch.elf", *objects, "-lm")
    return folder / "power_sketch.elf"


def days() -> list[tuple[int, int]]:
    """The arguments of each classify(...) of the sketch."""
    found = re.findall(r"^    classify\((-?\d+), (-?\d+)\);", block("// power_sketch.ino"), re.MULTILINE)
    return [(int(night), int(day)) for night, day in found]


def expected_lines() -> list[str]:
    """What the interpreter makes of the same days."""
    program = bundled("power").program
    raw = np.array([[[night if hour < 7 else day] for hour in range(24)] for night, day in days()], dtype=np.int16)
    y, _ = Interpreter(program).run(from_raw(program, raw))
    return ["tables ok", *(f"{scores.argmax()} {' '.join(map(str, scores))}" for scores in y)]


def test_the_page_shows_what_the_interpreter_gives() -> None:
    shown = block("tables ok").splitlines()
    assert shown == expected_lines()
    assert {line[0] for line in shown[1:]} == {"0", "1"}


@NEEDS
def test_the_sketch_prints_what_the_interpreter_gives(elf: Path) -> None:
    with simavr.machine(UNO, image(elf, UNO)) as machine:
        for _ in range(2):  # opening the port resets the board
            terminal = Terminal(machine.uart)
            printed = [terminal.until(b"\r\n").decode() for _ in expected_lines()]
            terminal.close()
            assert printed == [f"{line}\r\n" for line in expected_lines()]


@NEEDS
def test_the_sketch_leaves_the_tables_in_flash(elf: Path) -> None:
    with elf.open("rb") as file:
        sizes = {one.name: one["sh_size"] for one in ELFFile(file).iter_sections()}
    assert 7_500 < sizes[".text"] < 8_700  # "8 KiB of an Uno's flash"
    assert 200 < sizes[".data"] + sizes[".bss"] < 300  # "some 250 bytes of its RAM"


# counting


COUNTED_MAIN = """
#include "power.h"
#include <inttypes.h>
#include <stdio.h>
extern uint32_t steps, saturated_inputs[POWER_INPUTS], saturated[POWER_WATCHED];
extern int8_t lowest[POWER_INPUTS], highest[POWER_INPUTS];
void counted_step(power_state *state, const int16_t raw[POWER_INPUTS], int16_t y[POWER_OUTPUTS]);
int main(void)
{
    static power_state state;
    int16_t y[POWER_OUTPUTS], raw[POWER_INPUTS];
    int count;
    for (int i = 0; i < 8; i++)
        state.h0[i] = i % 2 ? INT16_MAX : INT16_MIN;
    while (scanf("%d", &count) == 1) {
        raw[0] = (int16_t)count;
        counted_step(&state, raw, y);
    }
    printf("%" PRIu32 " %" PRIu32 " %d %d", steps, saturated_inputs[0], lowest[0], highest[0]);
    for (int i = 0; i < POWER_WATCHED; i++)
        printf(" %" PRIu32, saturated[i]);
    return 0;
}
"""


def test_what_the_page_counts_is_what_the_interpreter_counts(tmp_path: Path) -> None:
    program = bundled("power").program
    texts = c.write(program, counts=True) | {"counted.c": block("/* counted.c */"), "main.c": COUNTED_MAIN}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    run(tmp_path, "gcc", *STRICT, "-o", "counted", "main.c", "counted.c", "power.c", "rnn_kernels.c")
    raw = np.random.default_rng(0).integers(-6000, 6000, (50, 1)).astype(np.int16)
    start = [np.where(np.arange(8) % 2, 32767, -32768)[None]]
    counting = Counting(program)
    Interpreter(program).run(from_raw(program, raw)[None], states=start, observe=counting.observe)
    expected = counting.counters()
    sent = "\n".join(map(str, raw[:, 0].tolist()))
    found = subprocess.run([tmp_path / "counted"], input=sent, capture_output=True, text=True, check=True).stdout
    numbers = [expected.steps, *expected.saturated_inputs, *expected.low, *expected.high, *expected.saturated]
    assert list(map(int, found.split())) == numbers and expected.saturated_inputs[0] > 10
