"""Reading `.keras` files: those of the project, and models edited to be wrong in one way each."""

from pathlib import Path

import numpy as np
import pytest

from rnn_edge import spec
from rnn_edge.errors import ModelError
from rnn_edge.float_model import DenseLayer, EmbeddingLayer, RecurrentLayer
from rnn_edge.keras_import import import_keras

from ..keras_files import (
    Arrays,
    Edit,
    Json,
    arrays,
    cell_layer,
    change,
    dense,
    drop,
    edited,
    gru,
    insert,
    layer,
    model,
    put,
    replace,
    written,
)

MODELS = Path(__file__).parents[2] / "models"


@pytest.mark.parametrize("path", sorted(MODELS.glob("*/float.keras")), ids=lambda path: path.parent.name)
def test_models_of_the_project(path: Path) -> None:
    read = import_keras(path, path.parent.name)
    described = spec.load(path.parent).network
    cells = [layer.cell.name for layer in read.layers if isinstance(layer, RecurrentLayer)]
    assert cells == [layer.layer for layer in described.layers if isinstance(layer, spec.RecurrentSpec)]
    last = described.layers[-1]
    assert isinstance(last, spec.DenseSpec) and read.softmax == (last.activation == "softmax")
    assert read.every_step == described.every_step
    assert read.mean.any() == described.normalization and (read.deviation > 0).all()


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


def fast_grnn(cell: object = "fast_grnn", **config: object) -> Edit:
    """A FastGRNN in the place of the GRU."""

    def edit(layers: list[Json], content: Arrays) -> None:
        layers[1] = cell_layer(cell, **config)
        shapes = (3, 2), (2,), (2, 2), (2,), (1,), (1,)
        content.update({f"layers/cell_layer/cell/vars/{i}": np.full(shape, i) for i, shape in enumerate(shapes)})

    return edit


def test_layer_of_a_cell(tmp_path: Path) -> None:
    """Its variables in the order of `Cell.variables`; a shared constant becomes one for every unit."""
    first = import_keras(written(tmp_path, *edited(fast_grnn())), "own").layers[0]
    assert isinstance(first, RecurrentLayer)
    assert (first.name, first.cell.name, first.units) == ("fast_grnn0", "fast_grnn", 2)
    gx, gh = first.products["gx"], first.products["gh"]
    assert (gx.weight == 0).all() and gx.weight.shape == (2, 3) and (gx.bias == 1).all()
    assert (gh.weight == 2).all() and gh.weight.shape == (2, 2) and gh.bias.tolist() == [0, 0]
    assert first.constants["bias"].tolist() == [3, 3]
    np.testing.assert_allclose(first.constants["zeta"], 1 / (1 + np.exp([-4.0, -4.0])), rtol=1e-15)


def both(*edits: Edit) -> Edit:
    return lambda layers, content: [edit(layers, content) for edit in edits]


NAN = np.full((3, 6), np.nan)


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (change(1, go_backwards=True), r"'gru' \(GRU\) has go_backwards=True: only go_backwards=False"),
        (change(1, return_state=True), "has return_state=True"),
        (change(1, activation="relu"), "has activation='relu': train it again with activation='tanh'"),
        (change(1, recurrent_activation="hard_sigmoid"), "has recurrent_activation='hard_sigmoid'"),
        (change(1, activation={"class_name": "function"}), "has activation="),
        (change(1, reset_after=False), "do not fit 2 units on 3 values"),
        (change(1, units=3), "do not fit 3 units"),
        (change(1, units="2"), "has '2' units"),
        (change(1, use_bias=False), "do not fit"),
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
        (replace(1, layer("ConvLSTM1D", "both")), r"'both' \(ConvLSTM1D\) is not supported, read are InputLayer"),
        (replace(1, layer("Lambda", "code")), r"\(Lambda\) is not supported"),
        (replace(1, layer("Sequential", "inner")), r"\(Sequential\) is not supported"),
        (replace(1, {**gru(), "module": "mine"}), r"\(GRU\) is not supported"),
        (fast_grnn(cell="gruu"), r"'own' \(CellLayer\) has cell 'gruu', known are fast_grnn, gru, .*add its file"),
        (fast_grnn(cell=["gru"]), r"has cell \['gru'\], known are"),
        (fast_grnn(cell="mgu"), r"has variables \[\[3, 2\], \[2\], .* do not fit 2 units on 3 values"),
        (fast_grnn(units=3), "do not fit 3 units on 3 values"),
        (fast_grnn(units=None), "has None units"),
        (fast_grnn(go_backwards=True), "has go_backwards=True"),
        (both(fast_grnn(), drop("cell_layer/cell/vars/5")), "do not fit"),
        (both(fast_grnn(), put("cell_layer/cell/vars/6", 1.0)), "do not fit"),
        (both(fast_grnn(), put("cell_layer/cell/vars/5", np.ones(2))), "do not fit"),
        (both(fast_grnn(), put("cell_layer/cell/vars/4", [np.nan])), "has weights that are NaN"),
        (replace(1, {**cell_layer("mgu"), "module": "mine"}), r"\(CellLayer\) is not supported"),
        (replace(1, {**cell_layer("mgu"), "module": "keras.layers"}), r"\(CellLayer\) is not supported"),
        (replace(1, {**gru(), "module": "rnn_edge.keras_cell"}), r"\(GRU\) is not supported"),
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
        (insert(2, layer("Activation", "a", activation="relu")), "does not follow a Dense or Conv1D layer"),
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
def test_model_refused(tmp_path: Path, edit: Edit, sentence: str) -> None:
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
