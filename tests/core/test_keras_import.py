"""Reading `.keras` files: those of the project, and archives made by hand to be wrong in one way each."""

import copy
import io
import json
import random
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from rnn_edge import keras_archive
from rnn_edge.errors import ModelError
from rnn_edge.float_model import DenseLayer, EmbeddingLayer, FloatModel, RecurrentLayer
from rnn_edge.keras_import import import_keras

MODELS = Path(__file__).parents[2] / "models"
Json = dict[str, Any]
Arrays = dict[str, Any]


def layer(class_name: str, name: str, **config: Any) -> Json:
    return {"class_name": class_name, "module": "keras.layers", "config": {"name": name, **config}}


def gru(name: str = "gru", **config: Any) -> Json:
    options = {"activation": "tanh", "recurrent_activation": "sigmoid", "reset_after": True, "return_sequences": False}
    return layer("GRU", name, **{"units": 2, "use_bias": True, **options, **config})


def dense(name: str = "dense", **config: Any) -> Json:
    return layer("Dense", name, **{"units": 2, "activation": "linear", "use_bias": True, **config})


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


def edited(edit: Callable[[list[Json], Arrays], object]) -> tuple[Json, Arrays]:
    config, content = model(), arrays()
    edit(config["config"]["layers"], content)
    return config, content


@pytest.mark.parametrize("path", sorted(MODELS.glob("*/float.keras")), ids=lambda path: path.parent.name)
def test_models_of_the_project(path: Path) -> None:
    read = import_keras(path, path.parent.name)
    assert isinstance(read.layers[0], RecurrentLayer) and read.layers[0].cell.name == "gru"
    assert read.softmax and not read.every_step and read.mean.any() and (read.deviation > 0).all()


def test_made_by_hand(tmp_path: Path) -> None:
    content = arrays()
    read = import_keras(written(tmp_path, model(), content), "own")
    recurrent, last = read.layers
    assert isinstance(recurrent, RecurrentLayer) and isinstance(last, DenseLayer)
    assert (recurrent.name, recurrent.index, recurrent.units, last.name) == ("gru0", 0, 2, "dense0")
    assert np.array_equal(recurrent.products["gh"].bias, content["layers/gru/cell/vars/2"][1])
    assert np.array_equal(last.linear.weight, content["layers/dense/vars/0"].T)
    assert last.linear.weight.dtype == np.float64
    assert (read.name, read.inputs, read.every_step, read.vocabulary) == ("own", 3, False, None)


def test_classes_are_numbered_not_named(tmp_path: Path) -> None:
    """Keras stores the second GRU as `gru_1`, whatever the layers are called."""

    def two(layers: list[Json], content: Arrays) -> None:
        layers[1] = gru("gru_1", return_sequences=True)
        layers.insert(2, gru("gru"))
        content.update({"layers/gru_1/cell/vars/0": np.full((2, 6), 5.0), "layers/gru_1/cell/vars/1": np.ones((2, 6))})
        content["layers/gru_1/cell/vars/2"] = np.ones((2, 6))

    read = import_keras(written(tmp_path, *edited(two)), "own")
    assert isinstance(read.layers[1], RecurrentLayer)
    assert (read.layers[1].name, read.layers[1].index) == ("gru1", 1)
    assert (read.layers[1].products["gx"].weight == 5).all()


def test_layers_that_a_device_does_not_need(tmp_path: Path) -> None:
    def add(layers: list[Json], content: Arrays) -> None:
        layers[1:1] = [layer("Masking", "m", mask_value=-1.0), layer("Dropout", "d", rate=0.5)]
        layers.append(layer("Activation", "a", activation="relu"))
        layers.insert(2, layer("Normalization", "n", axis=[-1], mean=None, variance=None, invert=False))
        content.update({"layers/normalization/vars/0": [1.0, 2, 3], "layers/normalization/vars/1": [4.0, 9, 0]})
        content["layers/normalization/vars/2"] = 7

    read = import_keras(written(tmp_path, *edited(add)), "own")
    assert read.mean.tolist() == [1, 2, 3] and read.deviation.tolist() == [2, 3, 1e-7]
    assert isinstance(read.layers[-1], DenseLayer) and read.layers[-1].activation == "relu"


def test_embedding(tmp_path: Path) -> None:
    def add(layers: list[Json], content: Arrays) -> None:
        layers[0]["config"]["batch_shape"] = [None, None]
        layers.insert(1, layer("Embedding", "e", input_dim=9, output_dim=3, mask_zero=True))
        content["layers/embedding/vars/0"] = np.ones((9, 3))

    read = import_keras(written(tmp_path, *edited(add)), "own")
    assert isinstance(read.layers[0], EmbeddingLayer) and (read.vocabulary, read.inputs) == (9, 1)


def change(index: int, **config: Any) -> Callable[[list[Json], Arrays], object]:
    return lambda layers, _: layers[index]["config"].update(config)


def replace(index: int, new: Json) -> Callable[[list[Json], Arrays], object]:
    return lambda layers, _: layers.__setitem__(index, new)


def insert(index: int, new: Json) -> Callable[[list[Json], Arrays], object]:
    return lambda layers, _: layers.insert(index, new)


def put(place: str, value: Any) -> Callable[[list[Json], Arrays], object]:
    return lambda _, content: content.update({f"layers/{place}": value})


def drop(place: str) -> Callable[[list[Json], Arrays], object]:
    return lambda _, content: content.pop(f"layers/{place}")


NAN = np.full((3, 6), np.nan)


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (change(1, go_backwards=True), r"'gru' \(GRU\) has go_backwards=True: only go_backwards=False"),
        (change(1, stateful=True), "has stateful=True"),
        (change(1, return_state=True), "has return_state=True"),
        (change(1, activation="relu"), "has activation='relu': train it again with activation='tanh'"),
        (change(1, recurrent_activation="hard_sigmoid"), "has recurrent_activation='hard_sigmoid'"),
        (change(1, activation={"class_name": "function"}), "has activation="),
        (change(1, reset_after=False), "do not fit 2 units on 3 values"),
        (change(1, units=3), "do not fit 3 units"),
        (change(1, units="2"), "has '2' units"),
        (change(1, use_bias=False), "do not fit|does not fit"),
        (put("gru/cell/vars/0", NAN), "layer 'gru' has weights that are NaN or infinite"),
        (put("dense/vars/1", [np.inf, 0]), "layer 'dense' has weights that are NaN"),
        (put("gru/cell/vars/0", np.zeros((4, 6))), "do not fit 2 units on 3 values"),
        (put("gru/cell/vars/2", np.zeros((3, 6))), "do not fit 2 units"),
        (put("gru/cell/vars/0", b"text"), "has a variable of type"),
        (put("gru/cell/vars/extra", 1.0), "not stored in the file itself"),
        (put("gru/cell/vars/0", 1.0), "do not fit"),
        (drop("gru/cell/vars/2"), "do not fit"),
        (drop("dense/vars/0"), "not stored in the file itself"),
        (change(2, activation="gelu"), "has activation gelu, read are linear, relu"),
        (change(2, activation={"class_name": "function"}), "has activation one of your own"),
        (change(2, units=5), "do not fit 5 units on 2 values"),
        (replace(1, layer("Bidirectional", "both")), r"'both' \(Bidirectional\) is not supported, read are InputLayer"),
        (replace(1, layer("Lambda", "code")), r"\(Lambda\) is not supported"),
        (replace(1, layer("Sequential", "inner")), r"\(Sequential\) is not supported"),
        (replace(1, {**gru(), "module": "mine"}), r"\(GRU\) is not supported"),
        (replace(1, dense("d1")), "has no recurrent layer, one of|do not fit"),
        (replace(0, layer("Dropout", "d")), "comes without an input layer"),
        (change(0, batch_shape=[None, None, None]), "has None channels"),
        (change(0, batch_shape=[None, 8, 8, 1]), r"has shape \[None, 8, 8, 1\]"),
        (change(0, batch_shape=[None, None]), "do not fit 2 units on 0 values"),
        (insert(1, layer("InputLayer", "in2", batch_shape=[None, 2])), "accepted is one input"),
        (insert(1, layer("Masking", "m", mask_value="x")), "has mask_value 'x'"),
        (insert(2, layer("Masking", "m", mask_value=0)), "follows a layer with weights"),
        (insert(2, layer("Normalization", "n")), "is not the first layer"),
        (insert(1, layer("Normalization", "n", axis=[1])), "another axis than the last"),
        (insert(1, layer("Normalization", "n", axis=[-1], invert=True)), "is inverted"),
        (insert(1, layer("Normalization", "n", mean=None, variance=None)), "has no finite mean and variance"),
        (insert(1, layer("Normalization", "n", mean=[1, 2], variance=[1, 2])), "a variance for 3 channels"),
        (insert(1, layer("Normalization", "n", mean=0, variance=-1)), "a variance for 3 channels"),
        (insert(1, layer("Embedding", "e", input_dim=9, output_dim=3)), "does not read the tokens"),
        (insert(2, gru("gru_b")), "follows one that returns its last step only"),
        (insert(2, layer("Activation", "a", activation="relu")), "does not follow a Dense layer"),
        (insert(3, layer("Activation", "a", activation="elu")), "has activation elu"),
        (insert(3, layer("TimeDistributed", "t", layer=gru())), "wraps something else than a Dense"),
        (insert(3, layer("TimeDistributed", "t", layer=None)), "wraps something else than a Dense"),
        (insert(3, layer("TimeDistributed", "t", layer=dense())), "wraps a Dense of your own|follows a last step"),
        (replace(2, 3), "list of layers in config.json is damaged"),  # type: ignore[arg-type]
        (change(2, name=7), "list of layers in config.json is damaged"),
        (change(2, name="gru"), "two layers in config.json have one name"),
        (lambda layers, _: layers.clear(), "list of layers in config.json is damaged"),
    ],
)
def test_model_refused(tmp_path: Path, edit: Callable[[list[Json], Arrays], object], sentence: str) -> None:
    path = written(tmp_path, *edited(edit))
    with pytest.raises(ModelError, match=f"own.keras.*({sentence})") as caught:
        import_keras(path, "own")
    assert "\n" not in str(caught.value)


def test_softmax_before_the_end(tmp_path: Path) -> None:
    def add(layers: list[Json], content: Arrays) -> None:
        layers[2]["config"]["activation"] = "softmax"
        layers.append(dense("second"))
        content.update({"layers/dense_1/vars/0": np.ones((2, 2)), "layers/dense_1/vars/1": np.ones(2)})

    with pytest.raises(ModelError, match="dense0 has softmax before the last layer"):
        import_keras(written(tmp_path, *edited(add)), "own")


def functional() -> Json:
    """The same network as a graph, written from its end to its beginning."""

    def after(name: str) -> list[Json]:
        return [{"args": [{"class_name": "__keras_tensor__", "config": {"keras_history": [name, 0, 0]}}], "kwargs": {}}]

    layers = model()["config"]["layers"]
    for entry, nodes in zip(layers, ([], after("in"), after("gru")), strict=True):
        entry["inbound_nodes"] = nodes
    ends = {"input_layers": ["in", 0, 0], "output_layers": [["dense", 0, 0]]}
    return {"class_name": "Functional", "module": "keras.src.models.functional", "config": {"layers": layers[::-1], **ends}}


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


def members() -> dict[str, bytes]:
    return {"config.json": json.dumps(model()).encode(), "model.weights.h5": weights(arrays())}


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
