"""The keys of `[train]` in a `model.toml`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .layer_specs import Count
from .sections import Section

OF_NUMBERS = ("noise", "shift", "rotation", "warp", "scale", "mask")
"""Options of augmentation for sequences that hold no tokens."""


class TrainSpec(Section):
    """Adam, stopped when the loss on the share `validation` has not improved for `patience` epochs.

    `decay`: "cosine" lowers the learning rate to zero over `epochs` (I. Loshchilov and F. Hutter, arXiv:1608.03983),
    does not stop before and keeps the last weights.
    `alike`: batches hold sequences of similar lengths, so that little time goes into padding.
    `tbptt`: gradients go back at most so many steps, and the state is carried on (0: through whole sequences).
    `class_weights`: "balanced" lets every class count the same. `noise` (share of each channel's deviation), `shift`
    (steps), `rotation` (degrees, of channels in triples x, y, z), `warp` (share by which the axis of channels, bands of
    sound, is stretched), `scale` (share of the amplitude), `mask` (longest stretch of steps, and of channels, that is
    covered, as a share), `crop` (the longest beginning that is cut off, as a share of the sequence) and `unknown`
    (share of tokens that become token 1) change the training part anew in every epoch.
    """

    epochs: Annotated[int, Field(ge=1, le=100_000)]
    batch: Count = 32
    alike: bool = False
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.001
    decay: Literal["none", "cosine"] = "none"
    gradient_clip: Annotated[float, Field(gt=0)] = 1.0
    tbptt: Annotated[int, Field(ge=0, le=65536)] = 0
    class_weights: Literal["none", "balanced"] = "none"
    noise: Annotated[float, Field(ge=0, le=10)] = 0.0
    shift: Annotated[int, Field(ge=0, le=65536)] = 0
    rotation: Annotated[float, Field(ge=0, le=180)] = 0.0
    warp: Annotated[float, Field(ge=0, lt=1)] = 0.0
    scale: Annotated[float, Field(ge=0, lt=1)] = 0.0
    mask: Annotated[float, Field(ge=0, lt=1)] = 0.0
    crop: Annotated[float, Field(ge=0, lt=1)] = 0.0
    unknown: Annotated[float, Field(ge=0, lt=1)] = 0.0
    validation: Annotated[float, Field(gt=0, lt=1)] = 0.2
    patience: Annotated[int, Field(ge=1)] = 20
    loss: Literal["sparse_categorical_crossentropy", "mse", "mae"] = "sparse_categorical_crossentropy"

    @property
    def augmentation(self) -> bool:
        """Are sequences changed in every epoch?"""
        return any(getattr(self, name) for name in (*OF_NUMBERS, "crop", "unknown"))
