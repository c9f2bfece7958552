"""The device firmware on small cores: no warning, and what it takes of flash and RAM besides the network."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from rnn_edge.backends import c
from rnn_edge.paths import FIRMWARE
from rnn_edge.runtimes.c_host import compile_c
from tests.c.devices import device_files
from tests.networks import STACKS, Network, program

PAYLOAD = 128
FLASH_BYTES = 3072
RAM_BYTES = 2 * (PAYLOAD + 8) + 40  # a request, an answer, and a few words; the states of the network come on top

BARE = ("-ffreestanding", f"-I{FIRMWARE / 'ports' / 'bare'}")
CORES = {
    "cortex-m0": ("arm-none-eabi-gcc", "gcc-arm-none-eabi", ("-mcpu=cortex-m0", "-mthumb")),
    "cortex-m4": ("arm-none-eabi-gcc", "gcc-arm-none-eabi", ("-mcpu=cortex-m4", "-mthumb")),
    "rv32imc": (
        "riscv64-unknown-elf-gcc",
        "gcc-riscv64-unknown-elf",
        ("-march=rv32imc", "-mabi=ilp32", *BARE),
    ),
    "atmega328p": ("avr-gcc", "gcc-avr avr-libc", ("-mmcu=atmega328p", "-std=gnu99", "-Wno-pedantic")),
}


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("network", [STACKS[0], STACKS[1], STACKS[3]], ids=lambda network: network.id)
def test_flash_and_ram(core: str, network: Network, tmp_path: Path) -> None:
    compiler, package, flags = CORES[core]
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is missing: apt install {package}")
    made = program(network)
    for name, text in device_files(made).items():
        (tmp_path / name).write_text(text)
    macros = ('-DDEVICE_CORE="Cortex-M4"', f"-DDEVICE_PAYLOAD={PAYLOAD}", "-DPORT_CLOCK_HZ=16000000")
    includes = (f"-I{tmp_path}", f"-I{FIRMWARE / 'device'}")
    target = tmp_path / "device.o"
    compile_c(
        compiler, (*c.WARNINGS, "-Os", *flags, *macros, *includes, "-c"), [FIRMWARE / "device" / "device.c"], target
    )
    size = subprocess.run([compiler.replace("gcc", "size"), target], capture_output=True, text=True, check=True).stdout
    code, data, bss = map(int, re.findall(r"\d+", size.splitlines()[1])[:3])
    states = 2 * sum(made.values[state.name].size for state in made.states)
    assert code + data < FLASH_BYTES
    assert data + bss <= RAM_BYTES + 2 * states
