"""`rnn-edge` as a user runs it: a process in a folder of its own, which must leave nothing behind."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rnn_edge.tools import find_program
from tests.boards.bundled import Bundled

HIDING = "import sys\nsys.modules.update(dict.fromkeys({names!r}))\n"
HERE = "here"  # of a test's folder: where commands run, with `build/power` in it
SECONDS = 90


class CommandLine:
    """Commands in `folder`, where `model` is exported. Whatever they start has the folder's TMPDIR: so it is found."""

    def __init__(self, folder: Path, model: Bundled) -> None:
        self.folder, self.temporary = folder / HERE, folder / "tmp"
        self.temporary.mkdir()
        self.environment = {**os.environ, "TMPDIR": str(self.temporary), "COLUMNS": "80"}
        shutil.copytree(model.artifacts.folder, self.folder / "build" / model.artifacts.name)

    def start(self, *words: str | Path) -> subprocess.Popen[str]:
        """A command in a session of its own: Ctrl-C of its terminal goes to its process group."""
        pipe = subprocess.PIPE
        return subprocess.Popen(
            [sys.executable, "-m", "rnn_edge", *map(str, words)],
            cwd=self.folder, env=self.environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True,
            errors="surrogateescape", start_new_session=True,
        )  # fmt: skip

    def run(self, *words: str | Path, sent: str = "", code: int = 0) -> str:
        """Standard output of a command that complains about nothing."""
        output, complaints = self.ended(self.start(*words), sent, code)
        assert complaints == ""
        return output

    def refused(self, *words: str | Path, sent: str = "", code: int = 2) -> str:
        """The one sentence of an expected error."""
        return self.sentence(self.start(*words), sent, code)

    def sentence(self, process: subprocess.Popen[str], sent: str = "", code: int = 2) -> str:
        """The one sentence of a command that has begun."""
        _, complaints = self.ended(process, sent, code)
        assert complaints.startswith("rnn-edge: ") and complaints.endswith((".\n", ".)\n")), complaints
        assert complaints.count("\n") == 1, complaints
        return complaints

    def ended(self, process: subprocess.Popen[str], sent: str = "", code: int = 0) -> tuple[str, str]:
        """Standard output and error; the exit code is `code` and nothing is left behind."""
        with process:
            try:
                output, complaints = process.communicate(sent, SECONDS)
            finally:
                process.kill()
        assert process.returncode == code, output + complaints
        self.assert_nothing_left()
        return output, complaints

    def assert_nothing_left(self, seconds: float = 0.0) -> None:
        """No process, no temporary file, nothing half-written; within `seconds`."""
        wait_for(lambda: not self.left(), seconds, self.left)

    def left(self) -> list[str]:
        files = below(self.temporary)
        files += [path for path in below(self.folder) if path.name.startswith(".") and path.name != ".boards"]
        return [*map(str, files), *(" ".join(words) for words in self.processes().values())]

    def processes(self) -> dict[int, list[str]]:
        """What runs of all that the commands have started: its number and its command line."""
        mark = f"TMPDIR={self.temporary}".encode()
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    found[int(folder.name)] = (folder / "cmdline").read_text().split("\0")
        return found

    def process_with(self, *words: str) -> int:
        """The number of the process with these words in its command line, as soon as there is one."""
        found: list[int] = []

        def look() -> bool:
            found[:] = [
                number
                for number, line in self.processes().items()
                if all(any(word in part for part in line) for word in words)
            ]
            return bool(found)

        wait_for(look, 30.0, self.left)
        return found[0]

    @contextmanager
    def without(self, *modules: str, programs: tuple[str, ...] = ()) -> Iterator[None]:
        """No Python package of these names, and of all programs only these."""
        folder = self.temporary.with_name("hidden")
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(HIDING.format(names=modules))
        for name in programs:
            found = find_program(name)
            assert found is not None
            (folder / name).symlink_to(found)
        before = self.environment
        self.environment = {**before, "PATH": str(folder), "PYTHONPATH": str(folder)}
        yield
        self.environment = before
        shutil.rmtree(folder)


def below(folder: Path) -> list[Path]:
    """All that is in a folder and its folders. What goes away meanwhile is no error, as it would be to `rglob`."""
    return [Path(at, name) for at, folders, files in os.walk(folder) for name in (*folders, *files)]


def wait_for(condition: Callable[[], bool], seconds: float, seen: Callable[[], object]) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, seen()
        time.sleep(0.01)
