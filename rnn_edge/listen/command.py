"""The command `rnn-edge listen`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..options import OUT, PORT

if TYPE_CHECKING:
    from ..paths import Artifacts
    from .hear import Ears
    from .on_board import BoardEars

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("model")
@click.option("--wav", required=True, type=_FILE, help="Sound to listen to.")
@click.option("--said", type=_FILE, help="CSV file of what was said: start_s, end_s, word.")
@click.option("--threshold", type=click.FloatRange(0, 1, min_open=True, max_open=True),
              help="Probability from which a word is detected [default: the model's own].")  # fmt: skip
@click.option("--board", help="Board that listens too: each of its integers is compared, and what a frame costs.")
@click.option("--profile", type=click.Choice(["size", "speed"]),
              help="Compile an emulated board for few bytes or few instructions [default: size].")  # fmt: skip
@PORT
@OUT
def listen(
    model: str,
    wav: Path,
    said: Path | None,
    threshold: float | None,
    board: str | None,
    profile: str | None,
    port: str | None,
    out: Path,
) -> None:
    """Find the words of MODEL in a WAV file.

    Features, network and decision are computed in the integers of the device, as one stream from the first sample on.
    With --said: misses, false accepts an hour, and how long after its end a word is detected.

    With --board: the same samples go to the board, and exit code 1 says that a score or a detection came out otherwise
    there. An emulated board is built and started for it, a real one has to be flashed before.
    """
    from .. import progress
    from ..ir.check import check
    from ..ir.program import load
    from ..source import artifacts_of
    from .evaluate import compare, read_said
    from .hear import ears, with_threshold
    from .report import show_heard, show_outcome
    from .run import run
    from .sound import open_sound

    _check_options(threshold, board, profile, port)
    files = artifacts_of(model, out)
    own = ears(check(load(files.program_json, files.program_npz)))
    own = own if threshold is None else with_threshold(own, threshold)
    sound = open_sound(wav, own.features)
    spoken = None if said is None else read_said(said, own.words)
    with _witness(own, files, board, port, profile) as witness, progress.stepping(sound.samples) as done:
        heard = run(own, sound.pieces(), witness, done)
    show_heard(sound, own, heard, witness)
    if spoken is not None:
        show_outcome(compare(spoken, heard.detections, heard.seconds))


def _check_options(threshold: float | None, board: str | None, profile: str | None, port: str | None) -> None:
    """UserError where options do not go together."""
    from ..errors import UserError

    if board is None and (profile, port) != (None, None):
        raise UserError("--profile and --port go with --board: name the board.")
    if board is not None and threshold is not None:
        raise UserError(
            "A board decides by the threshold of its program: leave out --threshold, or set it in model.toml and "
            "export again."
        )


@contextmanager
def _witness(
    own: Ears, files: Artifacts, board: str | None, port: str | None, profile: str | None
) -> Iterator[BoardEars | None]:
    """The board that was named, or nobody."""
    if board is None:
        yield None
        return
    from ..board import load
    from .on_board import listening

    with listening(own, files, load(board), port, profile) as ears:
        yield ears
