"""How far back the gradient reaches: its norm by the lag, measured, as sentences and as a picture.

What is measured is the derivative of the loss at the last step by the state some steps back: R. Pascanu, T. Mikolov and
Y. Bengio, "On the difficulty of training recurrent neural networks", ICML 2013.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets import Split
from ..errors import MissingError, UserError
from ..files import write_atomically
from ..spec import ModelSpec, RecurrentSpec
from .batches import asked
from .carried import carried, state_sizes, zero_states
from .learner import loss_of

_SEQUENCES = 64
_LONGER = 8  # sequences that a lag needs
_POINTS = 32  # of the picture
_ROUND = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000)


@dataclass(frozen=True)
class Reach:
    """Norms of the gradient by the state of each recurrent layer `lags` steps back, as shares of those 1 step back.

    `shares`: `[3, lags, layers]`, quartiles over the sequences that are longer than the lag. A share is taken of the
    same sequence, because the norm itself tells first of all how wrong the network still is there.
    """

    layers: tuple[str, ...]
    lags: NDArray[np.int64]
    shares: NDArray[np.float64]

    @property
    def median(self) -> NDArray[np.float64]:
        """`[lags, layers]`."""
        median: NDArray[np.float64] = self.shares[1]
        return median

    def some(self) -> Iterator[tuple[int, list[float]]]:
        """Lags at round numbers and the longest, with their medians."""
        for lag, shares in zip(self.lags.tolist(), self.median, strict=True):
            if lag in _ROUND or lag == self.lags[-1]:
                yield lag, shares.tolist()

    def sentences(self) -> list[str]:
        """What the medians say, a sentence a layer."""
        return [self._sentence(name, share) for name, share in zip(self.layers, self.median.T, strict=True)]

    def _sentence(self, name: str, share: NDArray[np.float64]) -> str:
        largest = int(share.argmax())
        if share[largest] > 10:
            return f"{name}: grows to {share[largest]:.0f} times that of 1 step, {self.lags[largest]} steps back."
        if share.min() >= 0.1:
            return f"{name}: at least 10 % is left over all {self.lags[-1]} steps."
        text = f"{name}: below 10 % from {self.lags[int((share < 0.1).argmax())]} steps back"
        return text + (f", below 1 % from {self.lags[int((share < 0.01).argmax())]}." if share.min() < 0.01 else ".")


def measure_reach(model: Any, spec: ModelSpec, split: Split) -> Reach:
    """The reach of a trained model on the first 64 sequences; UserError where no gradient goes back."""
    batch = asked(split.take(np.arange(min(len(split), _SEQUENCES))), every_step=False)
    steps = int(batch.lengths.max())
    longest = int(np.sort(batch.lengths)[-min(_LONGER, len(batch))]) - 1
    if longest < 1:
        raise UserError("The sequences have one step each, so no gradient goes back: leave --gradients out.")
    x = _ended_together(batch.x, batch.lengths, steps)
    points = np.rint(np.geomspace(1, longest, _POINTS)).astype(np.int64)
    lags = np.union1d(points, [lag for lag in _ROUND if lag < longest])
    gradient, states = _gradient(model, spec), zero_states(model, len(batch))
    norms = np.stack(
        [
            _layer_norms(model, gradient(x[:, : steps - lag], x[:, steps - lag :], batch.y, states))
            for lag in lags.tolist()
        ]
    )
    # A sequence that is learnt so well that its gradient is zero tells nothing.
    usable = (norms[0] > 0).all(axis=1)
    if not usable.any():
        raise UserError("The gradient of every sequence is zero already 1 step back: leave --gradients out.")
    longer = (batch.lengths > lags[:, None]) & usable
    shares = norms / np.where(usable[:, None], norms[0], 1)
    quartiles = [
        np.quantile(share[rows], (0.25, 0.5, 0.75), axis=0) for share, rows in zip(shares, longer, strict=True)
    ]
    recurrent = [layer.layer for layer in spec.network.layers if isinstance(layer, RecurrentSpec)]
    return Reach(tuple(f"{name} {i + 1}" for i, name in enumerate(recurrent)), lags, np.stack(quartiles, axis=1))


def plot(reach: Reach, spec: ModelSpec, path: Path) -> None:
    """Write the picture, a PNG: a gradient that vanishes exponentially is a straight line that falls."""
    try:
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator
    except ImportError as error:
        raise MissingError(f"The plot needs matplotlib ({error}): run `pip install 'rnn-edge[train]'`.") from error
    figure = Figure(figsize=(8, 4.5), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    for i, name in enumerate(reach.layers):
        low, median, high = np.maximum(reach.shares[:, :, i], np.finfo(np.float32).tiny)  # zero has no logarithm
        (line,) = axes.plot(reach.lags, median, ".-", label=name)
        axes.fill_between(reach.lags, low, high, color=line.get_color(), alpha=0.15, linewidth=0)
    if 0 < spec.train.tbptt <= reach.lags[-1]:
        axes.axvline(spec.train.tbptt, color="grey", linestyle="--", label=f"tbptt = {spec.train.tbptt}")
    axes.set(yscale="log", xlabel="steps back from the last", ylabel="norm, as a share of that 1 step back")
    axes.set_title("Gradient of the loss at the last step by the state: median and quartiles of sequences")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(True, alpha=0.3)
    axes.legend()
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    write_atomically(path, picture.getvalue())


def _ended_together(x: NDArray[Any], lengths: NDArray[np.int64], steps: int) -> NDArray[Any]:
    """The sequences `[N, steps, ...]` with the padding in front: a masked step there leaves the zero state alone."""
    source = (np.arange(steps) + lengths[:, None]) % steps
    return np.stack([row[order] for row, order in zip(x[:, :steps], source, strict=True)])


def _gradient(model: Any, spec: ModelSpec) -> Callable[..., Any]:
    """From what came before, what came after, targets and first states: the gradient by the states in between."""
    import tensorflow as tf

    network, loss = carried(model), loss_of(spec)

    def gradient(before: Any, after: Any, y: Any, states: list[Any]) -> Any:
        _, *between = network([before, *states], training=False)
        with tf.GradientTape() as tape:
            tape.watch(between)
            answer = network([after, *between], training=False)[0]
            value = tf.reduce_sum(loss(y, answer[:, -1]))
        return tape.gradient(value, between)

    compiled: Callable[..., Any] = tf.function(gradient, reduce_retracing=True)
    return compiled


def _layer_norms(model: Any, gradients: Sequence[Any]) -> NDArray[np.float64]:
    """Norms `[N, layers]`, of all states of a layer together."""
    remaining = iter([np.asarray(part, np.float64) for part in gradients])
    parts = [[next(remaining) for _ in sizes] for sizes in state_sizes(model)]
    return np.stack([np.linalg.norm(np.concatenate(part, axis=1), axis=1) for part in parts], axis=1)
