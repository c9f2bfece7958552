"""The words of `spoken_words`, tested by a speaker of Flite whom training never hears: another kind of synthesizer."""

from __future__ import annotations

from ..features import LogMel
from . import Dataset, spoken_words


def load(features: LogMel) -> Dataset:
    """As `spoken_words.load`, with the other test split."""
    return spoken_words.tested_by("flite", features)
