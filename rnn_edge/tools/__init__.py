"""Flash tools: one file each. A tool turns a board and an image into command lines; nothing else knows its options.

A new tool is a new file here that defines `TOOL`; `rnn-edge flash` and the tests pick it up. The steps of a tool are
pure data, so that `--dry-run` shows them and tests compare them word by word. Whether the flash worked is asked twice:
the steps read back what they wrote, and then the board has to answer with the hash of the program.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import pkgutil
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from pydantic import ValidationError

from ..errors import MissingError, RnnEdgeError, UserError
from ..sections import Section, sentence

if TYPE_CHECKING:
    from ..board import Board

GET = {
    "esptool": "pip install 'esptool>=5,<6'",
    "pyocd": "pip install 'pyocd>=0.36,<1'",
    "qemu-system-arm": "apt install qemu-system-arm",
    "qemu-system-riscv32": "apt install qemu-system-misc",
}
"""Program -> the command that gets it, where that is not `apt install` and the program's own name."""

_COMPLAINTS = (
    "fatal|^error:",
    "error|fail|mis-?match|differ|unable|cannot|could not|timed? ?out|not found|refused|no such|no response",
    "nack|unknown",
)
"""Patterns of the lines of a tool that say what went wrong, the plainest first."""

_NOISE = "TIOCMGET"
"""What avrdude says of the modem lines that the serial port of an emulator does not have."""


@dataclass(frozen=True)
class Image:
    """The firmware in the three shapes that tools take."""

    elf: Path
    binary: Path  # from the origin of the board's flash on
    hex: Path


@dataclass(frozen=True)
class Step:
    """One command line, run to its end; it worked when it exits with 0 and its output has all that was expected."""

    argv: tuple[str, ...]
    proves: str = ""  # what is known once it worked, such as "flash read back and compared"
    expect: str | tuple[str, ...] = ()  # patterns (re.search, multi-line): stdout and stderr together must have each
    timeout: float = 120.0  # seconds; then it is killed
    failures: tuple[tuple[str, type[RnnEdgeError]], ...] = ()  # pattern in the output of a failed step -> its error
    advice: str = ""  # what to do where the failure is a MissingError: the board does not answer
    makes: Path | None = None  # a file that it writes: an older one goes first, and none is left when the step fails


@dataclass(frozen=True)
class Act:
    """A step that needs no program: done in this process, shown in words.

    `act` says what it proved where that shows only when it is done; elsewhere it returns None and `proves` holds.
    """

    does: str
    act: Callable[[], str | None]
    proves: str = ""


class Tool(Protocol):
    """One flash tool."""

    @property
    def name(self) -> str: ...

    @property
    def requires(self) -> tuple[str, ...]:
        """Programs that have to be installed."""

    @property
    def serial(self) -> bool:
        """Does it write through the board's serial port, so that a port has to be found?"""

    def steps(self, board: Board, image: Image, port: str | None) -> Sequence[Step | Act]:
        """What to run, in order, to write the image, read it back and start it. UserError where a setting is missing.

        `port` is what the tool reaches the board by: a serial port, a GDB server, the number of a probe, a folder.
        """


@cache
def all_tools() -> dict[str, Tool]:
    """Every tool found in this folder, by name."""
    modules = [importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)]
    return {module.TOOL.name: module.TOOL for module in modules if hasattr(module, "TOOL")}


def run(steps: Iterable[Step | Act], say: Callable[[str], None] = lambda line: None) -> list[str]:
    """Run the steps in order and return what they proved; `say` hears the line of each before it runs.

    MissingError without the program or the board, MismatchError or RnnEdgeError at the first that fails.
    """
    proven = []
    for step in steps:
        say(shell_lines([step])[0])
        proven.append(_run_step(step) if isinstance(step, Step) else _run_act(step))
    return [sentence for sentence in proven if sentence]


def shell_lines(steps: Iterable[Step | Act]) -> list[str]:
    """The steps as lines for a shell, as `--dry-run` prints them; what runs in this process is a comment."""
    return [shlex.join(step.argv) if isinstance(step, Step) else f"# {step.does}" for step in steps]


class Settings(Section):
    """What a tool reads from its table in a board file, `[flash_tool.<tool>]`."""


_Settings = TypeVar("_Settings", bound=Settings)


def settings(board: Board, tool: str, kind: type[_Settings]) -> _Settings:
    """The settings of a tool on a board; UserError where a key is missing, unknown or of another type."""
    try:
        return kind.model_validate(board.flash_tool.options(tool))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, ("flash_tool", tool, *first["loc"])))
        raise UserError(f"{board.id}: {sentence(first, key)}") from None


def port_of(board: Board, port: str | None) -> str:
    """The serial port that a tool cannot do without; UserError where there is none."""
    if not port:
        raise UserError(f"{board.id} is flashed through a serial port; name it with --port.")
    return port


def how_to_get(programs: Iterable[str]) -> list[str]:
    """The commands that get those of `programs` that are not there; none, where all are."""
    return list(dict.fromkeys(_command_for(program) for program in programs if find_program(program) is None))


def find_program(name: str) -> str | None:
    """A program on the PATH, or installed by pip beside this Python; a path is taken as it is."""
    beside = os.path.dirname(sys.executable)
    return shutil.which(name) or shutil.which(name, path=beside)


def _command_for(program: str) -> str:
    return GET.get(program, f"apt install {program}")


def _run_act(act: Act) -> str:
    said = act.act()
    return act.proves if said is None else said


def _run_step(step: Step) -> str:
    name = _name(step)
    program = find_program(step.argv[0])
    if program is None:
        raise MissingError(f"{name} is not installed; get it with `{_command_for(name)}`.")
    with _file_it_makes(step.makes):
        try:
            done = subprocess.run(
                [program, *step.argv[1:]],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=step.timeout,
                encoding="utf-8",
                errors="replace",
                env={**os.environ, "LC_ALL": "C"},
            )
        except subprocess.TimeoutExpired as error:
            raise MissingError(
                f"{name} was not done after {step.timeout:g} s and was ended; is the board there?"
            ) from error
        except OSError as error:
            raise RnnEdgeError(f"{program} cannot be run ({error.strerror}).") from error
        expected = (step.expect,) if isinstance(step.expect, str) else step.expect
        missing = [pattern for pattern in expected if not _has(pattern, done.stdout)]
        if done.returncode != 0 or missing:
            raise _failure(step, done.returncode, missing, done.stdout)
        if step.makes is not None and not step.makes.exists():
            raise RnnEdgeError(f"{name} ended well and yet did not write {step.makes}; try another tool.")
    return step.proves


def _name(step: Step) -> str:
    """The program, or the tool whose module of ours Python runs."""
    if step.argv[1:2] == ("-m",):
        return step.argv[2].rpartition(".")[2].removesuffix("_process")
    return os.path.basename(step.argv[0])


@contextlib.contextmanager
def _file_it_makes(path: Path | None) -> Iterator[None]:
    if path is None:
        yield
        return
    path.unlink(missing_ok=True)
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _has(pattern: str, output: str) -> bool:
    return re.search(pattern, output, re.MULTILINE) is not None


def _failure(step: Step, code: int, missing: Sequence[str], output: str) -> RnnEdgeError:
    """One sentence, with the line of the output that says most."""
    name = _name(step)
    kind = next((kind for pattern, kind in step.failures if _has(pattern, output)), RnnEdgeError)
    lines = [" ".join(line.split()) for line in output.splitlines() if line.strip() and not re.search(_NOISE, line)]
    lines = lines or ["it printed nothing"]
    complaints = (line for pattern in _COMPLAINTS for line in lines if re.search(pattern, line, re.IGNORECASE))
    said = next(complaints, lines[-1]).rstrip(".")
    if step.advice and issubclass(kind, MissingError):
        said += f"; {step.advice}"
    if code < 0:
        return kind(f"{name} was ended by signal {-code}: {said}.")
    if code > 0:
        return kind(f"{name} failed with exit code {code}: {said}.")
    return kind(f"{name} did not say that it worked (expected {missing[0]!r}): {said}.")
