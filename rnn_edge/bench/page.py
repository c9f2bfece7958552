"""Writes docs/benchmarks.md from the history: python -m rnn_edge.bench.page > docs/benchmarks.md."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ..build import PROFILES
from . import history
from .cycles import CORES, ESTIMATED
from .history import Entry
from .measurement import CYCLES, CycleEstimate, Measurement
from .peers import Figure, all_peers
from .subjects import REFERENCE

_HEAD = """\
# Benchmarks

This page is written from `benchmarks/*.json` by `python -m rnn_edge.bench.page`, and a test keeps it current.
`make bench` measures everything anew and writes both; `make bench-check` fails where a number grew by more than 2 %.

```sh
rnn-edge bench vowels --board mps2-an386 --board mps3-an547        # a model of yours, split by operation
rnn-edge bench --cell gru --inputs 16 --units 32 --all-emulated    # any shape, random weights
rnn-edge bench vowels --board qemu-microbit --cycles               # how many cycles that may be on a chip
rnn-edge bench --reference --all-emulated --profile both --check   # this page, against its history
```

## What is counted

**Instructions under QEMU, not cycles on silicon.** QEMU runs with `-icount`: every instruction takes the same time, so
that SysTick (TIMER0 on micro:bit, mcycle on RISC-V) counts instructions: exactly, and the same number every time. A
core takes one to several cycles for each of them, and more where its flash is slow. For AVR, simavr counts the
**cycles** of the core, as the chip takes them; the interrupt of the 16-bit counter is among them, some 40 cycles in
65,536.

A step is counted from its call to its return, the update of the states included: the mean of the eight steps of the
built-in self-test, whose outputs and last states have to be the interpreter's in the same run. A load or store of
several registers is one instruction, and so is an IT. First the firmware counts a block of 1,000 instructions, which
have to come out as 1,000.

**code** is what the linker keeps of model and kernels for a step, with the constant tables of the kernels. What the
compiler's own library adds (products of 64 bits on Cortex-M0, for example) is not in it. **RAM** is one state and the
measured stack of a step, which holds all its scratch memory. The weights are in flash.

`speed` is compiled with -O2, `size` with -Os.
"""

_ESTIMATES = f"""
## Cycles, estimated

{ESTIMATED}

`cycles` is with memory that never waits, `with waits` from the flash of the chip below at its highest clock: every new
line is waited for. A chip that reads ahead or has a cache should lie between the two.

"""

_PEERS = """
## Against other runtimes

Counted in the same way, with the same compiler and QEMU 7.2. The figures of the others were measured once and are no
part of `make bench`. Code and RAM are bytes.

"""


def document(folder: Path) -> str:
    """The text of docs/benchmarks.md for the history in `folder`."""
    entries = {shape.name: history.load(folder, shape.name) for shape in REFERENCE}
    known = {name: entry for name, entry in entries.items() if entry and entry.measurements}
    measured = [one for entry in known.values() for one in entry.measurements.values()]
    parts = [_HEAD, *(_shape(entry) for entry in known.values()), _estimates(known), _compilers(measured)]
    parts += [_PEERS, _versions()]
    return "".join([*parts, *(_against(name, entry) for name, entry in known.items())])


def _shape(entry: Entry) -> str:
    """One row a board, speed and size beside each other."""
    measured = list(entry.measurements.values())
    boards = dict.fromkeys(one.board for one in sorted(measured, key=lambda one: (_order(one.core), one.board)))
    head = (
        "board",
        "core",
        *(f"{profile}: {what}" for profile in _profiles() for what in ("step", "/MAC", "code", "RAM")),
    )
    rows = []
    for board in boards:
        found = {one.profile: one for one in measured if one.board == board and not one.weights_in_ram}
        core = next(one.core for one in measured if one.board == board)
        cells = [cell for profile in _profiles() for cell in _cells(found.get(profile))]
        rows.append((f"`{board}`", core, *cells))
    first = measured[0]
    sizes = f"{first.macs:,} MAC a step, {first.sizes.state:,} bytes of state, {_weights(measured)} bytes of weights."
    return f"\n## {entry.title}\n\n{sizes}\n\n{_table(head, rows)}"


def _order(core: str) -> tuple[str, int]:
    """Cortex-M4 before Cortex-M33."""
    number = re.search(r"\d+$", core)
    return (core[: number.start()], int(number[0])) if number else (core, 0)


def _profiles() -> list[str]:
    return sorted(PROFILES, reverse=True)


def _cells(one: Measurement | None) -> tuple[str, ...]:
    if one is None:
        return ("-",) * 4
    unit = " cycles" if one.unit == CYCLES else ""
    return f"{one.mean:,}{unit}", f"{one.per_mac:.2f}", f"{_code(one):,}", f"{one.ram:,}"


def _code(one: Measurement) -> int:
    return one.sizes.code + one.sizes.tables


def _weights(measured: Iterable[Measurement]) -> str:
    """From the least to the most: cores have layouts of their own."""
    sizes = sorted({one.sizes.weights for one in measured})
    return f"{sizes[0]:,}" if len(sizes) == 1 else f"{sizes[0]:,} to {sizes[-1]:,}"


def _estimates(known: Mapping[str, Entry]) -> str:
    """One row a network and board, then what the cycles of each core rest on; empty where nothing was estimated."""
    found = {
        (entry.title, one.core, one.board, one.profile): one.estimate
        for entry in known.values()
        for one in sorted(entry.measurements.values(), key=lambda one: (_order(one.core), one.board))
        if one.estimate is not None and not one.weights_in_ram
    }
    if not found:
        return ""
    places = dict.fromkeys(key[:3] for key in found)
    counted = ("instructions", "cycles", "with waits")
    head = ("network", "core", "board", *(f"{profile}: {what}" for profile in _profiles() for what in counted))
    rows = [
        (title, core, f"`{board}`", *(cell for one in _profiles() for cell in _cycles(found.get((*place, one)))))
        for place in places
        for title, core, board in [place]
    ]
    cores = sorted({core for _, core, _ in places}, key=_order)
    bases = [f"- **{core}**: {CORES[core].basis}\n" for core in cores]
    return "".join((_ESTIMATES, _table(head, rows), "\n", *bases))


def _cycles(one: CycleEstimate | None) -> tuple[str, ...]:
    return ("-",) * 3 if one is None else tuple(f"{count:,}" for count in (one.instructions, one.cycles, one.waiting))


def _compilers(measured: Iterable[Measurement]) -> str:
    """Compiler and flags of each core; the profile's option is named once, above."""
    options = set(PROFILES.values())
    rows = {
        (one.core, one.compiler, f"`{' '.join(flag for flag in one.flags if flag not in options)}`") for one in measured
    }
    table = _table(("core", "compiler", "flags"), sorted(rows, key=lambda row: _order(row[0])))
    return f"\n## How it was compiled\n\n{table}"


def _versions() -> str:
    rows = [(peer.name, peer.version, peer.how) for peer in all_peers()]
    return _table(("runtime", "version", "how it was built"), rows)


def _against(name: str, entry: Entry) -> str:
    """Peers and ours on the same cores, the fewest instructions first."""
    figures = [(peer.name, figure) for peer in all_peers() for figure in peer.figures if figure.shape == name]
    if not figures:
        return ""
    places = {(figure.core, figure.option) for _, figure in figures}
    rows = [
        *figures,
        *(("**rnn_edge**", figure) for figure in _ours(name, entry) if (figure.core, figure.option) in places),
    ]
    rows.sort(key=lambda row: (_order(row[1].core), row[1].option, row[1].instructions))
    macs = next(iter(entry.measurements.values())).macs
    head = ("core", "option", "runtime", "instructions a step", "a MAC", "code", "RAM")
    return f"\n### {entry.title}\n\n{_table(head, [_peer_row(who, figure, macs) for who, figure in rows])}"


def _ours(name: str, entry: Entry) -> list[Figure]:
    """One measurement a core and profile: boards of the same core count the same."""
    found = {
        (one.core, one.profile): Figure(
            shape=name,
            core=one.core,
            option=PROFILES[one.profile],
            instructions=one.mean,
            code=f"{_code(one):,}",
            ram=f"{one.ram:,} with stack",
        )
        for one in entry.measurements.values()
        if one.unit != CYCLES and not one.weights_in_ram
    }
    return list(found.values())


def _peer_row(who: str, figure: Figure, macs: int) -> tuple[str, ...]:
    instructions = f"{figure.instructions:,}"
    return figure.core, figure.option, who, instructions, f"{figure.instructions / macs:.2f}", figure.code, figure.ram


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, ["---"] * len(head), *rows))


if __name__ == "__main__":
    print(document(history.FOLDER), end="")
