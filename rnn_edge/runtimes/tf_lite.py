"""tf.lite, the interpreter inside TensorFlow."""

from __future__ import annotations

import warnings
from typing import Any

from .tflite_session import tflite_runtimes


def _module() -> Any:
    # TensorFlow announces that its interpreter moves to LiteRT each time one is opened.
    warnings.filterwarnings("ignore", category=UserWarning)
    from tensorflow.lite.python import interpreter

    return interpreter


RUNTIMES = tflite_runtimes("tf-lite", "tensorflow", "pip install 'rnn-edge[runtimes]'", _module)
