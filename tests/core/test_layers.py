"""The structure of the package: who may import whom, and what must not be imported to start."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import rnn_edge

PACKAGE = Path(rnn_edge.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

BASE = {"errors", "files", "paths", "names", "processes", "rnn_edge"}
# What stands to the right of the program must not know where the program came from.
ALLOWED: dict[str, set[str]] = {
    "ir": BASE | {"ir"},
    "cells": {"cells"},
    "datasets": BASE | {"datasets", "features"},
    "recordings": BASE | {"datasets", "features", "recordings"},
    "init": BASE | {"cells", "datasets", "features", "recordings", "spec", "source", "report"},
    "features": BASE | {"features"},
    "backends": BASE | {"ir", "features", "backends"},
    "runtimes": BASE | {"ir", "backends", "runtimes", "vectors"},
    "vectors": BASE | {"ir"},
    "outputs": {"ir"},
    "link": BASE | {"ir", "vectors"},
    "script": {"ir", "vectors"},
    "diagnose": {"errors", "ir", "runtimes", "vectors"},
    "verdict": {"rnn_edge"},
    "keras_cell": BASE | {"cells", "float_model", "readings"},
    "keras_float": BASE | {"cells", "runtimes", "keras_cell"},
    "verify": BASE | {"ir", "vectors", "runtimes", "verdict", "outputs", "diagnose", "script", "keras_float"},
    "rows": BASE,
    "float_model": {"cells", "rows"},
    "time_layers": {"float_model", "readings"},
    "readings": {"cells", "float_model", "time_layers"},
    "keras_archive": BASE | {"cells"},
    "keras_stack": BASE | {"cells", "float_model", "keras_archive", "rows"},
    "keras_recurrent": BASE | {"cells", "float_model", "keras_archive", "keras_stack"},
    "keras_time_layers": BASE | {"cells", "float_model", "keras_archive", "keras_stack"},
    "keras_import": BASE
    | {"cells", "float_model"}
    | {"keras_archive", "keras_stack", "keras_recurrent", "keras_time_layers"},
    "usage": {"cells", "readings"},
    "rounding": {"cells"},
    "calibrate": BASE | {"cells", "float_model", "readings", "usage"},
    "quantize_weights": BASE | {"cells", "ir", "usage", "rounding"},
    "quantize": BASE | {"cells", "float_model", "readings", "usage", "calibrate", "ir", "quantize_weights"},
    "sections": BASE,
    "board": BASE | {"sections"},
    "compilers": BASE | {"board"},
    "footprint": BASE | {"board"},
    "build": BASE | {"ir", "backends", "board", "compilers", "footprint", "link", "tools"},
    "emulators": BASE | {"board", "tools", "link"},
    "tools": BASE | {"board", "sections"},
    "serial_ports": BASE | {"board"},
    "drift": BASE | {"calibrate", "ir"},
    "flash": BASE | {"board", "tools", "serial_ports", "emulators"},
    "qat": BASE
    | {
        "ir",
        "cells",
        "datasets",
        "float_model",
        "calibrate",
        "quantize",
        "keras_import",
        "rows",
        "outputs",
        "spec",
        "train",
    },
    "chat": BASE | {"ir", "datasets", "runtimes", "tools", "source", "board", "device", "link"} | {"options", "report"},
    "options": set(),
    "stress": BASE
    | {"ir", "cells", "float_model", "readings", "calibrate", "keras_import", "source"}
    | {"options", "progress", "report"},
    "bench": BASE
    | {"ir", "backends", "runtimes", "script", "keras_float", "keras_cell"}
    | {"cells", "float_model", "calibrate", "quantize", "source"}
    | {"board", "build", "tools", "emulators", "link"}
    | {"sections", "options", "progress", "report"},
}
HEAVY = ("tensorflow", "keras", "onnx", "onnxruntime", "tflite_runtime", "ai_edge_litert", "tflite_micro")


def unit(path: Path) -> str:
    """Folder or module of the package that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_units(path: Path) -> set[str]:
    """Units of this package that a file imports, wherever in the file."""
    depth = len(path.relative_to(PACKAGE).parts)
    units = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level == depth:
            names = [node.module.split(".")[0]] if node.module else [alias.name for alias in node.names]
            units |= {
                name if (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").is_file() else "rnn_edge"
                for name in names
            }
        elif isinstance(node, ast.ImportFrom) and 0 < node.level < depth:
            units.add(unit(path))
    return units


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_data_flows_one_way(path: Path) -> None:
    allowed = ALLOWED.get(unit(path))
    if allowed is not None:
        assert imported_units(path) - {unit(path)} <= allowed


def test_every_rule_names_something_that_exists() -> None:
    units = {unit(path) for path in MODULES} | {"rnn_edge"}
    assert set(ALLOWED) | set().union(*ALLOWED.values()) <= units


@pytest.mark.parametrize("module", ["rnn_edge", "rnn_edge.cli"])
def test_starting_imports_nothing_heavy(module: str) -> None:
    code = f"import {module}, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numpy", "rich", "pydantic", *HEAVY} & set(loaded)


def test_only_training_and_child_processes_import_tensorflow() -> None:
    for path in MODULES:
        if unit(path) in ("train", "qat", "runtimes", "keras_cell", "keras_float") or path.name == "host_worker.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name.split(".")[0] for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names = [node.module.split(".")[0]]
            heavy = set(HEAVY) - ({"onnx"} if unit(path) == "backends" else set())
            assert not heavy & set(names), path


def test_files_and_functions_stay_small() -> None:
    for path in MODULES:
        text = path.read_text()
        assert len(text.splitlines()) <= 320, f"{path.name} is long: is it one idea?"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                assert (node.end_lineno or 0) - node.lineno < 50, f"{path.name}: {node.name} is long"
