"""The command `rnn-edge stress`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..options import OUT

if TYPE_CHECKING:
    from ..paths import Artifacts
    from .run import Stress


@click.command()
@click.argument("model")
@click.option(
    "--steps", type=click.IntRange(min=10_000), default=100_000, show_default=True, help="Steps of each stream."
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the random inputs.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@OUT
def stress(model: str, steps: int, seed: int, as_json: bool, out: Path) -> None:
    """Run an exported MODEL on long streams that are never reset, beside its float network.

    Streams are its own test data and the hardest inputs that its format can hold. Exit code 1 where the deviation of
    the states from float still grows in the second half of a stream.
    """
    from ..source import artifacts_of

    results = _run(artifacts_of(model, out), steps, seed)
    if as_json:
        import json
        from dataclasses import asdict

        click.echo(json.dumps([asdict(one) for one in results], indent=1))
    else:
        from . import report

        report.show(results)
    sys.exit(1 if any(one.grows for one in results) else 0)


def _run(files: Artifacts, steps: int, seed: int) -> list[Stress]:
    import numpy as np

    from .. import progress
    from ..ir.check import check
    from ..ir.program import check_streams, load
    from ..keras_import import import_keras
    from .run import stress as run
    from .streams import Sequences, all_streams

    program = check_streams(check(load(files.program_json, files.program_npz)))
    model = import_keras(files.float_keras, files.name)
    with np.load(files.test_set, allow_pickle=False) as test:
        sequences = Sequences(*model.rows.of(test["x"], test["lengths"]))
    with progress.stepping(steps) as done:
        return run(program, model, all_streams(program, sequences, seed), steps, done)
