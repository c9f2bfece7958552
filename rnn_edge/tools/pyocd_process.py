"""Run by `python -m`: flash one hex file with pyOCD, read it back, start it. Exit code 0, or a sentence and 1."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from intelhex import IntelHex


def main() -> None:
    parser = argparse.ArgumentParser(prog="rnn_edge.tools.pyocd_process")
    parser.add_argument("--target", required=True)
    parser.add_argument("--probe")
    parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("hex")
    given = parser.parse_args()
    from pyocd.core.exceptions import Error, TargetSupportError

    try:
        print(f"{_flash(given)} bytes written, read back and compared")
    except TargetSupportError as error:
        sys.exit(f"error: {error}; pyOCD may learn the target by `pyocd pack install {given.target}`")
    except (Error, OSError) as error:
        sys.exit(f"error: {error}")


def _flash(given: argparse.Namespace) -> int:
    """The number of bytes compared."""
    from pyocd.core.session import Session
    from pyocd.flash.file_programmer import FileProgrammer
    from pyocd.utility.cmdline import convert_session_options

    # smart_flash compares with what is there and skips; without it every page is erased and written.
    options = {"target_override": given.target, "connect_mode": "halt", "smart_flash": False}
    options |= {"hide_programming_progress": True} | convert_session_options(given.option)
    with Session(_probe(given.probe), options=options) as session:
        session.target.reset_and_halt()
        FileProgrammer(session).program(given.hex)
        count = _compare(session.target, IntelHex(given.hex))
        session.target.reset()
        return count


def _probe(unique_id: str | None) -> Any:
    from pyocd.core.helpers import ConnectHelper

    probes = ConnectHelper.get_all_connected_probes(blocking=False, unique_id=unique_id, print_wait_message=False)
    if not probes:
        sys.exit(f"error: no debug probe {unique_id or 'at all'} was found; connect the board, or see `pyocd list`")
    if len(probes) > 1:
        names = ", ".join(probe.unique_id for probe in probes)
        sys.exit(f"error: there are several debug probes ({names}); name one with --via")
    return probes[0]


def _compare(target: Any, wanted: IntelHex) -> int:
    for start, end in wanted.segments():
        found = bytes(target.read_memory_block8(start, end - start))
        expected = wanted.tobinstr(start=start, size=end - start)
        for offset, (there, here) in enumerate(zip(found, expected, strict=True)):
            if there != here:
                sys.exit(f"error: other bytes were read back: {there:#04x} at {start + offset:#x}, not {here:#04x}")
    return sum(end - start for start, end in wanted.segments())


if __name__ == "__main__":
    main()
