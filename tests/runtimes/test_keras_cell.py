"""The third reading of the equations: what Keras trains is what the other readings compute."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
keras = pytest.importorskip("keras", reason="Keras is not installed: pip install 'rnn-edge[train]'")
pytest.importorskip("tensorflow")

from rnn_edge import keras_cell, keras_float  # noqa: E402
from rnn_edge.calibrate import run_float  # noqa: E402
from rnn_edge.cells import all_cells  # noqa: E402
from rnn_edge.errors import ModelError, UserError  # noqa: E402
from rnn_edge.float_model import RecurrentLayer  # noqa: E402
from rnn_edge.keras_cell import CellLayer  # noqa: E402
from rnn_edge.keras_import import import_keras  # noqa: E402
from rnn_edge.paths import Artifacts  # noqa: E402
from tests.documented_cell import documented_cell  # noqa: E402

L = keras.layers
BUILTIN = [name for name, cell in all_cells().items() if cell.keras is not None]


def model(*layers: Any, channels: int = 3) -> Any:
    return keras.Sequential([keras.Input((None, channels)), *layers])


def with_random_weights(made: Any, seed: int = 0) -> Any:
    random = np.random.default_rng(seed)
    made.set_weights([random.normal(size=array.shape) * 0.6 for array in made.get_weights()])
    return made


def inputs(count: int = 8, steps: int = 20, channels: int = 3) -> Any:
    return np.random.default_rng(1).normal(size=(count, steps, channels)).astype(np.float32)


def difference_to_float_reading(made: Any, folder: Path) -> float:
    """Largest difference between Keras and the NumPy reading of the file that Keras writes."""
    made.save(folder / "own.keras")
    x = inputs()
    wanted = run_float(import_keras(folder / "own.keras", "own"), x, np.full(len(x), x.shape[1]))
    return float(np.abs(np.asarray(made(x)) - wanted).max())


@pytest.fixture(params=["float32", "float64"])
def precision(request: pytest.FixtureRequest) -> Iterator[float]:
    """The largest difference that rounding can explain, with Keras in this type.

    Over all cells and 20 seeds the largest was measured as 1e-5 and 2e-14: rounding grows where a network is chaotic.
    """
    floatx, policy = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx(request.param)
    keras.config.set_dtype_policy(request.param)
    yield {"float32": 1e-4, "float64": 1e-12}[request.param]
    keras.config.set_floatx(floatx)
    keras.config.set_dtype_policy(policy)


@pytest.mark.parametrize("every_step", [True, False], ids=["every", "last"])
@pytest.mark.parametrize("cell", all_cells())
def test_float_reading_is_keras(cell: str, every_step: bool, precision: float, tmp_path: Path) -> None:
    layers = CellLayer(cell, 7, return_sequences=True), CellLayer(cell, 5, return_sequences=every_step)
    made = with_random_weights(model(*layers))
    assert made.output_shape == ((None, None, 5) if every_step else (None, 5))
    assert difference_to_float_reading(made, tmp_path) < precision


def test_cell_of_the_documentation(precision: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = documented_cell(monkeypatch).name
    assert difference_to_float_reading(with_random_weights(model(CellLayer(name, 7))), tmp_path) < precision


@pytest.mark.parametrize("name", BUILTIN)
def test_equations_of_a_builtin_layer_are_the_layer(name: str) -> None:
    cell = all_cells()[name]
    assert cell.keras is not None
    builtin = with_random_weights(model(getattr(L, cell.keras.class_name)(6, **cell.keras.settings)))
    products = cell.keras.weights([array.astype(np.float64) for array in builtin.get_weights()])
    ours = model(CellLayer(name, 6))
    arrays = []
    for variable in cell.variables(3, 6):
        product, kind = variable.rsplit("_", 1)
        arrays.append(products[product].weight.T if kind == "kernel" else products[product].bias)
    ours.set_weights(arrays)
    x = inputs()
    assert np.abs(np.asarray(ours(x)) - np.asarray(builtin(x))).max() < 1e-5


@pytest.mark.parametrize("name", all_cells())
def test_variables_and_where_they_start(name: str) -> None:
    cell = all_cells()[name]
    step = model(CellLayer(name, 6)).layers[0].cell
    assert {variable.name: tuple(variable.shape) for variable in step.weights} == cell.variables(3, 6)
    values = {variable.name: np.asarray(variable) for variable in step.weights}
    for product_name, product in cell.products.items():
        kernel = values[f"{product_name}_kernel"]
        assert np.unique(kernel).size == kernel.size
        if product.bias:
            starts = [cell.bias_starts.get(gate, 0.0) for gate in product.gates]
            assert values[f"{product_name}_bias"].tolist() == np.repeat(starts, 6).tolist()
        for gate in np.split(kernel, len(product.gates), axis=1) if product.operand == "h" else ():
            np.testing.assert_allclose(gate @ gate.T, np.eye(6), atol=1e-5)
    for constant_name, constant in cell.constants.items():
        assert (values[constant_name] == constant.start).all()


def test_shared_constants_are_imported_for_every_unit(tmp_path: Path) -> None:
    made = with_random_weights(model(CellLayer("fast_grnn", 4)))
    made.save(tmp_path / "own.keras")
    layer = import_keras(tmp_path / "own.keras", "own").layers[0]
    assert isinstance(layer, RecurrentLayer) and layer.name == "fast_grnn0"
    *_, bias, zeta, nu = made.get_weights()
    assert np.array_equal(layer.constants["bias"], bias)
    for name, trained in (("zeta", zeta), ("nu", nu)):
        np.testing.assert_allclose(
            layer.constants[name], np.repeat(1 / (1 + np.exp(-trained.astype(np.float64))), 4), rtol=1e-12
        )


def test_layers_of_both_kinds_are_numbered_apart(tmp_path: Path) -> None:
    layers = [CellLayer(name, 4, return_sequences=True) for name in ("mgu", "gru", "mgu")]
    made = with_random_weights(model(layers[0], L.GRU(4, return_sequences=True), *layers[1:], L.Dense(2)))
    assert difference_to_float_reading(made, tmp_path) < 1e-5
    names = [layer.name for layer in import_keras(tmp_path / "own.keras", "own").layers]
    assert names == ["mgu0", "gru0", "gru1", "mgu1", "dense0"]


def test_file_is_loaded_in_safe_mode(tmp_path: Path) -> None:
    made = with_random_weights(model(L.Masking(-9.0), CellLayer("mgu", 4, name="inner"), L.Dense(2, "softmax")))
    made.save(tmp_path / "own.keras")
    again = keras_cell.load(tmp_path / "own.keras")
    assert again.layers[1].get_config() == made.layers[1].get_config()
    np.testing.assert_array_equal(np.asarray(again(inputs())), np.asarray(made(inputs())))


def test_keras_float_runs_it(tmp_path: Path) -> None:
    """In a process of its own, where nothing has imported the layer."""
    files = Artifacts(tmp_path, "own")
    made = with_random_weights(model(CellLayer("fast_grnn", 4), L.Dense(2)))
    made.save(files.float_keras)
    x, lengths = inputs(count=4, steps=6), np.array([2, 6, 6, 1])
    np.savez(files.test_set, x=x, lengths=lengths)
    y, _, answered = keras_float.predict(files)
    wanted = run_float(import_keras(files.float_keras, "own"), x, lengths)
    assert np.array_equal(answered, lengths) and np.abs(y - wanted).max() < 1e-5


def test_unknown_cell() -> None:
    with pytest.raises(UserError, match=r"^There is no cell 'gruu': use one of fast_grnn, gru, "):
        CellLayer("gruu", 4)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [({"go_backwards": True}, "go_backwards=True"), ({"return_state": True}, "return_state=True")],
)
def test_refused(options: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    source = keras.Input((None, 3))
    output = CellLayer("mgu", 4, **options)(source)
    keras.Model(source, output[0] if isinstance(output, list | tuple) else output).save(tmp_path / "own.keras")
    with pytest.raises(ModelError, match=f"own.keras.*CellLayer.*{sentence}"):
        import_keras(tmp_path / "own.keras", "own")
