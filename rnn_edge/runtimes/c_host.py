"""The generated C on this machine: gcc and clang at four levels of optimization, and under their sanitizers."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ..backends import c
from ..errors import RnnEdgeError
from ..ir.arithmetic import IntArray
from ..ir.program import Program
from ..paths import FIRMWARE, Artifacts
from ..processes import compiler_complaint
from ..vectors import Command, Moment, from_hex, read_results, single_steps, write_commands
from . import Contract, Found, Missing, Played

SANITIZE = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
TIMEOUT_SECONDS = 600

COMPILERS = {"gcc": "libgcc-{major}-dev", "clang": "libclang-rt-{major}-dev"}
"""Compiler -> the package that holds its sanitizers."""


@dataclass(frozen=True)
class CHost:
    """One compiler with its flags; exact, as every build of the C has to be."""

    compiler: str
    level: str
    flags: tuple[str, ...]

    contract = Contract.EXACT
    format = "c"

    @property
    def name(self) -> str:
        return f"c-{self.compiler}-{self.level}"

    def find(self) -> Found | Missing:
        version = _version(self.compiler)
        if version is None:
            return Missing(f"apt install {self.compiler}")
        if self.flags == SANITIZE and not _links(self.compiler, SANITIZE):
            return Missing(f"apt install {COMPILERS[self.compiler].format(major=version.partition('.')[0])}")
        return Found(version)

    def play(self, program: Program, artifacts: Artifacts, commands: Sequence[Command]) -> Played:
        with tempfile.TemporaryDirectory() as folder:
            binary = self.build(program, artifacts.c_folder, Path(folder))
            started = time.perf_counter()
            lines = self._run(binary, write_commands(program, commands))
            seconds = time.perf_counter() - started
        return Played(read_results(program, commands, lines), seconds)

    def trace(self, program: Program, moments: Sequence[Moment]) -> list[dict[str, IntArray]]:
        with tempfile.TemporaryDirectory() as folder:
            for name, text in c.write(program, trace=True).items():
                (Path(folder) / name).write_text(text)
            binary = self.build(program, Path(folder), Path(folder), "trace.c")
            lines = iter(self._run(binary, write_commands(program, single_steps(moments))))
        traces = []
        for x, states in moments:
            values = {program.input: x}
            values |= {state.name: array for state, array in zip(program.states, states, strict=True)}
            for line in lines:
                if not line.startswith("value "):
                    break
                _, name, text = line.split()
                values[name] = from_hex(text, program.values[name], 1)
            traces.append(values)
        return traces

    def build(self, program: Program, sources: Path, folder: Path, *harness: str) -> Path:
        """The harness with the model of `sources`, compiled into `folder`; RnnEdgeError with the first complaint."""
        model = [sources / f"{program.name}.c", sources / "rnn_kernels.c"]
        missing = [path for path in model if not path.is_file()]
        if missing:
            raise RnnEdgeError(f"{missing[0]} is not there; run `rnn-edge export` first.")
        (folder / "model_binding.h").write_text(c.binding(program))
        parts = [FIRMWARE / "harness" / name for name in ("host.c", *harness)]
        binary = folder / "model"
        includes = [f"-I{folder}", f"-I{sources}"]
        compile_c(self.compiler, (*c.WARNINGS, *self.flags, *includes), [*model, *parts], binary)
        return binary

    def _run(self, binary: Path, script: str) -> list[str]:
        try:
            done = subprocess.run([binary], input=script, capture_output=True, text=True, timeout=TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise RnnEdgeError(f"{self.name} gave no answer within {TIMEOUT_SECONDS} s and was ended.") from error
        if done.returncode != 0:
            first = (done.stderr.strip() or f"signal {-done.returncode}").splitlines()[0]
            raise RnnEdgeError(f"{self.name} failed with exit code {done.returncode}: {first}")
        return done.stdout.splitlines()


def compile_c(compiler: str, flags: Sequence[str], sources: Sequence[Path], target: Path) -> None:
    """Compile and link; RnnEdgeError with the first line that the compiler complains about."""
    command = [compiler, *flags, *map(str, sources), "-o", str(target)]
    complaint = compiler_complaint(command)
    if complaint:
        raise RnnEdgeError(f"{compiler} refused the generated C: {complaint}")


@cache
def _version(compiler: str) -> str | None:
    if shutil.which(compiler) is None:
        return None
    done = subprocess.run([compiler, "--version"], capture_output=True, text=True, timeout=60)
    match = re.search(r"\d+\.\d+(\.\d+)?", (done.stdout.splitlines() or [""])[0])
    return match[0] if done.returncode == 0 and match else None


@cache
def _links(compiler: str, flags: tuple[str, ...]) -> bool:
    """Does a trivial program link? A compiler can be there without the libraries of its sanitizers."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "trivial.c"
        source.write_text("int main(void) { return 0; }\n")
        try:
            compile_c(compiler, flags, [source], Path(folder) / "trivial")
        except RnnEdgeError:
            return False
    return True


LEVELS = {f"O{level}": (f"-O{level}",) for level in "023s"} | {"sanitize": SANITIZE}

RUNTIMES = [CHost(compiler, level, flags) for compiler in COMPILERS for level, flags in LEVELS.items()]
