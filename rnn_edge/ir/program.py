"""The quantized program: one step of the network as a straight line of integer operations, and its files."""

from __future__ import annotations

import hashlib
import io
import json
import math
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ProgramError, UserError
from ..files import write_atomically

SEMANTICS = 1
"""Version of the integer arithmetic (docs/semantics.md). A program of another version is refused."""

LIMIT_BYTES = 64 << 20

DTYPES = {"int8": np.int8, "int16": np.int16, "int32": np.int32}


@dataclass(frozen=True)
class Value:
    """A vector of `size` integers that stand for `(integer - zero_point) * scale`; `scale` is a float32."""

    name: str
    dtype: str
    size: int
    scale: float
    zero_point: int = 0

    @property
    def fraction(self) -> int:
        """p where the scale is 2^-p; a ProgramError where it is not a power of two."""
        mantissa, exponent = math.frexp(self.scale)
        if mantissa != 0.5:
            raise ProgramError(f"Value {self.name!r} has scale {self.scale!r}; a power of two is needed here.")
        return 1 - exponent


@dataclass(frozen=True)
class Op:
    """`output = kind(inputs)` with the named constants; `begin` is the first element that a slice takes."""

    kind: str
    output: str
    inputs: tuple[str, ...]
    constants: tuple[str, ...] = ()
    begin: int = 0


@dataclass(frozen=True)
class State:
    """A value carried from step to step: `name` is read, `next` becomes its new content.

    After a reset each of its elements is `start`.
    """

    name: str
    next: str
    start: int = 0


@dataclass(frozen=True)
class Program:
    """One step: `input` and the states go in, `output` and the next states come out.

    `ops` lists the body, then the head: the operations after the first `body_ops` read nothing but next states, so a
    sequence whose last output alone is wanted (`every_step` false) runs them once.
    """

    name: str
    scheme: str
    values: Mapping[str, Value]
    constants: Mapping[str, NDArray[Any]]
    ops: tuple[Op, ...]
    body_ops: int
    input: str
    states: tuple[State, ...]
    output: str
    every_step: bool
    softmax: bool
    classes: tuple[str, ...]
    raw_unit: float  # value of one count of the raw int16 sensor, in the units the network was trained on
    semantics: int = SEMANTICS
    features: Mapping[str, Any] | None = None  # what makes the input of samples, and detections of the output:
    decision: Mapping[str, Any] | None = None  # `to_dict` of configurations of rnn_edge.features
    rate: int = 1  # rows of the sensor in the input of one step, one after the other
    mirrored: bool = False  # row t and row T - 1 - t of the sensor in the input of step t of T
    replies: tuple[str, ...] = ()  # what a device answers, a text for each class or none

    @property
    def tokens(self) -> int | None:
        """Number of tokens where the input is one (int32), otherwise None."""
        if self.values[self.input].dtype != "int32":
            return None
        return min(len(self.constants[op.constants[0]]) for op in self.ops if op.kind == "gather")

    def start_states(self) -> list[NDArray[np.int64]]:
        """The states `[units]` after a reset."""
        return [np.full(self.values[state.name].size, state.start, dtype=np.int64) for state in self.states]

    @cached_property
    def hash(self) -> str:
        """SHA-256 over the description and every constant: the identity of the program."""
        digest = hashlib.sha256(_to_json(self).encode())
        for name in sorted(self.constants):
            digest.update(np.ascontiguousarray(self.constants[name]).tobytes())
        return digest.hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Program) and self.hash == other.hash

    def __hash__(self) -> int:
        return hash(self.hash)


def check_streams(program: Program) -> Program:
    """The program; UserError where it cannot follow a stream, because its steps read a sequence from both ends."""
    if program.mirrored:
        raise UserError(
            f"{program.name} reads every sequence from both ends, and a stream has no end: use `rnn-edge verify`, or "
            "train a network that goes one way."
        )
    return program


def _to_json(program: Program) -> str:
    described: dict[str, Any] = {
        "semantics": program.semantics,
        "name": program.name,
        "scheme": program.scheme,
        "input": program.input,
        "states": [_without_defaults(state, start=0) for state in program.states],
        "output": program.output,
        "every_step": program.every_step,
        "softmax": program.softmax,
        "classes": list(program.classes),
        "raw_unit": program.raw_unit,
        "body_ops": program.body_ops,
        "values": [asdict(value) for value in program.values.values()],
        "ops": [asdict(op) for op in program.ops],
        "constants": {
            name: {"dtype": array.dtype.name, "shape": list(array.shape)}
            for name, array in sorted(program.constants.items())
        },
    }
    for name in ("features", "decision"):
        if (configuration := getattr(program, name)) is not None:
            described[name] = dict(configuration)
    if program.rate > 1 or program.mirrored:
        described["rows"] = {"rate": program.rate, "mirrored": program.mirrored}
    if program.replies:
        described["replies"] = list(program.replies)
    return json.dumps(described, indent=1)


def _without_defaults(record: Any, **defaults: object) -> dict[str, Any]:
    """A dataclass as a dictionary; what has its default says nothing, so that a field can come later."""
    return {key: value for key, value in asdict(record).items() if defaults.get(key, ...) != value}


def save(program: Program, json_path: Path, npz_path: Path) -> None:
    """Write both files; same program, same bytes."""
    packed = io.BytesIO()
    np.savez(packed, **{name: program.constants[name] for name in sorted(program.constants)})
    write_atomically(npz_path, packed.getvalue())
    write_atomically(json_path, (_to_json(program) + "\n").encode())


def load(json_path: Path, npz_path: Path) -> Program:
    """Read what `save` wrote. ProgramError on anything else; the caller still has to `check` it."""
    try:
        described = json.loads(_read(json_path))
        version = described["semantics"]
        if version != SEMANTICS:
            raise ProgramError(
                f"{json_path} has semantics version {version!r}; this tool runs version {SEMANTICS}: export it again."
            )
        return _from_json(described, _load_constants(npz_path, described["constants"]))
    except (KeyError, TypeError, ValueError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        raise ProgramError(
            f"{json_path} and {npz_path.name} are no quantized program ({type(error).__name__}: {error}); "
            "export the model again."
        ) from error


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > LIMIT_BYTES:
            raise ProgramError(f"{path} is larger than {LIMIT_BYTES} bytes, too large for a program: export it again.")
        return path.read_bytes()
    except OSError as error:
        raise ProgramError(f"{path} cannot be read ({error.strerror}); run `rnn-edge export` first.") from error


def _load_constants(path: Path, declared: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    packed = _read(path)
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        if sum(member.file_size for member in archive.infolist()) > LIMIT_BYTES:
            raise ProgramError(f"{path} unpacks to more than {LIMIT_BYTES} bytes: export the model again.")
    constants: dict[str, NDArray[Any]] = {}
    with np.load(io.BytesIO(packed), allow_pickle=False) as arrays:
        for name, form in declared.items():
            array = arrays[name]
            if array.dtype.name != form["dtype"] or list(array.shape) != form["shape"]:
                raise ProgramError(
                    f"{path} holds {name!r} as {array.dtype.name}{list(array.shape)}; "
                    f"the program says {form['dtype']}{form['shape']}: export the model again."
                )
            array.flags.writeable = False
            constants[name] = array
    return constants


def _from_json(described: Mapping[str, Any], constants: Mapping[str, NDArray[Any]]) -> Program:
    values = [Value(**value) for value in described["values"]]
    ops = [
        Op(op["kind"], op["output"], tuple(op["inputs"]), tuple(op["constants"]), op["begin"])
        for op in described["ops"]
    ]
    if len({value.name for value in values}) != len(values):
        raise ValueError("two values have one name")
    return Program(
        name=described["name"],
        scheme=described["scheme"],
        values={value.name: value for value in values},
        constants=constants,
        ops=tuple(ops),
        body_ops=described["body_ops"],
        input=described["input"],
        states=tuple(State(**state) for state in described["states"]),
        output=described["output"],
        every_step=described["every_step"],
        softmax=described["softmax"],
        classes=tuple(described["classes"]),
        raw_unit=described["raw_unit"],
        semantics=described["semantics"],
        features=described.get("features"),
        decision=described.get("decision"),
        replies=tuple(described.get("replies", ())),
        **described.get("rows", {}),
    )
