"""Tables about boards for the terminal; every one fits 80 columns."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from .board import Board, Region
from .build import Firmware
from .device import Device
from .drift import Drift, InputDrift
from .ir.program import Program
from .monitor import Seen, describe
from .readiness import Readiness
from .report import console, percent, plain_table

_GROUPS = {
    "code": "code of model and kernels",
    "weights": "weights",
    "tables": "tables of the kernels",
    "features": "features",
    "decision": "decision",
    "harness": "start-up, link, commands",
    "state": "state of the instances",
    "stack": "stack, at most",
    "rest": "library, padding",
}

_NAME = 10  # characters of a channel's name, for a table of 80 columns


def boards_json(rows: Iterable[Readiness]) -> str:
    return json.dumps(
        [
            {**row.board.model_dump(mode="json"), "tool": row.tool, "state": row.state, "missing": row.missing}
            for row in rows
        ]
    )


def show_boards(rows: Sequence[Readiness]) -> None:
    """One line a board, then how to get what is missing."""
    table = plain_table("board", "core", "tool", "state", "flash KiB", "RAM KiB", left=4)
    for row in rows:
        memory, color = row.board.memory, {"missing": "yellow", "ready": "green"}.get(row.state, "default")
        sizes = (f"{region.kib:,.10g}" for region in (memory.flash, memory.ram))
        table.add_row(row.board.id, row.board.family.core, row.tool, f"[{color}]{row.state}[/{color}]", *sizes)
    console.print(table)
    console.print(
        "\nready: emulated on this machine. connect it: a real board; none was connected where this tool was tested."
    )
    for sentence in dict.fromkeys(sentence for row in rows for sentence in row.missing):
        console.print(f"[yellow]{sentence}[/yellow]", soft_wrap=True)


def show_firmware(program: Program, firmware: Firmware, board: Board, following: str) -> None:
    """Flash and RAM by group against what the board has."""
    console.print(
        f"[bold]{program.name}[/bold] for {board.name} ({board.family.core}), program {program.hash[:12]}, "
        f"{firmware.compiler}\n",
        soft_wrap=True,
    )
    table = plain_table("", "flash", "RAM")
    flash, ram = firmware.footprint.flash, firmware.footprint.ram
    for group, meaning in _GROUPS.items():
        if flash.get(group) or ram.get(group):
            table.add_row(meaning, *(f"{groups[group]:,}" if groups.get(group) else "-" for groups in (flash, ram)))
    table.add_row("used", f"{firmware.footprint.flash_bytes:,}", f"{firmware.footprint.ram_bytes:,}", style="bold")
    memory = board.memory
    table.add_row("of the board's", f"{memory.flash.size:,}", f"{memory.ram.size:,}")
    table.add_row("", _share(flash, memory.flash), _share(ram, memory.ram))
    console.print(table)
    console.print(f"\nWritten to {firmware.image.elf.parent}. Next: {following}", soft_wrap=True)


def _share(groups: Mapping[str, int], region: Region) -> str:
    return f"{100 * sum(groups.values()) / region.size:.1f} %"


def show_command(line: str) -> None:
    console.print(f"$ {line}", style="dim", markup=False, soft_wrap=True)


def show_device(device: Device, seconds: float, following: str) -> None:
    """What flashing proved, and what the board says about itself."""
    for sentence in device.proven:
        console.print(f"{sentence}.", markup=False, soft_wrap=True)
    console.print(f"\n[bold]{device.banner}[/bold]", soft_wrap=True)
    console.print(f"\nFlashed and answering in {seconds:.1f} s. Next: {following}", soft_wrap=True)


def show_monitor(device: Device, program: Program) -> None:
    """What runs, and what a line of input holds."""
    size = program.values[program.input].size
    what = f"a token from 0 to {program.tokens - 1}" if program.tokens else f"{size} physical value{'s' * (size > 1)}"
    console.print(
        f"[bold]{program.name}[/bold], program {program.hash[:12]}, on {device.info.core}\n"
        f"A line is a step: {what}. An empty line begins a new sequence.",
        *([device.counts] if device.counts else []),
        "\n  step      cycles  output",
        sep="\n",
        soft_wrap=True,
    )


def show_seen(program: Program, seen: Seen) -> None:
    cycles = "-" if seen.cycles is None else f"{seen.cycles:,}"
    console.print(f"{seen.step:6} {cycles:>11}  {describe(program, seen)}", markup=False, soft_wrap=True)


def show_drift(drift: Drift) -> None:
    """What the board counted beside what calibration saw, and the verdict."""
    console.print()
    if drift.inputs:
        named = ("seen\nlowest", "seen\nhighest", "calibrated\nlowest", "calibrated\nhighest", "outside")
        table = plain_table("input", *named, "saturated", "calibrated\nsaturated", gap=1)
        for one in drift.inputs:
            table.add_row(*_input_cells(one))
        console.print(table)
        console.print()
    table = plain_table("value", "", "saturated", "calibrated\nsaturated", left=2)
    for value in drift.values:
        table.add_row(value.name, value.kind, percent(value.saturated), percent(value.calibrated_saturated))
    console.print(table)
    style = "bold yellow" if drift.findings else ""
    console.print(f"\n{drift.verdict}", style=style, markup=False)


def _input_cells(one: InputDrift) -> list[str]:
    name = one.calibrated.name
    low, high = ("-" if end is None else f"{end:.4g}" for end in (one.low, one.high))
    seen = ("<=" * one.clipped[0] + low, ">=" * one.clipped[1] + high)
    calibrated = (f"{end:.4g}" for end in (one.calibrated.low, one.calibrated.high))
    shares = (percent(share) for share in (one.outside, one.saturated, one.calibrated_saturated))
    return [name if len(name) <= _NAME else f"{name[: _NAME - 1]}~", *seen, *calibrated, *shares]
