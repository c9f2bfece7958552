"""The `.keras` file opened without Keras: a zip with `config.json` and `model.weights.h5`, read as untrusted data."""

from __future__ import annotations

import io
import json
import re
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from .cells import FloatArray
from .errors import ModelError

_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"
_LIMITS = {_CONFIG: 4 * 2**20, _WEIGHTS: 64 * 2**20, "metadata.json": 2**20}
_FILE_BYTES = sum(_LIMITS.values())
_MEMBERS = 16
_DATASETS_A_LAYER = 16

# Where Keras keeps the variables of a plain layer, of a recurrent one, and of what is wrapped in another.
_PLACES = ("vars", "cell/vars", "layer/vars", "forward_layer/cell/vars", "backward_layer/cell/vars")

_BROKEN = (
    OSError, EOFError, ValueError, KeyError, TypeError, RuntimeError, OverflowError, MemoryError, RecursionError,
    zipfile.BadZipFile, zlib.error,
)  # fmt: skip


@dataclass(frozen=True)
class StoredLayer:
    """One layer of the file; `arrays` maps a place (`vars`, `cell/vars` ...) to its variables in order."""

    name: str
    class_name: str
    module: str
    config: Mapping[str, Any]
    arrays: Mapping[str, tuple[FloatArray, ...]]


def read(path: Path) -> tuple[StoredLayer, ...]:
    """The layers from input to output; ModelError where the file is damaged or the model is not one straight line."""
    config, weights = _members(path)
    try:
        model = json.loads(config)
    except _BROKEN as error:
        raise ModelError(f"{path}: {_CONFIG} is not JSON ({error}): save the model again with Keras 3.") from error
    entries = _entries(model, path)
    groups = _group_names(entries)
    try:
        with h5py.File(io.BytesIO(weights), "r") as file:
            layers = [_stored(entry, groups[_name(entry)], file, path) for entry in entries]
    except ModelError:
        raise
    except _BROKEN as error:
        raise ModelError(f"{path}: {_WEIGHTS} is damaged ({error}): save the model again with Keras 3.") from error
    by_name = {layer.name: layer for layer in layers}
    return tuple(by_name[name] for name in _line(model, entries, path))


def _members(path: Path) -> tuple[bytes, bytes]:
    try:
        if path.stat().st_size > _FILE_BYTES:
            raise ModelError(f"{path} is larger than {_FILE_BYTES} bytes: give a model for a microcontroller.")
        with zipfile.ZipFile(path) as archive:
            _check_members(archive.infolist(), path)
            return archive.read(_CONFIG), archive.read(_WEIGHTS)
    except FileNotFoundError:
        raise ModelError(f"There is no file {path}: give the path of a .keras file.") from None
    except ModelError:
        raise
    except _BROKEN as error:
        raise ModelError(
            f"{path} is not a whole .keras file ({error}): save the model again with `model.save` of Keras 3."
        ) from error


def _check_members(members: list[zipfile.ZipInfo], path: Path) -> None:
    names = [member.filename for member in members]
    if len(names) > _MEMBERS or len(set(names)) < len(names):
        raise ModelError(
            f"{path} has {len(names)} members or one twice, a .keras file has up to {_MEMBERS}: save again."
        )
    for member in members:
        parts = member.filename.replace("\\", "/").split("/")
        if ".." in parts or parts[0] == "" or ":" in parts[0]:
            raise ModelError(f"{path} holds the unsafe path {member.filename!r}: get the file from its author again.")
        limit = _LIMITS.get(member.filename, 2**20)
        if member.file_size > limit:
            raise ModelError(
                f"{path}: {member.filename} has {member.file_size} bytes, at most {limit} are read: give a smaller "
                "model or save it without the state of its optimizer."
            )
    for needed in (_CONFIG, _WEIGHTS):
        if needed not in names:
            raise ModelError(f"{path} has no {needed}: save the model with `model.save('name.keras')` of Keras 3.")


def _entries(model: Any, path: Path) -> list[dict[str, Any]]:
    """The layers of `config.json`; every one is checked to have a name, a class, a module and a configuration."""
    kind, module = (model.get(key) if isinstance(model, dict) else None for key in ("class_name", "module"))
    if kind not in ("Sequential", "Functional") or str(module).split(".")[0] != "keras":
        raise ModelError(f"{path} holds a model of class {kind!r}, read are Sequential and Functional: convert it.")
    config = model.get("config")
    entries = config.get("layers") if isinstance(config, dict) else None
    if not isinstance(entries, list) or not entries or not all(map(_is_layer, entries)):
        raise ModelError(f"{path}: the list of layers in {_CONFIG} is damaged or empty: save the model again.")
    names = [_name(entry) for entry in entries]
    if len(set(names)) < len(names):
        raise ModelError(f"{path}: two layers in {_CONFIG} have one name: save the model again with Keras 3.")
    return entries


def _is_layer(entry: Any) -> bool:
    if not isinstance(entry, dict) or not isinstance(entry.get("config"), dict):
        return False
    return all(isinstance(text, str) for text in (entry.get("class_name"), entry.get("module"), _name(entry)))


def _name(entry: Mapping[str, Any]) -> Any:
    return entry["config"].get("name")


def _is_mask_operation(entry: Mapping[str, Any]) -> bool:
    """Keras writes the computation of a mask into the file, though only Masking or Embedding was asked for."""
    return str(entry["module"]).startswith("keras.src.ops") and entry["class_name"] in ("NotEqual", "Any")


def _group_names(entries: list[dict[str, Any]]) -> dict[str, str]:
    """Name of a layer -> its group in the HDF5 file, which is its class in snake case and its number in that class."""
    seen: dict[str, int] = {}
    groups = {}
    for entry in entries:
        if str(entry["module"]).startswith("keras.src.ops"):
            groups[_name(entry)] = ""
            continue
        word = re.sub(r"\W+", "", entry["class_name"])
        word = re.sub(r"([a-z])([A-Z])", r"\1_\2", re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", word)).lower()
        number = seen[word] = seen.get(word, -1) + 1
        groups[_name(entry)] = f"layers/{word}" + (f"_{number}" if number else "")
    return groups


def _stored(entry: Mapping[str, Any], group: str, file: h5py.File, path: Path) -> StoredLayer:
    name = _name(entry)
    arrays = {}
    for place in _PLACES if group else ():
        held = _hard(file, f"{group}/{place}")
        if isinstance(held, h5py.Group):
            # The names kept as attributes are not looked at: a damaged one can send the HDF5 library into a loop.
            arrays[place] = _variables(held, f"{path}: layer {name!r}")
    return StoredLayer(name, entry["class_name"], entry["module"], entry["config"], arrays)


def _hard(file: h5py.Group, location: str) -> h5py.Group | h5py.Dataset | None:
    """What is at `location`, unless a link of the kind that leads to other files is on the way."""
    held = file
    for part in location.split("/"):
        if not isinstance(held, h5py.Group) or not isinstance(held.get(part, getlink=True), h5py.HardLink):
            return None
        held = held[part]
    return held


def _variables(group: h5py.Group, where: str) -> tuple[FloatArray, ...]:
    names = [str(index) for index in range(len(group))]
    if len(names) > _DATASETS_A_LAYER:
        raise ModelError(f"{where} has {len(names)} variables, no supported layer has so many: remove it.")
    return tuple(_variable(_hard(group, name), where) for name in names)


def _variable(held: object, where: str) -> FloatArray:
    if not isinstance(held, h5py.Dataset) or held.is_virtual or held.external:
        raise ModelError(f"{where} has a variable that is not stored in the file itself: save the model again.")
    if held.dtype.kind not in "fiu" or held.size * held.dtype.itemsize > _LIMITS[_WEIGHTS]:
        raise ModelError(
            f"{where} has a variable of type {held.dtype} and shape {held.shape}: save it as 32-bit floats."
        )
    array = np.asarray(held[()], np.float64)
    if not np.isfinite(array).all():
        raise ModelError(f"{where} has weights that are NaN or infinite: train it again.")
    return array


def _line(model: Mapping[str, Any], entries: list[dict[str, Any]], path: Path) -> list[str]:
    """Names of the layers in the order of the data."""
    if model["class_name"] == "Sequential":
        return [_name(entry) for entry in entries]
    by_name = {_name(entry): entry for entry in entries}
    inputs, outputs = (_history(model["config"].get(key)) for key in ("input_layers", "output_layers"))
    if inputs is None or outputs is None:
        raise ModelError(
            f"{path} has several inputs or outputs, or a shared layer at its end: give a model with one of each."
        )
    line = [outputs]
    while line[-1] != inputs:
        before = _before(by_name.get(line[-1]), line[-1], path)
        if before in line:
            raise ModelError(f"{path}: layer {before!r} is part of a loop in {_CONFIG}: save the model again.")
        line.append(before)
    for name, entry in by_name.items():
        if name not in line and not _is_mask_operation(entry):
            raise _not_straight(path, name)
    return line[::-1]


def _history(value: Any) -> str | None:
    """Layer name of `[name, node, tensor]`, also where it is the only one of a list; None for anything else."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, list) and len(value) == 3 and isinstance(value[0], str) and value[1:] == [0, 0]:
        return value[0]
    return None


def _before(entry: Mapping[str, Any] | None, name: str, path: Path) -> str:
    """The one layer whose output this layer reads."""
    nodes = entry.get("inbound_nodes") if entry is not None else None
    if not isinstance(nodes, list) or len(nodes) != 1 or not isinstance(nodes[0], dict):
        raise _not_straight(path, name)
    arguments, keywords = nodes[0].get("args"), nodes[0].get("kwargs")
    if not isinstance(arguments, list) or len(arguments) != 1 or not isinstance(keywords, dict):
        raise _not_straight(path, name)
    if any(value is not None and key not in ("mask", "training") for key, value in keywords.items()):
        raise _not_straight(path, name)
    config = arguments[0].get("config") if isinstance(arguments[0], dict) else None
    before = _history(config.get("keras_history")) if isinstance(config, dict) else None
    if before is None:
        raise _not_straight(path, name)
    return before


def _not_straight(path: Path, name: str) -> ModelError:
    return ModelError(
        f"{path}: layer {name!r} is shared, has several inputs or is beside the line from input to output: give a "
        "model in which every layer reads only the one before it."
    )
