"""The bundled models, exported as C once a test session, and their firmware."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pytest

from rnn_edge import compilers, datasets, script
from rnn_edge.board import Board, all_boards
from rnn_edge.build import Firmware, build
from rnn_edge.errors import MissingError
from rnn_edge.export import export
from rnn_edge.ir.program import Program
from rnn_edge.paths import MODELS, Artifacts
from rnn_edge.source import Samples, open_source
from tests import spoken

NAMES = sorted(path.parent.name for path in MODELS.glob("*/model.toml"))
SMALL = ("power", "vowels")
"""Models for every emulated board; the scripts of larger ones take minutes where a core is slow to emulate."""

ONE_BOARD = "mps2-an386"
EMULATED = [name for name, board in all_boards().items() if board.emulated]
PAIRS = [(board, model) for board in EMULATED for model in NAMES if model in SMALL or board == ONE_BOARD]
"""Board and model: each small one everywhere, every other one on a Cortex-M4."""

FEW = 64
"""Sequences of the test split in the vectors of a model, whose whole split would take the boards most of the time."""

STREAM = 1000
"""Steps of the long stream in them."""

_FOLDER = tempfile.TemporaryDirectory(prefix="rnn_edge_tests.")


@dataclass(frozen=True)
class Bundled:
    """An exported model."""

    program: Program
    artifacts: Artifacts

    def build(self, board: Board, folder: Path, link: str = "uart", compiler: str | None = None) -> Firmware:
        """Its firmware; skips where the compiler is missing."""
        try:
            compilers.find(board.family, compiler)
        except MissingError as error:
            pytest.skip(str(error))
        return build(self.program, self.artifacts, board, folder, link, compiler)


@cache
def bundled(name: str) -> Bundled:
    artifacts = Artifacts(Path(_FOLDER.name) / name, name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(datasets.all_sets(), "spoken_words", spoken.few_words)
        patch.setattr(script, "LONG_STEPS", STREAM)
        try:
            source = open_source(name, artifacts, None)
        except MissingError as error:
            pytest.skip(str(error))
        test = source.test
        few = Samples(test.x[:FEW], test.lengths[:FEW], None if test.y is None else test.y[:FEW])
        return Bundled(export(replace(source, test=few), artifacts, formats=("c",)).program, artifacts)
