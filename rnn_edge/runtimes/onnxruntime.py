"""onnxruntime, with its graph optimizations and without."""

from __future__ import annotations

from .onnx_session import OpenModel, Run, onnx_runtime

_ERRORS_ONLY = 3


def _open_model(level: str) -> OpenModel:
    def open_model(content: bytes) -> Run:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = _ERRORS_ONLY
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        return lambda feeds: session.run(None, feeds)

    return open_model


RUNTIMES = [
    onnx_runtime(name, "onnxruntime", "pip install 'rnn-edge[runtimes]'", _open_model(level))
    for name, level in (("onnxruntime", "ORT_ENABLE_ALL"), ("onnxruntime-noopt", "ORT_DISABLE_ALL"))
]
