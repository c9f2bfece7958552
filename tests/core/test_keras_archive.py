"""The archive itself: graphs that are not one line, unsafe or damaged files, bytes that were changed."""

import copy
import io
import random
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from rnn_edge import keras_archive
from rnn_edge.errors import ModelError
from rnn_edge.float_model import DenseLayer, FloatModel
from rnn_edge.keras_import import import_keras

from ..keras_files import (
    Json,
    arrays,
    edited,
    members,
    model,
    packed,
    put,
    weights,
    written,
)


def functional() -> Json:
    """The same network as a graph, written from its end to its beginning."""

    def after(name: str) -> list[Json]:
        return [{"args": [{"class_name": "__keras_tensor__", "config": {"keras_history": [name, 0, 0]}}], "kwargs": {}}]

    layers = model()["config"]["layers"]
    for entry, nodes in zip(layers, ([], after("in"), after("gru")), strict=True):
        entry["inbound_nodes"] = nodes
    ends = {"input_layers": ["in", 0, 0], "output_layers": [["dense", 0, 0]]}
    return {
        "class_name": "Functional",
        "module": "keras.src.models.functional",
        "config": {"layers": layers[::-1], **ends},
    }


def test_functional(tmp_path: Path) -> None:
    straight = import_keras(written(tmp_path, model(), arrays()), "own")
    assert same(straight, import_keras(written(tmp_path, functional(), arrays()), "own"))


def same(one: FloatModel, other: FloatModel) -> bool:
    return [layer.name for layer in one.layers] == [layer.name for layer in other.layers] and all(
        np.array_equal(a.linear.weight, b.linear.weight)
        for a, b in zip(one.head, other.head, strict=True)
        if isinstance(a, DenseLayer) and isinstance(b, DenseLayer)
    )


@pytest.mark.parametrize(
    ("place", "value", "sentence"),
    [
        (("config", "output_layers"), [["dense", 0, 0], ["gru", 0, 0]], "several inputs or outputs"),
        (("config", "input_layers"), None, "several inputs or outputs"),
        (("config", "input_layers"), ["gone", 0, 0], "'in' is shared, has several inputs"),
        (("config", "layers", 1, "inbound_nodes", 0, "kwargs", "initial_state"), {"x": 1}, "'gru' is shared, has sev"),
        (("config", "layers", 1, "inbound_nodes", 0, "args", 0, "config", "keras_history"), ["dense", 0, 0], "a loop"),
        (("config", "layers", 1, "inbound_nodes", 0, "args", 0, "config", "keras_history"), 3, "'gru' is shared"),
        (("config", "layers", 1, "inbound_nodes", 0, "args"), [None, None], "'gru' is shared"),
        (("config", "layers", 1, "inbound_nodes"), [{}, {}], "'gru' is shared"),
        (("config", "layers", 1, "inbound_nodes"), "text", "'gru' is shared"),
        (("config", "output_layers"), [["gru", 0, 0]], "'dense' is shared, has several inputs or is beside"),
        (("module",), "mine", "holds a model of class 'Functional'"),
        (("class_name",), "MyModel", "holds a model of class 'MyModel'"),
        (("config",), [], "list of layers in config.json is damaged"),
    ],
)
def test_graph_refused(tmp_path: Path, place: tuple[Any, ...], value: object, sentence: str) -> None:
    config: Any = functional()
    inner = config
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    with pytest.raises(ModelError, match=sentence):
        import_keras(written(tmp_path, config, arrays()), "own")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"config.json": None}, "has no config.json"),
        ({"model.weights.h5": None}, "has no model.weights.h5"),
        ({"config.json": b"{"}, "config.json is not JSON"),
        ({"config.json": b"\xff"}, "config.json is not JSON"),
        ({"config.json": b"[" * 100_000}, "config.json is not JSON"),
        ({"config.json": b"[]"}, "holds a model of class None"),
        ({"config.json": b" " * (4 * 2**20 + 1)}, "config.json has 4194305 bytes"),
        ({"model.weights.h5": b"text"}, "model.weights.h5 is damaged"),
        ({"../evil": b""}, "unsafe path '../evil'"),
        ({"/evil": b""}, "unsafe path '/evil'"),
        ({"c:evil": b""}, "unsafe path 'c:evil'"),
        ({f"assets/{i}": b"" for i in range(20)}, "has 22 members"),
    ],
)
def test_archive_refused(tmp_path: Path, changes: dict[str, bytes | None], sentence: str) -> None:
    content = {name: data for name, data in {**members(), **changes}.items() if data is not None}
    with pytest.raises(ModelError, match=sentence):
        import_keras(packed(tmp_path, content), "own")


def test_file_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match="There is no file"):
        import_keras(tmp_path / "none.keras", "own")
    path = packed(tmp_path, members())
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("config.json", "{}")
    with pytest.raises(ModelError, match="3 members or one twice"):
        import_keras(path, "own")
    monkeypatch.setattr(keras_archive, "_FILE_BYTES", 10)
    with pytest.raises(ModelError, match="is larger than 10 bytes"):
        import_keras(path, "own")


def test_weights_that_lead_out_of_the_file(tmp_path: Path) -> None:
    outside = tmp_path / "outside.h5"
    outside.write_bytes(weights({"secret": np.zeros((3, 6))}))
    for link in (h5py.ExternalLink(str(outside), "secret"), h5py.SoftLink("/layers/gru/cell/vars/1")):
        path = written(tmp_path, *edited(put("gru/cell/vars/0", link)))
        with pytest.raises(ModelError, match="not stored in the file itself"):
            import_keras(path, "own")


def test_weights_that_unpack_to_much_more(tmp_path: Path) -> None:
    stream = io.BytesIO(weights({k: v for k, v in arrays().items() if k != "layers/dense/vars/0"}))
    with h5py.File(stream, "a") as file:
        file.create_dataset("layers/dense/vars/0", (2**15, 2**15), "f4", compression="gzip")
    with pytest.raises(ModelError, match=r"layer 'dense' has a variable of type float32 and shape \(32768, 32768\)"):
        import_keras(packed(tmp_path, {**members(), "model.weights.h5": stream.getvalue()}), "own")


def test_damage_is_refused_with_a_sentence(tmp_path: Path) -> None:
    """Every truncation is refused; flipped bytes are refused by the checksum of the archive."""
    whole = packed(tmp_path, members()).read_bytes()
    path = tmp_path / "damaged.keras"
    numbers = random.Random(0)
    damaged = [whole[:size] for size in range(0, len(whole), 211)]
    for _ in range(100):
        flipped = bytearray(whole)
        flipped[numbers.randrange(len(whole))] ^= 1 << numbers.randrange(8)
        damaged.append(bytes(flipped))
    for content in damaged:
        path.write_bytes(content)
        _import_or_refuse(path)


@pytest.mark.parametrize("member", ["config.json", "model.weights.h5"])
def test_damage_under_a_right_checksum(tmp_path: Path, member: str) -> None:
    numbers = random.Random(1)
    for _ in range(100):
        content = copy.copy(members())
        flipped = bytearray(content[member])
        flipped[numbers.randrange(len(flipped))] = numbers.randrange(256)
        _import_or_refuse(packed(tmp_path, {**content, member: bytes(flipped)}))


def _import_or_refuse(path: Path) -> None:
    try:
        import_keras(path, "own")
    except ModelError as error:
        assert "\n" not in str(error)
