"""Importing Keras with TensorFlow, without what they write while they start."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

from ..errors import MissingError


def start_keras() -> Any:
    """The module keras; MissingError where it or TensorFlow is not installed."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    try:
        with _silent():
            import keras
            import tensorflow

            tensorflow.config.list_physical_devices()
            tensorflow.get_logger().setLevel("ERROR")  # it warns of every network after the fourth in a process
    except ImportError as error:
        raise MissingError(f"Training needs TensorFlow ({error}): run `pip install 'rnn-edge[train]'`.") from error
    return keras


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Drop what TensorFlow writes while it looks for a GPU: it does so before its own log level counts."""
    kept = os.dup(2)
    with open(os.devnull, "wb") as nothing:
        os.dup2(nothing.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
