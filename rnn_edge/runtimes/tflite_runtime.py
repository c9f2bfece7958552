"""tflite-runtime: the interpreter that many devices still have."""

from __future__ import annotations

from typing import Any

from .tflite_session import tflite_runtimes


def _module() -> Any:
    from tflite_runtime import interpreter

    return interpreter


RUNTIMES = tflite_runtimes(
    "tflite-runtime",
    "tflite-runtime",
    "pip install 'rnn-edge[runtimes]' with Python 3.11: there is no wheel for a later one; litert is its successor",
    _module,
)
