"""Child processes: a module of this package run by the same Python, a C compiler; their failure in one sentence."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from .errors import RnnEdgeError

TIMEOUT_SECONDS = 600

INTERRUPTED = threading.Event()
"""Set when nobody waits for results any more (Ctrl-C): threads that talk to a process for long then end by an error."""


def run_module(who: str, module: str, *arguments: str) -> None:
    """Run `python -m module arguments` to its end; RnnEdgeError that begins with `who` where that fails."""
    command = [sys.executable, "-m", module, *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired as error:
        raise RnnEdgeError(f"{who} gave no answer within {TIMEOUT_SECONDS} s and was ended.") from error
    if done.returncode < 0:
        raise RnnEdgeError(f"{who} was ended by signal {-done.returncode}.")
    if done.returncode > 0:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise RnnEdgeError(f"{who} failed: {said[-1]}")


def compiler_complaint(
    command: Sequence[str], folder: Path | None = None, variables: Mapping[str, str] | None = None
) -> str:
    """Run a C compiler to its end, in `folder` and with more `variables`: its first complaint, "" where it worked."""
    environment = {**os.environ, **(variables or {}), "LC_ALL": "C"}
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, env=environment
        )
    except subprocess.TimeoutExpired:
        return f"it was not done after {TIMEOUT_SECONDS} s and was ended"
    if done.returncode == 0:
        return ""
    lines = done.stderr.splitlines() or [f"exit code {done.returncode}"]
    return next((line for line in lines if re.search(r"error|undefined", line, re.IGNORECASE)), lines[0])
