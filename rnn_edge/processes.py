"""Child processes: a module of this package run by the same Python, its failure turned into one sentence."""

from __future__ import annotations

import subprocess
import sys

from .errors import RnnEdgeError

TIMEOUT_SECONDS = 600


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
