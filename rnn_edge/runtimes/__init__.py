"""Runtimes: one file each. A runtime plays vectors on the exported files and hands back what it computed.

A new runtime is a new file here that defines `RUNTIMES`, a list; verify, the table of `rnn-edge runtimes` and the tests
pick it up. Runtimes that are Python packages run in a process of their own (`python_process`), because some of them
crash each other.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Protocol

from ..ir.arithmetic import IntArray
from ..ir.program import Program
from ..paths import Artifacts
from ..vectors import Command, Moment, Result


class Contract(StrEnum):
    """What a runtime promises.

    EXACT: no integer differs from the interpreter's. WITHIN: some do, because the runtime has kernels of its own for
    sigmoid and tanh; how far is measured and reported, and no verdict hangs on it.
    """

    EXACT = "exact"
    WITHIN = "within k"


@dataclass(frozen=True)
class Found:
    """A runtime that is there."""

    version: str


@dataclass(frozen=True)
class Missing:
    """A runtime that is not, and the command that gets it (or why there is none)."""

    how: str


@dataclass(frozen=True)
class Played:
    """What a runtime computed, in the order of the script; shorter than the script where it has a limit of steps."""

    results: Sequence[Result]
    seconds: float  # playing alone, without start-up
    notes: dict[str, str] = field(default_factory=dict)  # such as the arena of TFLite Micro


class Runtime(Protocol):
    """One runtime."""

    @property
    def name(self) -> str: ...

    @property
    def contract(self) -> Contract: ...

    @property
    def format(self) -> str:
        """The format of export that it runs: tflite, onnx or c."""

    def find(self) -> Found | Missing:
        """Is it installed? Quick: nothing heavy is imported."""

    def play(self, program: Program, artifacts: Artifacts, commands: Sequence[Command]) -> Played:
        """Play the script on the exported files; RnnEdgeError where the runtime refuses or crashes."""

    def trace(self, program: Program, moments: Sequence[Moment]) -> list[dict[str, IntArray]]:
        """Every value by name of single steps, from a build of `program` that gives them all."""


@cache
def all_runtimes() -> dict[str, Runtime]:
    """Every runtime found in this folder, by name."""
    modules = [importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)]
    return {runtime.name: runtime for module in modules for runtime in getattr(module, "RUNTIMES", [])}
