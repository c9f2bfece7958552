"""The device firmware as a process: device.c on the host port."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np

from rnn_edge.backends import c, c_features
from rnn_edge.ir.counters import Counters
from rnn_edge.ir.program import Program
from rnn_edge.link import Link
from rnn_edge.link.transports import PipeTransport
from rnn_edge.paths import FIRMWARE
from rnn_edge.runtimes.c_host import compile_c
from tests.c.builds import BUILDS, inputs, usable

PAYLOAD = 256
CORE = "host"
HOST = ("device/device.c", "ports/host/port.c")

Files = dict[str, str]


def device_files(made: Program, limits: Counters | None = None) -> Files:
    """All that is generated for the firmware of a network; with `limits`, those of calibration, for one that counts."""
    x = inputs(made, 16, np.random.default_rng(5))
    files = c.write(made, counts=limits is not None)
    files |= {"model_binding.h": c.binding(made), "model_self_test.h": c.self_test(made, x)}
    if c_features.hears(made):
        files |= c_features.of_program(made) | {"ears_binding.h": c_features.ears_binding(made)}
    return files if limits is None else files | {"model_counters.h": c.limits(made, limits)}


def build_device(
    made: Program,
    folder: Path,
    compiler: str = "gcc",
    payload: int = PAYLOAD,
    change: Callable[[Files], None] = lambda files: None,
    limits: Counters | None = None,
) -> Path:
    """The firmware under both sanitizers, its generated files changed before it is compiled.

    With `limits`, those of calibration, it counts what saturates.
    """
    build = usable(BUILDS[f"c-{compiler}-sanitize"])
    files = device_files(made, limits)
    change(files)
    for name, text in files.items():
        (folder / name).write_text(text)
    macros = [f'-DDEVICE_CORE="{CORE}"', f"-DDEVICE_PAYLOAD={payload}", "-DPORT_CLOCK_HZ=1000000000"]
    sources = [*(folder / name for name in files if name.endswith(".c")), *(FIRMWARE / name for name in HOST)]
    for folder_name, macro, wanted in (
        ("counters", "DEVICE_COUNTING", limits is not None),
        ("ears", "DEVICE_HEARS", c_features.hears(made)),
    ):
        if wanted:
            macros += [f"-D{macro}", f"-I{FIRMWARE / folder_name}"]
            sources.append(FIRMWARE / folder_name / f"{folder_name}.c")
    binary = folder / f"device-{compiler}-{payload}"
    flags = (*c.WARNINGS, *build.flags, *macros, f"-I{folder}", f"-I{FIRMWARE / 'device'}")
    compile_c(compiler, flags, sources, binary)
    return binary


def start(binary: Path) -> Link:
    process = subprocess.Popen([binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    return Link(PipeTransport(process))


def frames_of(binary: Path, sent: bytes) -> list[bytes]:
    """What the firmware says to all that is sent at once, split at zeros: the banner, then coded answers."""
    done = subprocess.run([binary], input=sent, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr.decode()[:2000]
    return [coded for coded in done.stdout.split(b"\0") if coded]
