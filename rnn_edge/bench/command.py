"""The command `rnn-edge bench`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..options import OUT, WEIGHTS_IN_RAM

if TYPE_CHECKING:
    from ..paths import Artifacts


@click.command()
@click.argument("model", required=False)
@click.option("--cell", help="Instead of MODEL: one layer of this cell, random weights.")
@click.option("--inputs", type=int, default=16, show_default=True, help="Inputs of --cell.")
@click.option("--units", type=int, default=32, show_default=True, help="Units of --cell.")
@click.option("--scheme", type=click.Choice(["int8", "int16x8"]), default="int8", show_default=True,
              help="Scheme of --cell.")  # fmt: skip
@click.option("--weights", type=click.Choice(["8", "4"]), default="8", show_default=True,
              help="Bits of a weight of --cell; a MODEL has those of its export.")  # fmt: skip
@click.option("--reference", is_flag=True, help="Instead of MODEL: the shapes of docs/benchmarks.md.")
@click.option("--board", "boards", multiple=True, help="This emulated board (repeatable).")
@click.option("--all-emulated", is_flag=True, help="All emulated boards on which it fits.")
@click.option("--host", "on_host", is_flag=True, help="Time MODEL on this computer too, beside other runtimes.")
@click.option("--cycles", is_flag=True, help="Estimate cycles too, on Cortex-M0, M4 and M7.")
@click.option("--profile", type=click.Choice(["speed", "size", "both"]), default="speed", show_default=True,
              help="Compile for few instructions (-O2), few bytes (-Os), or both.")  # fmt: skip
@WEIGHTS_IN_RAM
@click.option("--history", type=click.Path(file_okay=False, path_type=Path), default=Path("benchmarks"),
              show_default=True, help="Folder of stored measurements.")  # fmt: skip
@click.option("--store", is_flag=True, help="Store what was measured in the history.")
@click.option("--check", is_flag=True, help="Exit code 1 where a number grew by more than 2 % against the history.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@OUT
def bench(
    model: str | None,
    cell: str | None,
    inputs: int,
    units: int,
    scheme: str,
    weights: str,
    reference: bool,
    boards: tuple[str, ...],
    all_emulated: bool,
    on_host: bool,
    cycles: bool,
    profile: str,
    weights_in_ram: bool,
    history: Path,
    store: bool,
    check: bool,
    as_json: bool,
    out: Path,
) -> None:
    """Count the instructions of a step of MODEL on emulated boards, and the bytes it takes.

    Counts are exact: instructions, not cycles of silicon, but for AVR, whose emulator counts cycles. Cycles (--cycles)
    are estimated from them and the timings of the core's manual. Times on this computer (--host) are no counts.
    """
    from .. import progress
    from ..source import artifacts_of
    from . import report, run, subjects

    files = artifacts_of(model, out) if model else None
    if on_host:
        _time_here(files, as_json)
        if not boards and not all_emulated:
            return
    shape = subjects.Shape(cell, inputs, units, scheme, int(weights)) if cell else None
    chosen = subjects.choose(files, shape, reference)
    targets = run.targets(boards, all_emulated, ("speed", "size") if profile == "both" else (profile,), weights_in_ram)
    with progress.benchmark(len(chosen) * len(targets)) as show:
        results = run.measure_all(chosen, targets, history, store or not check, cycles, show)
    if as_json:
        click.echo(report.bench_json(results))
    else:
        report.show_results(results)
    if store:
        run.store(results, history)
    if check:
        comparison = run.compare(results, history)
        if not as_json:
            report.show_comparison(comparison)
        sys.exit(1 if comparison.regressions else 0)


def _time_here(files: Artifacts | None, as_json: bool) -> None:
    from ..errors import UserError
    from . import host, report, subjects

    if files is None or as_json:
        raise UserError("--host prints a table of an exported model: name a MODEL, and leave out --json.")
    (subject,) = subjects.choose(files, None, False)
    report.show_host(host.rows(host.measure(subject.program, files)))
