"""What layers over time compute, said in the operations of a reading: rows in, rows out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .float_model import ConvLayer, GlobalPoolLayer, PoolLayer

if TYPE_CHECKING:
    from .readings import Reading, Signal

COMBINE = {"max": "maximum", "sum": "add"}


def conv(
    reading: Reading, layer: ConvLayer, rows: Sequence[Signal], states: Sequence[Signal]
) -> tuple[list[Signal], list[Signal]]:
    """Every row goes behind the window of past ones; every `stride`-th of these is multiplied."""
    outputs, window = [], list(states)
    for index, row in enumerate(rows):
        apart = str(index) if len(rows) > 1 else ""
        seen = row
        if window:
            seen = reading.emit("concat", f"{layer.name}_seen{apart}", row.form, [window[0], row])
            name = f"w{layer.index}_next" if index == len(rows) - 1 else f"{layer.name}_window{apart}"
            size = (layer.kernel - 1) * layer.width
            window = [reading.emit("slice", name, row.form, [seen], begin=layer.width, size=size)]
        if index % layer.stride == 0:
            outputs.append(_convolved(reading, layer, seen, apart))
    return outputs, window


def _convolved(reading: Reading, layer: ConvLayer, seen: Signal, apart: str) -> Signal:
    curved = layer.activation in ("sigmoid", "tanh")
    form = f"{layer.name}.{'gate' if curved else 'out'}"
    total = reading.linear(f"{layer.name}_sum{apart}", seen, layer.linear, form, shared=f"{layer.name}_sum")
    if curved:
        return reading.curve(layer.activation, f"{layer.name}_y{apart}", total)
    return reading.emit("relu", f"{layer.name}_y{apart}", form, [total]) if layer.activation == "relu" else total


def pool(reading: Reading, layer: PoolLayer, rows: Sequence[Signal]) -> list[Signal]:
    """One row of every `size`."""
    outputs = []
    for start in range(0, len(rows), layer.size):
        pooled = rows[start]
        for index in range(start + 1, start + layer.size):
            name = f"{layer.name}_y{index}"
            pooled = reading.emit(COMBINE[layer.kind], name, pooled.form, [pooled, rows[index]])
        outputs.append(pooled)
    return outputs


def global_pool(reading: Reading, layer: GlobalPoolLayer, x: Signal, state: Signal) -> Signal:
    """The state with one step more. A sum is kept in coarser steps, so that it has room."""
    if layer.kind == "sum":
        x = reading.emit("shift", f"{layer.name}_x", state.form, [x])
    return reading.emit(COMBINE[layer.kind], f"{state.name}_next", state.form, [state, x])
