"""Readers of the recurrent layers of a `.keras` file, one way and both ways."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .cells import Cell, FloatArray, Linear, all_cells
from .float_model import BidirectionalLayer, RecurrentLayer
from .keras_archive import StoredLayer
from .keras_stack import Stack, misfit

# Options of every recurrent layer that a step on a device cannot have, with the one value that is accepted. A device
# always keeps its state, so that `stateful` makes no difference.
_RECURRENT_OPTIONS = {"go_backwards": False, "return_state": False}

CELL_LAYER = "CellLayer"  # of keras_cell, which cannot be imported here


def recurrent_classes() -> tuple[str, ...]:
    builtin = dict.fromkeys(cell.keras.class_name for cell in all_cells().values() if cell.keras is not None)
    return (*builtin, CELL_LAYER)


def recurrent(layer: StoredLayer, stack: Stack) -> None:
    if not stack.sequences:
        raise stack.refuse(layer, "follows one that returns its last step only", "set return_sequences=True there")
    for option, accepted in _RECURRENT_OPTIONS.items():
        if layer.config.get(option, accepted) is not accepted:
            raise stack.refuse(
                layer, f"has {option}={layer.config[option]!r}", f"only {option}={accepted} is supported"
            )
    stack.layers.append(recurrent_layer(layer, stack, stack.recurrent))
    stack.sequences, stack.factor = layer.config.get("return_sequences") is True, 1.0


def recurrent_layer(layer: StoredLayer, stack: Stack, index: int) -> RecurrentLayer:
    """The recurrent layer; what comes after it gets one value a unit."""
    units = _units(layer, stack)
    if layer.class_name == CELL_LAYER:
        cell = _named_cell(layer, stack)
        arrays = _variables(cell, units, layer, stack)
        kind, products = cell.name, _stored_products(cell, arrays)
        constants = {
            name: np.broadcast_to(constant.value(arrays[name]), units).copy()
            for name, constant in cell.constants.items()
        }
    else:
        cell = _cell(layer, stack)
        kind = "rnn" if layer.class_name == "SimpleRNN" else layer.class_name.lower()
        products, constants = _products(cell, units, layer, stack), {}
    reads_x = {name for name, product in cell.products.items() if product.operand == "x"}
    products = {name: stack.scaled(one) if name in reads_x else one for name, one in products.items()}
    stack.width = units
    return RecurrentLayer(stack.name(kind), index, cell, units, products, constants)


def bidirectional(layer: StoredLayer, stack: Stack) -> None:
    """Two layers of one kind: the program of a step reads both ends of the sequence, so that the outputs at the end of
    both are all that there is. Inside, a step would have to know what is still to come."""
    inner = [layer.config.get(key) for key in ("layer", "backward_layer")]
    if stack.layers or stack.width == 0:
        raise stack.refuse(layer, "does not read the numbers of the input", "make it the first layer")
    if layer.config.get("merge_mode") != "concat":
        raise stack.refuse(layer, f"has merge_mode={layer.config.get('merge_mode')!r}", "train it with 'concat'")
    sides: list[RecurrentLayer] = []
    width = stack.width
    for index, (side, place) in enumerate(zip(inner, ("forward_layer", "backward_layer"), strict=True)):
        if not isinstance(side, dict) or not isinstance(side.get("config"), dict):
            raise stack.refuse(layer, "does not say what it wraps", "save the model again")
        config = {**side["config"], "go_backwards": False}
        arrays = {"cell/vars": layer.arrays.get(f"{place}/cell/vars", ())}
        one = StoredLayer(layer.name, str(side.get("class_name")), str(side.get("module")), config, arrays)
        if one.class_name not in recurrent_classes():
            raise stack.refuse(layer, f"wraps {one.class_name}", f"wrap one of {', '.join(recurrent_classes())}")
        if config.get("return_sequences") is True:
            remedy = "a stream has no end from where to come back: return the last output only, or go one way"
            raise stack.refuse(layer, "gives an output at every step", remedy)
        stack.width = width
        sides.append(recurrent_layer(one, stack, index))
    stack.layers.append(BidirectionalLayer(stack.name("bidirectional"), sides[0], sides[1]))
    stack.width, stack.sequences, stack.mirrored = sides[0].units + sides[1].units, False, True


def _named_cell(layer: StoredLayer, stack: Stack) -> Cell:
    name = layer.config.get("cell")
    cell = all_cells().get(name) if isinstance(name, str) else None
    if cell is None:
        known = ", ".join(all_cells())
        raise stack.refuse(layer, f"has cell {name!r}, known are {known}", "add its file to rnn_edge/cells")
    return cell


def _variables(cell: Cell, units: int, layer: StoredLayer, stack: Stack) -> dict[str, FloatArray]:
    """What a CellLayer has trained, by the names of `Cell.variables`."""
    assert stack.width is not None
    arrays = layer.arrays.get("cell/vars", ())
    shapes = cell.variables(stack.width, units)
    if [array.shape for array in arrays] != list(shapes.values()):
        raise misfit(arrays, units, layer, stack)
    return dict(zip(shapes, arrays, strict=True))


def _stored_products(cell: Cell, arrays: Mapping[str, FloatArray]) -> dict[str, Linear]:
    weights = {name: arrays[f"{name}_kernel"].T for name in cell.products}
    return {name: Linear(weight, arrays.get(f"{name}_bias", np.zeros(len(weight)))) for name, weight in weights.items()}


def _cell(layer: StoredLayer, stack: Stack) -> Cell:
    """The cell whose settings are those of the layer."""
    differing = ""
    for cell in all_cells().values():
        if cell.keras is None or cell.keras.class_name != layer.class_name:
            continue
        wrong = [key for key, accepted in cell.keras.settings.items() if layer.config.get(key) != accepted]
        if not wrong:
            return cell
        differing = differing or f"has {wrong[0]}={layer.config.get(wrong[0])!r}"
        accepted = ", ".join(f"{key}={value!r}" for key, value in cell.keras.settings.items())
    raise stack.refuse(layer, differing, f"train it again with {accepted}")


def _products(cell: Cell, units: int, layer: StoredLayer, stack: Stack) -> dict[str, Linear]:
    arrays = list(layer.arrays.get("cell/vars", ()))
    if layer.config.get("use_bias") is False and len(arrays) > 1:
        rows = arrays[1].shape[-1]
        # Only the GRU with reset_after has two biases, one for each product.
        arrays.append(np.zeros((2, rows) if layer.config.get("reset_after") else rows))
    assert cell.keras is not None and stack.width is not None
    try:
        products = cell.keras.weights(arrays)
    except (ValueError, IndexError, TypeError):
        products = {}
    stored = sum(array.size for array in arrays)
    used = sum(linear.weight.size + linear.bias.size for linear in products.values())
    if stored > used or not all(_fits(products.get(name), cell, name, units, stack.width) for name in cell.products):
        raise misfit(arrays, units, layer, stack)
    return products


def _fits(linear: Linear | None, cell: Cell, name: str, units: int, width: int) -> bool:
    product = cell.products[name]
    rows, columns = len(product.gates) * units, product.columns(width, units)
    return linear is not None and linear.weight.shape == (rows, columns) and linear.bias.shape == (rows,)


def _units(layer: StoredLayer, stack: Stack) -> int:
    units = layer.config.get("units")
    if type(units) is not int or not 1 <= units <= 65536:
        raise stack.refuse(layer, f"has {units!r} units, 1 to 65536 are accepted", "save the model again")
    return units
