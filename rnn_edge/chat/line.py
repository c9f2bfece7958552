"""A line as it is typed: what the model makes of it after every character."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field

import numpy as np

from ..datasets.characters import UNKNOWN, tokens
from ..ir import arithmetic
from ..ir.program import Program
from .listeners import Listener

BACKSPACE = "\x7f\b"


@dataclass(frozen=True)
class Opinion:
    """The class that is likeliest, and its probability, 0 to 1; no class (-1) before the first character."""

    index: int = -1
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
        """One more character; the model hears the line again where it changes the last one.

        A backspace takes that back, and an accent of its own becomes one character with it.
        """
        if character in BACKSPACE:
            self._hear_again(self.text[:-1])
            return
        joined = unicodedata.normalize("NFC", self.text + character)
        if joined != self.text + character:
            self._hear_again(joined)
            return
        self.text = joined
        for token in tokens(character):
            scores = self.listener.step(int(token))
        output = self.program.values[self.program.output]
        shares = arithmetic.softmax(scores[None], arithmetic.softmax_multiplier(output.scale))[0] / 32767
        best = int(np.argmax(scores))
        self.opinion = Opinion(best, self.program.classes[best], float(shares[best]))

    def _hear_again(self, text: str) -> None:
        self.begin()
        for one in text:
            self.type(one)

    def reply(self) -> str:
        """What is answered to the line as it is: the text that the device holds for its class."""
        return self.listener.reply(self.opinion.index)

    @property
    def unknown(self) -> str:
        """Characters of the line that the model has no token for, each once."""
        return "".join(dict.fromkeys(one for one in self.text if _is_unknown(one)))

    @property
    def readable(self) -> bool:
        """Does the model know most letters of the line? What it says of another is worth nothing."""
        letters = [one for one in self.text if one.isalpha()]
        return 2 * sum(map(_is_unknown, letters)) < len(letters)


def _is_unknown(character: str) -> bool:
    return bool(UNKNOWN in tokens(character))
