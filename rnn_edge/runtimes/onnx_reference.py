"""The reference evaluator of the onnx package: NumPy, operator by operator, and slow."""

from __future__ import annotations

from .onnx_session import Run, onnx_runtime

_STEP_LIMIT = 600
"""A few seconds for a network of two layers."""


def _open_model(content: bytes) -> Run:
    from onnx import load_from_string
    from onnx.reference import ReferenceEvaluator

    evaluator = ReferenceEvaluator(load_from_string(content))
    return lambda feeds: evaluator.run(None, dict(feeds))


RUNTIMES = [onnx_runtime("onnx-reference", "onnx", "pip install rnn-edge", _open_model, _STEP_LIMIT)]
