"""`model.toml`: the models that come along, the defaults, and one sentence for every mistake."""

from pathlib import Path

import pytest

from rnn_edge import spec
from rnn_edge.cells import all_cells
from rnn_edge.errors import ModelError, UserError

MODELS = Path(__file__).parents[2] / "models"
GOOD = """task = "t"
[data]
set = "italy_power_demand"
[network]
layers = [ { layer = "gru", units = 8 }, { layer = "dense", units = 2, activation = "softmax" } ]
[train]
epochs = 3
"""
SOFTMAX = '{ layer = "dense", units = 2, activation = "softmax" }'


def load(folder: Path, text: str) -> spec.ModelSpec:
    (folder / "model.toml").write_text(text)
    return spec.load(folder)


@pytest.mark.parametrize("path", sorted(MODELS.glob("*/model.toml")), ids=lambda path: path.parent.name)
def test_models_of_the_project(path: Path) -> None:
    assert spec.load(path.parent).task


def test_defaults(tmp_path: Path) -> None:
    model = load(tmp_path, GOOD)
    assert model.data.raw_unit == 1.0
    assert model.network.normalization and not model.network.every_step and model.network.dropout == 0
    assert (model.export.input_percentile, model.export.output) == (100.0, "int16")
    assert model.network.layers[0] == spec.RecurrentSpec(layer="gru", units=8)


def test_embedding(tmp_path: Path) -> None:
    text = GOOD.replace(
        "layers = [", 'normalization = false\nlayers = [ { layer = "embedding", vocabulary = 9, width = 4 },'
    )
    assert load(tmp_path, text).network.layers[0] == spec.EmbeddingSpec(layer="embedding", vocabulary=9, width=4)


@pytest.mark.parametrize("name", all_cells())
def test_every_cell_of_keras_is_a_layer(tmp_path: Path, name: str) -> None:
    assert load(tmp_path, GOOD.replace('"gru"', f'"{name}"')).network.layers[0].layer == name


@pytest.mark.parametrize(
    ("good", "bad", "sentence"),
    [
        ("epochs = 3", "", "`train.epochs` is missing"),
        ("epochs = 3", "epochs = 0", "`train.epochs` is 0, accepted is greater than or equal to 1"),
        ("epochs = 3", 'epochs = "3"', "`train.epochs` is '3', accepted is a valid integer"),
        ("epochs = 3", "epochs = true", "`train.epochs` is True, accepted is a valid integer"),
        ("epochs = 3", "epochs = 3\nspeed = 2", "`train.speed` is not known, accepted here: epochs, batch"),
        ("epochs = 3", 'epochs = 3\nloss = "rmse"', "`train.loss` is 'rmse', accepted is 'sparse_categorical"),
        ("epochs = 3", "epochs = 3\ntbptt = -1", "`train.tbptt` is -1, accepted is greater than or equal to 0"),
        (
            "epochs = 3",
            "epochs = 3\nclass_weights = 'all'",
            "`train.class_weights` is 'all', accepted is 'none' or 'bal",
        ),
        ("epochs = 3", "epochs = 3\nscale = 1.0", "`train.scale` is 1.0, accepted is less than 1"),
        ("epochs = 3", "epochs = 3\nrotation = 181", "`train.rotation` is 181, accepted is less than or equal to 180"),
        ("epochs = 3", "epochs = 3\nshift = 0.5", "`train.shift` is 0.5, accepted is a valid integer"),
        ("epochs = 3", "epochs = 3\nvalidation = 1.0", "`train.validation` is 1.0, accepted is less than 1"),
        ("epochs = 3", "epochs = 3\n[export]\noutput = 'int4'", "`export.output` is 'int4', accepted is 'int16' or"),
        ("epochs = 3", "epochs = 3\n[export]\ninput_percentile = 101.0", "`export.input_percentile` is 101.0"),
        ("epochs = 3", "epochs = 3 =", "is not a TOML file"),
        ("[data]", "[date]", "`data` is missing"),
        ('task = "t"', 'task = "t"\nname = "n"', "`name` is not known, accepted here: task, data"),
        ('task = "t"', "task = 1", "`task` is 1, accepted is a valid string"),
        ('_demand"', '_demand"\nraw_unit = nan', "`data.raw_unit` is nan, accepted is a finite number"),
        ('_demand"', '_demand"\nhop_s = 1.0', "`data`: hop_s is given without window_s: correct it"),
        ('_demand"', '_demand"\nwindow_s = 0', "`data.window_s` is 0, accepted is greater than 0"),
        ('_demand"', '_demand"\nrate_hz = "50"', "`data.rate_hz` is '50', accepted is a valid number"),
        ('_demand"', '_demand"\nraw_unit = 0.0', "`data.raw_unit` is 0.0, accepted is greater than 0"),
        ("units = 8", "units = 0", r"`network.layers\[0\].units` is 0"),
        ("units = 8", "units = 8, width = 2", r"`network.layers\[0\].width` is not known, accepted here: layer, units"),
        ('"gru"', '"qru"', r"`network.layers\[0\]` is .* accepted for its `layer`: average_pool, conv1d, dense"),
        ("softmax", "hardmax", r"`network.layers\[1\].activation` is 'hardmax', accepted is 'linear', 'relu'"),
        ("softmax", "relu", "`network`: the last layer must be dense with activation softmax or linear"),
        (f", {SOFTMAX}", "", "`network`: the last layer must be dense"),
        ('{ layer = "gru", units = 8 }, ', "", "`network`: one layer must be recurrent: fast_grnn, gru"),
        ("layers = [", f"layers = [ {SOFTMAX},", "`network`: softmax is accepted on the last layer only"),
        ("layers = [", "layers = [ 3,", r"`network.layers\[0\]` is 3"),
        (
            "layers = [ ",
            'layers = [ { layer = "embedding", vocabulary = 9, width = 4 },',
            "normalization must be false",
        ),
        (f", {SOFTMAX}", f', {{ layer = "embedding", vocabulary = 9, width = 4 }}, {SOFTMAX}', "must be the first"),
    ],
)
def test_refused(tmp_path: Path, good: str, bad: str, sentence: str) -> None:
    assert good in GOOD
    with pytest.raises(ModelError, match=f"model.toml.*{sentence}") as caught:
        load(tmp_path, GOOD.replace(good, bad, 1))
    assert "\n" not in str(caught.value)


def test_empty_list_of_layers(tmp_path: Path) -> None:
    text = "\n".join("layers = []" if line.startswith("layers") else line for line in GOOD.splitlines())
    with pytest.raises(ModelError, match=r"`network.layers` is \[\], accepted is a list with at least 1 item"):
        load(tmp_path, text)


@pytest.mark.parametrize("content", [b"\xff", b"a" * (2**20 + 1), b"a = " + b"[" * 5000], ids=["bytes", "long", "deep"])
def test_not_a_toml_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.toml").write_bytes(content)
    with pytest.raises(ModelError, match=r"model.toml is (not a TOML file|larger)"):
        spec.load(tmp_path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        spec.load(tmp_path)


@pytest.mark.parametrize(
    "option", ["noise = 0.1", "shift = 1", "rotation = 9", "warp = 0.1", "scale = 0.1", "mask = 0.1"]
)
def test_tokens_are_not_changed_at_random(tmp_path: Path, option: str) -> None:
    text = GOOD.replace(
        "layers = [", 'normalization = false\nlayers = [ { layer = "embedding", vocabulary = 9, width = 4 },'
    )
    with pytest.raises(ModelError, match=f"train.{option.split()[0]} changes numbers, and the first layer"):
        load(tmp_path, text.replace("epochs = 3", f"epochs = 3\n{option}"))


def test_find(tmp_path: Path) -> None:
    (tmp_path / "models" / "tiny").mkdir(parents=True)
    (tmp_path / "models" / "tiny" / "model.toml").write_text(GOOD)
    folder = tmp_path / "models" / "tiny"
    assert spec.find("tiny", tmp_path / "models") == folder
    assert spec.find(str(folder), tmp_path / "elsewhere") == folder
    with pytest.raises(UserError, match="There is no model 'huge': use one of tiny, or the path"):
        spec.find("huge", tmp_path / "models")
    with pytest.raises(UserError, match="There is no model ''"):
        spec.find("", folder)
