"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path

import click

OUT = click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), default=Path("build"), show_default=True,
    help="Folder that holds one folder a model.",
)  # fmt: skip
BOARD = click.option("--board", required=True, help="Name of a board (see `rnn-edge boards`), or path of a board file.")
PROFILE = click.option(
    "--profile", type=click.Choice(["size", "speed"]), default="size", show_default=True,
    help="Compile for few bytes (-Os) or few instructions (-O2).",
)  # fmt: skip
WEIGHTS_IN_RAM = click.option("--weights-in-ram", is_flag=True, help="Copy the weights to RAM at start.")
COUNTERS = click.option(
    "--counters", is_flag=True, help="Count what saturates, for `rnn-edge monitor`; a step takes longer."
)
PORT = click.option("--port", help="Serial port of the board [default: found by its USB id].")
