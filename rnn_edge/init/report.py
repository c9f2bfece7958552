"""The summary of a data set for the terminal, in 80 columns."""

from __future__ import annotations

from collections.abc import Sequence

from rich.markup import escape

from ..report import console, plain_table
from .summary import Summary

_NAME = 30
_ROWS = 24


def show_summary(summary: Summary, rate_hz: float | None) -> None:
    """Classes, channels, lengths, groups and what was done to the files."""
    if summary.classes:
        _show_classes(summary)
    if summary.tokens is None:
        table = plain_table("channel", "lowest", "mean", "deviation", "highest")
        for channel in summary.channels[:_ROWS]:
            numbers = (channel.low, channel.mean, channel.deviation, channel.high)
            table.add_row(_short(channel.name), *(f"{number:.4g}" for number in numbers))
        if len(summary.channels) > _ROWS:
            table.add_row(f"... and {len(summary.channels) - _ROWS} more", "", "", "", "")
        console.print(table)
    else:
        console.print(f"tokens 0 to {summary.tokens - 1}")
    console.print()
    for line in _lines(summary, rate_hz):
        console.print(line, markup=False)


def _lines(summary: Summary, rate_hz: float | None) -> Sequence[str]:
    shortest, median, longest = summary.steps
    steps = f"{longest} steps each" if shortest == longest else f"{shortest} to {longest} steps, median {median}"
    lines = [
        f"{steps}{'' if rate_hz is None else f', {longest / rate_hz:.4g} s at {rate_hz:g} Hz'}; no value is missing."
    ]
    if summary.groups is None:
        lines.append("Without groups: sequences of one recording may be in training and test.")
    else:
        train, test = summary.groups
        names = ", ".join(summary.test_groups[:4]) + (", ..." if test > 4 else "")
        lines.append(f"{train} groups for training, {test} for the test ({names}); none is in both.")
    return [*lines, *summary.notes]


def _short(name: str) -> str:
    return escape(name if len(name) <= _NAME else f"{name[: _NAME - 3]}...")


def _show_classes(summary: Summary) -> None:
    table = plain_table("class", "training", "test")
    for name, train, test in summary.classes[:_ROWS]:
        table.add_row(_short(name), str(train), str(test) if test else "[yellow]0[/yellow]")
    if len(summary.classes) > _ROWS:
        table.add_row(f"... and {len(summary.classes) - _ROWS} more", "", "")
    table.add_row("[bold]all[/bold]", *(str(sum(column)) for column in list(zip(*summary.classes, strict=True))[1:]))
    console.print(table)
    console.print()
