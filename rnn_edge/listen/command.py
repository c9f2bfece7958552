"""The command `rnn-edge listen`."""

from __future__ import annotations

from pathlib import Path

import click

from ..options import OUT

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("model")
@click.option("--wav", required=True, type=_FILE, help="Sound to listen to.")
@click.option("--said", type=_FILE, help="CSV file of what was said: start_s, end_s, word.")
@click.option("--threshold", type=click.FloatRange(0, 1, min_open=True, max_open=True),
              help="Probability from which a word is detected [default: the model's own].")  # fmt: skip
@OUT
def listen(model: str, wav: Path, said: Path | None, threshold: float | None, out: Path) -> None:
    """Find the words of MODEL in a WAV file.

    Features, network and decision are computed in the integers of the device, as one stream from the first sample on.
    With --said: misses, false accepts an hour, and how long after its end a word is detected.
    """
    from .. import report
    from ..ir.check import check
    from ..ir.program import load
    from ..source import artifacts_of
    from .evaluate import compare, read_said
    from .hear import ears, with_threshold
    from .report import show_heard, show_outcome
    from .run import run
    from .sound import open_sound

    files = artifacts_of(model, out)
    own = ears(check(load(files.program_json, files.program_npz)))
    own = own if threshold is None else with_threshold(own, threshold)
    sound = open_sound(wav, own.features.rate_hz)
    spoken = None if said is None else read_said(said, own.words)
    with report.console.status("listen"):
        heard = run(own, sound.pieces())
    show_heard(sound, own, heard)
    if spoken is not None:
        show_outcome(compare(spoken, heard.detections, heard.seconds))
