"""Cross compilers: the gcc of a family, else `python -m ziglang cc`, which pip installs."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import platformdirs

from .board import Family
from .errors import MissingError, RnnEdgeError, UserError
from .processes import compiler_complaint

_PACKAGES = {
    "arm-none-eabi-": "gcc-arm-none-eabi",
    "avr-": "gcc-avr avr-libc",
    "riscv64-unknown-elf-": "gcc-riscv64-unknown-elf",
}
_ZIG = "pip install 'ziglang>=0.13,<0.18'"

_ZIG_CACHE = platformdirs.user_cache_path("rnn_edge") / "zig"
"""What zig keeps to be fast; zig itself finds no place for it where there is no HOME."""


@dataclass(frozen=True)
class Compiler:
    """A command that compiles and links C for one core."""

    name: str
    version: str
    command: tuple[str, ...]
    flags: tuple[str, ...]  # that select the core; behind all others, over which they win
    library: tuple[str, ...]  # instead of the standard libraries: the arithmetic that the core lacks
    tell_frames: tuple[str, ...]  # for a file.su that tells each function's stack frame

    def run(self, arguments: Sequence[str], folder: Path) -> None:
        """Run in `folder`; RnnEdgeError with the first complaint."""
        variables = {"ZIG_GLOBAL_CACHE_DIR": str(_ZIG_CACHE), **os.environ, "SOURCE_DATE_EPOCH": "0"}
        complaint = compiler_complaint([*self.command, *arguments, *self.flags], folder, variables)
        if complaint:
            raise RnnEdgeError(f"{self.name} refused the firmware: {complaint}")


def find(family: Family, wanted: str | None = None) -> Compiler:
    """The compiler of a family: `wanted` is gcc or zig, else the first that is there.

    UserError where there cannot be such a compiler, MissingError where none is installed.
    """
    ways = {"gcc": f"apt install {_PACKAGES.get(family.gcc.prefix, family.gcc.prefix + 'gcc')}"}
    if family.zig is not None:
        ways["zig"] = _ZIG
    if wanted is not None and wanted not in ways:
        raise UserError(f"{family.core} cannot be compiled with {wanted!r}; use {' or '.join(ways)}.")
    names = [wanted] if wanted else list(ways)
    for name in names:
        compiler = _gcc(family) if name == "gcc" else _zig(family)
        if compiler is not None:
            return compiler
    commands = " or ".join(f"`{ways[name]}`" for name in names)
    raise MissingError(f"There is no compiler for {family.core}; get one with {commands}.")


def _gcc(family: Family) -> Compiler | None:
    program = shutil.which(f"{family.gcc.prefix}gcc")
    if program is None:
        return None
    name = f"{family.gcc.prefix}gcc"
    # loops stay loops: memset does not become a call of itself, nor start-up one of memset
    flags = (*family.gcc.flags, "-fno-tree-loop-distribute-patterns")
    version = re.search(r"\) (\S+)", _printed(program, "--version"))  # gcc 5 has no -dumpfullversion
    return Compiler(name, version[1] if version else "", (program,), flags, ("-nostdlib", "-lgcc"), ("-fstack-usage",))


def _zig(family: Family) -> Compiler | None:
    if family.zig is None or importlib.util.find_spec("ziglang") is None:
        return None
    command = (sys.executable, "-m", "ziglang")
    flags = ("-target", family.zig.target, f"-mcpu={family.zig.cpu}", "-fno-sanitize=undefined", "-fomit-frame-pointer")
    return Compiler("zig cc", _printed(*command, "version"), (*command, "cc"), flags, (), ())


@cache
def _printed(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=60).stdout.strip()
