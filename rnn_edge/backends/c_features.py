"""The C of features and decisions: constant tables, a state and the calls of the loops in firmware/features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import __version__
from ..features import Configuration, Decision, LogMel, Statistics, from_dict
from ..ir.program import Program
from ..paths import FIRMWARE
from .c_templates import render
from .c_text import Table, check_model_name, table, with_notes


def write(configuration: Configuration, name: str) -> dict[str, str]:
    """File name -> text of `name`_features or `name`_decision and the files they include; same input, same bytes.

    TypeError for what has no state of its own to generate (a Decimation is one call: rnn_decimate).
    """
    check_model_name(name)
    if isinstance(configuration, Decision):
        part, loops, facts = "decision", ["rnn_decision"], _decision(configuration, name)
    elif isinstance(configuration, LogMel):
        part, loops, facts = "features", ["rnn_log_mel"], _log_mel(configuration, name)
    elif isinstance(configuration, Statistics):
        part, loops, facts = "features", ["rnn_statistics"], _statistics(configuration, name)
    else:
        raise TypeError(f"There is no C to generate for {configuration.kind}.")
    facts |= {"name": name, "NAME": name.upper(), "hash": configuration.hash, "version": __version__}
    files = {f"{name}_{part}.{end}": render(f"{part}.{end}.j2", **facts) for end in "hc"}
    files |= {f"{loop}.{end}": (FIRMWARE / "features" / f"{loop}.{end}").read_text() for loop in loops for end in "hc"}
    if part == "features":
        files["rnn_window.h"] = (FIRMWARE / "features" / "rnn_window.h").read_text()
    return files | {"rnn_core.h": (FIRMWARE / "kernels" / "rnn_core.h").read_text()}


def of_program(program: Program) -> dict[str, str]:
    """File name -> text of the features and the decision of a program; nothing where it has none."""
    texts: dict[str, str] = {}
    for described in (program.features, program.decision):
        if described is not None:
            texts |= write(from_dict(described), program.name)
    return texts


def hears(program: Program) -> bool:
    """Can a device listen with it? It has features and a decision, and int16 scores of classes."""
    has_both = program.features is not None and program.decision is not None
    return has_both and program.softmax and program.values[program.output].dtype == "int16"


def ears_binding(program: Program) -> str:
    """`ears_binding.h`: what firmware/ears needs to know about a program that hears."""
    return render("ears_binding.h.j2", name=program.name, NAME=program.name.upper(), version=__version__)


def _log_mel(features: LogMel, name: str) -> dict[str, Any]:
    bands = features.bands
    tables = [
        table("int16_t", f"{name}_sine", features.quarter_sine),
        table("uint16_t", f"{name}_hann", features.half_hann),
        table("uint8_t", f"{name}_weight", bands.weights),
        table("uint16_t", f"{name}_end", bands.ends),
    ]
    return {
        "loops": "rnn_log_mel",
        "what": f"{features.mels} bands of a window of {features.window} samples every {features.hop}",
        "item": "sample",
        "unit": "octaves of power at 2^-8",
        "defines": _defines(name, features.mels, features.window, features.hop, [("RATE_HZ", features.rate_hz, "")]),
        "tables": tables,
        "fields": {
            "window": features.window,
            "fft": features.fft,
            "mels": features.mels,
            "first": bands.first,
            "floor": features.floor,
            **_pointers(name, tables),
        },
        "scratch": features.fft,
    }


def _statistics(features: Statistics, name: str) -> dict[str, Any]:
    tables = [table("uint8_t", f"{name}_kind", features.numbers)]
    return {
        "loops": "rnn_statistics",
        "what": f"{', '.join(features.statistics)} of {features.channels} channels",
        "item": "count",
        "unit": "counts, all channels of the first statistic first",
        "defines": _defines(
            name, features.size, features.window * features.channels, features.hop * features.channels, []
        ),
        "tables": tables,
        "fields": {
            "channels": features.channels,
            "window": features.window,
            "count": len(features.statistics),
            **_pointers(name, tables),
        },
        "scratch": 0,
    }


def _decision(decision: Decision, name: str) -> dict[str, Any]:
    tables = [table("uint8_t", f"{name}_wanted", decision.wanted)]
    return {
        "tables": tables,
        "classes": decision.classes,
        "fields": {
            "classes": decision.classes,
            "smoothing": decision.smoothing,
            "threshold": decision.threshold,
            "rest": decision.rest,
            **_pointers(name, tables),
        },
    }


def _defines(name: str, size: int, window: int, hop: int, more: Sequence[tuple[str, int, str]]) -> list[str]:
    rows = [("FEATURES", size, "of a frame"), *more, ("WINDOW", window, "int16_t"), ("HOP", hop, "int16_t")]
    return with_notes([(f"#define {name.upper()}_{key} {value}", note) for key, value, note in rows])


def _pointers(name: str, tables: Sequence[Table]) -> dict[str, str]:
    """Field -> table: the tables are named after the fields."""
    return {one.name.removeprefix(f"{name}_"): one.name for one in tables}
