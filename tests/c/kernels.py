"""Programs that answer requests for kernels (tests/c/*_main.c), compiled for each kind of core that a host can be."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rnn_edge.backends import c
from rnn_edge.paths import FIRMWARE
from rnn_edge.runtimes.c_host import RUNTIMES, CHost, compile_c
from tests.c.builds import usable

HERE = Path(__file__).parent
KERNELS = FIRMWARE / "kernels"
GUARDS = ("RNN_WIDE", "RNN_NARROW")
"""The kinds of core whose kernels are plain C99."""

ENVIRONMENT = {**os.environ, "UBSAN_OPTIONS": "halt_on_error=1"}

Array = NDArray[np.generic]


@dataclass(frozen=True)
class Build:
    """A compiler of this host that takes it for a kind of core."""

    host: CHost
    guard: str

    @property
    def name(self) -> str:
        return f"{self.host.name}-{self.guard}"

    @property
    def flags(self) -> list[str]:
        """Clang takes minutes for unrolled loops in which every check may end the program: ENVIRONMENT has that."""
        return [*(flag for flag in self.host.flags if flag != "-fno-sanitize-recover=all"), f"-D{self.guard}"]


HOSTS = ("c-gcc-O2", "c-clang-O3", "c-gcc-sanitize", "c-clang-sanitize")
BUILDS = [Build(host, guard) for host in RUNTIMES if host.name in HOSTS for guard in GUARDS]


@dataclass(frozen=True)
class Request:
    """One call: arrays in the order in which the program reads them, and the type of `count` results."""

    kernel: str
    n: int
    p: int
    q: int
    inputs: tuple[Array, ...]
    dtype: str
    count: int


class Kernels:
    """A program that answers requests."""

    def __init__(self, binary: Path) -> None:
        self._binary = binary

    def results(self, requests: Sequence[Request]) -> list[list[int]]:
        script = b"".join(
            f"{r.kernel} {r.n} {r.p} {r.q}\n".encode() + b"".join(a.tobytes() for a in r.inputs) for r in requests
        )
        done = subprocess.run([self._binary], input=script, capture_output=True, timeout=300, env=ENVIRONMENT)
        assert done.returncode == 0, done.stderr.decode()[:2000]
        results, start = [], 0
        for request in requests:
            found = np.frombuffer(done.stdout, request.dtype, request.count, start)
            start += found.nbytes
            results.append(found.tolist())
        assert start == len(done.stdout)
        return results

    def element(self, kernel: str, p: int, *inputs: Array, over: int = 0, dtype: str = "i2") -> list[int]:
        """One elementwise call; `over` 1 or 2 writes over the first or second input."""
        n = len(inputs[0])
        (result,) = self.results([Request(kernel, n, p, over, inputs, dtype, n)])
        return result


def compiled(build: Build, program: str, folder: Path) -> Kernels:
    """The program `program`_main.c, which may include headers of `folder`; skips where the compiler is missing."""
    flags = [*c.WARNINGS, *build.flags, f"-I{KERNELS}", f"-I{folder}"]
    sources = [KERNELS / "rnn_kernels.c", HERE / f"{program}_main.c"]
    compile_c(usable(build.host).compiler, flags, sources, folder / program)
    return Kernels(folder / program)
