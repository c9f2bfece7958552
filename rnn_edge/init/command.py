"""The commands `rnn-edge init` and `rnn-edge data`."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

_POSITIVE = click.FloatRange(0, min_open=True)


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--data", "source", required=True, type=click.Path(path_type=Path),
              help="Folder of CSV or WAV recordings, an .npz, or a _TRAIN.ts.")  # fmt: skip
@click.option("--cell", default="gru", show_default=True, help="Recurrent cell, such as gru or lstm.")
@click.option("--units", type=click.IntRange(1, 4096), default=16, show_default=True, help="Units of the cell.")
@click.option("--window", type=_POSITIVE, help="Cut recordings into windows of so many seconds.")
@click.option("--hop", type=_POSITIVE, help="Seconds from window to window [default: half a window].")
@click.option("--rate", type=_POSITIVE, help="Steps a second; recordings of another rate are resampled.")
def init(
    model: Path,
    source: Path,
    cell: str,
    units: int,
    window: float | None,
    hop: float | None,
    rate: float | None,
) -> None:
    """Write a first model.toml for your own data.

    Reads the data, refuses what cannot be used, shows what there is, and writes MODEL/model.toml with a reason on every
    line. Recordings: class/file, class/group/file, or files with a labels.csv (file,label,group). A group, such as a
    person, is either learned or tested; without one each recording is a group. Of sound (WAV of one channel, 8,000
    samples a second and more) log-mel features are learned, of other recordings the values themselves.
    """
    from .. import report
    from . import start
    from .report import show_summary

    with report.console.status("read the data"):
        begun = start.begin(model, source, start.Wish(cell, units, window, hop, rate))
    show_summary(begun.summary, begun.rate_hz)
    following = shlex.join(["rnn-edge", "train", str(model)])
    report.console.print(f"\nWritten to {begun.path}. Next: {following}", soft_wrap=True, markup=False)


@click.command()
@click.argument("model")
def data(model: str) -> None:
    """Show the data of MODEL: classes, channels, lengths, groups."""
    from .. import report, spec
    from ..paths import MODELS
    from ..source import dataset_of, features_of
    from .report import show_summary
    from .summary import summarize

    folder = spec.find(model, MODELS)
    described = spec.load(folder)
    with report.console.status("read the data"):
        summary = summarize(dataset_of(described, folder))
    features = features_of(described)
    show_summary(summary, described.data.rate_hz if features is None else features.frames_per_s)
