"""`.keras` files made without Keras: a small right one, and the ways to edit it into a wrong one."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

Json = dict[str, Any]
Arrays = dict[str, Any]
Edit = Callable[[list[Json], Arrays], object]


def layer(class_name: str, name: str, **config: Any) -> Json:
    return {"class_name": class_name, "module": "keras.layers", "config": {"name": name, **config}}


def gru(name: str = "gru", **config: Any) -> Json:
    options = {"activation": "tanh", "recurrent_activation": "sigmoid", "reset_after": True, "return_sequences": False}
    return layer("GRU", name, **{"units": 2, "use_bias": True, **options, **config})


def dense(name: str = "dense", **config: Any) -> Json:
    return layer("Dense", name, **{"units": 2, "activation": "linear", "use_bias": True, **config})


def cell_layer(cell: object, **config: object) -> Json:
    """A layer of rnn_edge, which has two units and trains the equations of a cell."""
    return {**layer("CellLayer", "own", **{"cell": cell, "units": 2, **config}), "module": "rnn_edge.keras_cell"}


def model() -> Json:
    """Three channels, a GRU of two units, two outputs."""
    return {
        "class_name": "Sequential",
        "module": "keras",
        "config": {"layers": [layer("InputLayer", "in", batch_shape=[None, None, 3]), gru(), dense()]},
    }


def arrays() -> Arrays:
    random_numbers = np.random.default_rng(0).normal
    shapes = {
        "gru/cell/vars/0": (3, 6), "gru/cell/vars/1": (2, 6), "gru/cell/vars/2": (2, 6),
        "dense/vars/0": (2, 2), "dense/vars/1": (2,),
    }  # fmt: skip
    return {f"layers/{place}": random_numbers(size=shape).astype(np.float32) for place, shape in shapes.items()}


def weights(content: Mapping[str, Any]) -> bytes:
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        for place, value in content.items():
            file[place] = value
    return stream.getvalue()


def written(folder: Path, config: object, content: Mapping[str, Any]) -> Path:
    return packed(folder, {"config.json": json.dumps(config).encode(), "model.weights.h5": weights(content)})


def packed(folder: Path, members: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(folder / "own.keras", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return folder / "own.keras"


def edited(edit: Edit) -> tuple[Json, Arrays]:
    config, content = model(), arrays()
    edit(config["config"]["layers"], content)
    return config, content


def members() -> dict[str, bytes]:
    return {"config.json": json.dumps(model()).encode(), "model.weights.h5": weights(arrays())}


def change(index: int, **config: Any) -> Edit:
    return lambda layers, _: layers[index]["config"].update(config)


def replace(index: int, new: Json) -> Edit:
    return lambda layers, _: layers.__setitem__(index, new)


def insert(index: int, new: Json) -> Edit:
    return lambda layers, _: layers.insert(index, new)


def put(place: str, value: Any) -> Edit:
    return lambda _, content: content.update({f"layers/{place}": value})


def drop(place: str) -> Edit:
    return lambda _, content: content.pop(f"layers/{place}")
