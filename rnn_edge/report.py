"""Tables for the terminal; every one fits 80 columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from .ir.check import SCHEMES
from .paths import Artifacts
from .runtimes import Found, Missing
from .verdict import FAILED, INTERPRETER, MISSING, PASSED, Row, Verdict

if TYPE_CHECKING:
    from .export import Exported
    from .metrics import Metrics
    from .quality import Quality
    from .train.gradients import Reach

console = Console(highlight=False)

_STYLES = {PASSED: "green", FAILED: "bold red", MISSING: "yellow"}


def plain_table(*columns: str, left: int = 1, gap: int = 2) -> Table:
    """A plain table whose first `left` columns are text and the rest numbers."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, gap, 0, 0))
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index < left else "right", no_wrap=index < left)
    return table


def percent(share: float | None, digits: int = 2) -> str:
    return "-" if share is None else f"{100 * share:.{digits}f} %"


def _count(number: float | None) -> str:
    if number is None:
        return "-"
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if number >= 10 * size or (number >= size and unit == "M"):
            return f"{number / size:.3g} {unit}" if number < 1000 * size else f"{number / size:.0f} {unit}"
    return f"{number:.0f}"


def show_models(rows: Iterable[tuple[str, str, str, Metrics | None]]) -> None:
    """Name, task, layers and metrics of each model."""
    table = plain_table("model", "layers", "params", "float", "int8", "int16x8", "seeds", "baseline", left=2, gap=1)
    tasks = []
    for name, task, layers, metrics in rows:
        tasks.append((name, task))
        if metrics is None:
            table.add_row(name, layers, *["-"] * 6)
            continue
        kept = [metrics.float_accuracy[0], *(metrics.schemes[scheme].accuracy for scheme in SCHEMES)]
        shares = [
            "-" if one is None else f"{100 * one:.1f}" for one in (*kept, metrics.mean_accuracy, metrics.baseline)
        ]
        table.add_row(name, layers, str(metrics.parameters), *shares)
    console.print(table)
    console.print()
    for name, task in tasks:
        console.print(f"{name}: {task}")
    console.print(
        "\nfloat, int8, int16x8: test accuracy in % of the weights that come with it;"
        "\nseeds: mean float accuracy over seeds; baseline: what needs no network, such as"
        "\nlogistic regression; for values to forecast it is R2 in the place of accuracy."
    )


def show_training(metrics: Metrics, files: Artifacts, following: str) -> None:
    """What a training measured, and the command that follows."""
    rows = [(f"float, seed {seed}", right) for seed, right in zip(metrics.seeds, metrics.float_accuracy, strict=True)]
    if len(metrics.seeds) > 1:
        rows.append((f"float, mean of {len(metrics.seeds)} seeds", metrics.mean_accuracy))
    rows.append((metrics.baseline_name, metrics.baseline))
    rows += [
        (f"{scheme}, seed {metrics.seeds[0]}", quality.accuracy)
        for scheme, quality in metrics.schemes.items()
        if quality.accuracy is not None
    ]
    values = metrics.deviation is not None
    table = plain_table("test split", *(("RMSE", "R2") if values else ("accuracy",)))
    for name, right in rows:
        table.add_row(name, *((f"{metrics.rmse(right):.4g}", f"{right:.4f}") if values else (percent(right),)))
    console.print(table)
    console.print(
        f"\n{metrics.parameters} parameters; written to {files.float_keras}. Next: {following}",
        soft_wrap=True,
    )


def show_reach(reach: Reach, path: Path) -> None:
    """How far back the gradient reaches: some of its norms, and what they say."""
    table = plain_table("steps back", *reach.layers, left=0)
    for lag, shares in reach.some():
        table.add_row(str(lag), *(f"{100 * share:.3g} %" for share in shares))
    console.print("gradient of the loss at the last step by an earlier state, as a share of\nthat 1 step back\n")
    console.print(table)
    console.print()
    for sentence in reach.sentences():
        console.print(sentence, markup=False)
    console.print(f"Plotted in {path}; docs/training.md says how to read it.\n", soft_wrap=True, markup=False)


def show_quality(quality: Quality) -> None:
    """How close the program is to the float network."""
    table = plain_table("quality on the test split", "")
    if quality.accuracy is not None and quality.float_accuracy is not None:
        name = "R2" if quality.agreement is None else "accuracy"
        table.add_row(f"{name}, float", percent(quality.float_accuracy))
        change = 100 * (quality.accuracy - quality.float_accuracy)
        table.add_row(f"{name}, quantized", f"{percent(quality.accuracy)} ({change:+.2f})")
    table.add_row("same class as float", percent(quality.agreement))
    table.add_row("signal to noise of the outputs", f"{quality.snr_db:.1f} dB")
    table.add_row("clipped input values", percent(quality.clipped_inputs))
    table.add_row("saturated gates", percent(quality.saturated_gates))
    console.print(table)


def show_export(exported: Exported, folder: Path, seconds: float, following: str) -> None:
    """What an export made, and the command that follows."""
    program = exported.program
    console.print(
        f"[bold]{program.name}[/bold], scheme {program.scheme}, program {program.hash[:12]}, "
        f"float weights from {exported.float_keras}\n",
        soft_wrap=True,
    )
    show_quality(exported.quality)
    for layer in exported.long_memories:
        console.print(
            f"[yellow]{layer} remembers more than some 300 steps; an int16 state may not follow beyond 1,000.[/yellow]"
        )
    console.print()
    table = plain_table("file", "bytes")
    for name, size in exported.sizes.items():
        table.add_row(name, f"{size:,}")
    console.print(table)
    console.print(f"\nWritten to {folder} in {seconds:.1f} s. Next: {following}", soft_wrap=True)


def show_verdict(verdict: Verdict) -> None:
    """One line a runtime, then what was noted."""
    console.print(f"[bold]{verdict.model}[/bold], scheme {verdict.scheme}, program {verdict.program[:12]}\n")
    table = plain_table(
        "runtime", "version", "contract", "values", "differ", "max", "accuracy", "steps/s", left=3, gap=1
    )
    for row in verdict.rows:
        table.add_row(*_verdict_cells(row), style="" if row.status != MISSING else "dim")
    console.print(table)
    console.print()
    for (status, note), names in _noted(verdict.rows).items():
        style = _STYLES.get(status, "") if status != PASSED else ""
        console.print(f"{', '.join(names)}: {note}", style=style, markup=False, soft_wrap=True)
    console.print(_summary(verdict), soft_wrap=True)


def _noted(rows: Iterable[Row]) -> dict[tuple[str, str], list[str]]:
    """Runtimes of which the same is to be said, together."""
    together: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if row.note:
            together.setdefault((row.status, row.note), []).append(row.runtime)
    return together


def _verdict_cells(row: Row) -> Sequence[str]:
    if row.status == MISSING:
        return (row.runtime, "[yellow]missing[/yellow]", row.contract, "-", "-", "-", "-", "-")
    compared = row.compared > 0
    color = _STYLES.get(row.status, "default")
    return (
        row.runtime,
        row.version[:13],
        row.contract,
        _count(row.compared) if compared else "-",
        f"[{color}]{_count(row.differing)}[/{color}]"
        if compared
        else ("-" if row.status != FAILED else "[red]failed[/red]"),
        str(row.largest) if compared else "-",
        percent(row.accuracy),
        _count(row.steps_per_second),
    )


def _summary(verdict: Verdict) -> str:
    statuses = [row.status for row in verdict.rows if row.runtime != INTERPRETER]
    passed, failed, missing = (statuses.count(status) for status in (PASSED, FAILED, MISSING))
    text = f"\n{passed} of {passed + failed} exact runtimes computed the same integers"
    text += f", [bold red]{failed} did not[/bold red]" if failed else ""
    return text + (f"; {missing} missing, not counted." if missing else ".")


def show_runtimes(rows: Iterable[tuple[str, str, Found | Missing]]) -> None:
    """Name, contract and state of every runtime."""
    table = plain_table("runtime", "contract", "version, or how to get it", left=3)
    for name, contract, found in rows:
        state = found.version if isinstance(found, Found) else f"[yellow]missing:[/yellow] {found.how}"
        table.add_row(name, contract, state)
    console.print(table)
    console.print("\nexact: every integer equals the interpreter's; within k: k is measured, see verify.")
