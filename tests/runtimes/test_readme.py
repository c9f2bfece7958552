"""The README tried as a new user would: in an empty folder, typing what it says, block after block."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
SCRIPTS = Path(sys.executable).parent
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
FILE_NAME = re.compile(r"^(?:#|/\*) ([\w./-]+\.(?:py|toml|c|csv))\b")


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = re.findall(r"^make (\w+)", README, re.MULTILINE)
    assert {"demo", "test"} <= set(targets)
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_every_block_in_an_empty_folder(tmp_path: Path) -> None:
    ran = 0
    for language, text in BLOCK.findall(README):
        name = FILE_NAME.match(text)
        if name:  # a block that begins with the name of a file is that file
            path = tmp_path / name[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        elif language == "sh":
            ran += sum(run(line, tmp_path) for line in text.splitlines())
    assert ran >= 10


def run(line: str, folder: Path) -> bool:
    """Run a line that is for this folder; `make` and `git` are for a clone."""
    command = shlex.split(line, comments=True)
    if not command or command[0] in ("make", "git", "pip", ".", "cd"):
        return False
    if command[0] in ("rnn-edge", "python"):
        command[0] = str(SCRIPTS / command[0])
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    return True
