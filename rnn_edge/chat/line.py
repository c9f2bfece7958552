"""A line as it is typed: what the model makes of it after every character."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..datasets.languages import UNKNOWN, tokens
from ..ir import arithmetic
from ..ir.program import Program
from .listeners import Listener

BACKSPACE = "\x7f\b"


@dataclass(frozen=True)
class Opinion:
    """The class that is likeliest, and its probability, 0 to 1; no class before the first character."""

    name: str = ""
    probability: float = 0.0


@dataclass
class Line:
    """The characters so far, and what the model makes of them."""

    program: Program
    listener: Listener
    text: str = ""
    opinion: Opinion = field(default_factory=Opinion)

    def begin(self) -> None:
        """A new line."""
        self.listener.reset()
        self.text, self.opinion = "", Opinion()

    def type(self, character: str) -> None:
        """One more character; a backspace takes the last one back, for which the model hears the line again."""
        if character in BACKSPACE:
            kept = self.text[:-1]
            self.begin()
            for one in kept:
                self.type(one)
            return
        self.text += character
        for token in tokens(character):
            scores = self.listener.step(int(token))
        output = self.program.values[self.program.output]
        shares = arithmetic.softmax(scores[None], arithmetic.softmax_multiplier(output.scale))[0] / 32767
        best = int(np.argmax(scores))
        self.opinion = Opinion(self.program.classes[best], float(shares[best]))

    @property
    def unknown(self) -> str:
        """Characters of the line that the model has no token for, each once."""
        return "".join(dict.fromkeys(one for one in self.text if UNKNOWN in tokens(one)))
