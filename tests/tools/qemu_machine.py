"""QEMU as it is after power-on, with empty memory and a GDB server: what gdb flashes."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def powered_on(program: str, machine: str, *options: str) -> Iterator[Path]:
    """The path of the GDB server's socket, with a blank in it; the core is halted."""
    with tempfile.TemporaryDirectory(prefix="qemu ") as folder:
        server = Path(folder) / "gdb.sock"
        command = [program, "-M", machine, *options, "-S", "-display", "none", "-monitor", "none", "-serial", "null"]
        command += ["-chardev", f"socket,path={server},server=on,wait=off,id=gdb", "-gdb", "chardev:gdb"]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        try:
            while not server.exists():
                assert process.poll() is None, "QEMU ended"
                time.sleep(0.01)
            yield server
        finally:
            process.kill()
            process.wait()
