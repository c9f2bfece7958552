"""LiteRT (ai-edge-litert), the successor of tflite-runtime."""

from __future__ import annotations

from typing import Any

from .tflite_session import tflite_runtimes


def _module() -> Any:
    from ai_edge_litert import interpreter

    return interpreter


RUNTIMES = tflite_runtimes("litert", "ai-edge-litert", "pip install 'rnn-edge[runtimes]'", _module)
