"""Tables of measurements for the terminal; every one fits 80 columns."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from ..build import PROFILES
from ..report import console, plain_table
from .cycles import CORES, ESTIMATED
from .history import TOLERANCE, Change, Comparison, Entry
from .measurement import CYCLES, Measurement
from .run import Result

_LAPS_SHOWN = 3
"""Measurements whose split has room side by side."""


def bench_json(results: Iterable[Result]) -> str:
    """Name of each subject -> its measurements."""
    return json.dumps({one.subject.name: [found.to_dict() for found in one.measured] for one in results}, indent=1)


def show_results(results: Sequence[Result]) -> None:
    """The tables of each subject, then why boards are not in them, each reason once."""
    for result in results:
        _show(result)
    for reason in dict.fromkeys(skipped.reason for result in results for skipped in result.skipped):
        console.print(f"[yellow]skipped:[/yellow] {escape(reason)}", soft_wrap=True)


def show_host(rows: Sequence[Sequence[str]]) -> None:
    """A table with its heading, as `host.rows` makes it."""
    heading, *lines = rows
    table = plain_table(*heading)
    for line in lines:
        table.add_row(*line)
    console.print(table)
    console.print("Processor time on this computer, median of many rounds: read the ratios.\n")


def _show(result: Result) -> None:
    """One line a board for each profile, then the split where there is one."""
    subject, measured = result.subject, result.measured
    facts = f"{subject.macs:,} MAC a step, program {subject.program.hash[:12]}"
    console.print(f"[bold]{subject.title}[/bold], {facts}", soft_wrap=True)
    for profile in dict.fromkeys(one.profile for one in measured):
        rows = [one for one in measured if one.profile == profile]
        console.print(f"\n[bold]{profile}[/bold] ({PROFILES[profile]})")
        console.print(_table(rows, result.before))
    if measured:
        console.print(f"\n{_legend(measured)}\n", soft_wrap=True)
    _show_estimates(measured)
    with_laps = [one for one in measured if one.laps]
    if 0 < len(with_laps) <= _LAPS_SHOWN:
        console.print(_split(with_laps))
        console.print()


def _table(rows: Sequence[Measurement], before: Entry | None) -> Table:
    table = plain_table("board", "core", "step", "/MAC", "code", "weights", "RAM", "change", left=2, gap=1)
    for one in rows:
        sizes = (one.sizes.code + one.sizes.tables, one.sizes.weights, one.ram)
        numbers = (f"{one.mean:,}", f"{one.per_mac:.2f}", *(f"{size:,}" for size in sizes))
        table.add_row(one.board, one.core, *numbers, _change(one, before))
    return table


def _change(one: Measurement, before: Entry | None) -> Text:
    stored = before.measurements.get(one.key) if before else None
    if stored is None:
        return Text("new", style="dim")
    step = Change(one.key, "step", stored.mean, one.mean)
    style = "bold red" if step.is_regression else "green" if step.share < 0 else ""
    return Text("same" if one.mean == stored.mean else f"{100 * step.share:+.1f}%", style=style)


def _legend(measured: Sequence[Measurement]) -> str:
    units = {one.unit for one in measured}
    cycles = " (cycles of the core on AVR)" if CYCLES in units and len(units) > 1 else ""
    unit = "instructions" if len(units) > 1 else next(iter(units))
    return (
        f"step: {unit}{cycles}, mean of the self-test; code: with tables; RAM: state, stack, scratch; "
        "change: of step, against the stored one."
    )


def _show_estimates(measured: Sequence[Measurement]) -> None:
    """One line a board and profile, then what each core's cycles rest on; nothing where nothing was estimated."""
    table = plain_table("cycles, estimated", "core", "", "instructions", "0 waits", "with waits", left=3)
    for one in measured:
        if one.estimate is not None:
            found = one.estimate
            numbers = f"{found.instructions:,}", f"{found.cycles:,}", f"{found.waiting:,} ({found.wait_states})"
            table.add_row(one.board, one.core, PROFILES[one.profile], *numbers)
    if not table.row_count:
        return
    console.print(table)
    console.print(f"\n{ESTIMATED} In brackets: wait states of the flash below.")
    for core in dict.fromkeys(one.core for one in measured if one.estimate is not None):
        console.print(f"{core}: {CORES[core].basis}")
    console.print()


def _split(measured: Sequence[Measurement]) -> Table:
    """A row a statement, two columns a measurement: count and share."""
    heads = [column for one in measured for column in (one.core if _differ(measured) else one.profile, "")]
    table = plain_table("split", *heads, gap=1)
    table.columns[0].no_wrap = False
    for row in zip(*(one.laps for one in measured), strict=True):
        sums = [sum(lap.count for lap in one.laps) for one in measured]
        cells = [cell for lap, total in zip(row, sums, strict=True) for cell in _lap_cells(lap.count, total)]
        table.add_row(Text(row[0].equation), *cells)
    return table


def _differ(measured: Sequence[Measurement]) -> bool:
    return len({one.board for one in measured}) == len(measured)


def _lap_cells(count: int, total: int) -> tuple[str, str]:
    return f"{count:,}", f"{100 * count / total:.0f}%" if total else "-"


def show_comparison(comparison: Comparison) -> None:
    """What became worse than the history allows, then a summary."""
    for change in comparison.regressions:
        console.print(
            f"[bold red]{change.key}[/bold red]: {change.what} {change.before:,} before, {change.after:,} now "
            f"({100 * change.share:+.1f} %)",
            soft_wrap=True,
        )
    compared = _plural(comparison.compared, "measurement")
    worse = _plural(len(comparison.regressions), "number")
    console.print(f"{compared} compared; {worse} grew by more than {100 * TOLERANCE:g} %.")


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
