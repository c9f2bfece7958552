"""What runtimes with explicit state are fed: model files, inputs and states in the types of the program."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from ..ir.arithmetic import IntArray
from ..ir.program import DTYPES, Program


def read_model(path: Path) -> bytes:
    """The content of an exported file; UserError where it is not there."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); run `rnn-edge export` first.") from error


def typed_input(program: Program, x: IntArray) -> NDArray[Any]:
    """Inputs `[..., inputs]` in the type of the input, tokens `[...]`.

    UserError for a token out of range: ONNX would take a negative one from the end of the table.
    """
    typed: NDArray[Any] = x.astype(DTYPES[program.values[program.input].dtype])
    if program.tokens is None:
        return typed
    if np.any((x < 0) | (x >= program.tokens)):
        raise UserError(f"{program.name} takes tokens from 0 to {program.tokens - 1}; the input has others.")
    return typed[..., 0]


def typed_sequence(program: Program, x: IntArray) -> NDArray[Any]:
    """A sequence `[steps, inputs]` as `typed_input` gives it; UserError where it has no step, which runtimes refuse."""
    if len(x) == 0:
        raise UserError(f"{program.name} was given a sequence without a step; give it one or more.")
    return typed_input(program, x)


def typed_states(program: Program, states: Sequence[IntArray]) -> list[NDArray[Any]]:
    """States `[units]` in their types."""
    return [
        array.astype(DTYPES[program.values[state.name].dtype])
        for array, state in zip(states, program.states, strict=True)
    ]
