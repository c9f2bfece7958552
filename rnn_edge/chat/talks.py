"""Which programs can be talked to."""

from __future__ import annotations

from ..datasets.characters import VOCABULARY
from ..errors import UserError
from ..ir.program import Program


def check_talks(program: Program) -> Program:
    """The program; UserError where it does not take characters one by one, or has no answers."""
    if program.tokens != VOCABULARY or not program.every_step or not program.softmax or not program.classes:
        raise UserError(
            f"{program.name} cannot be talked to: that takes a network with the {VOCABULARY} tokens of the alphabet, "
            "network.every_step and a softmax over classes, such as the bundled `chat` and `home`."
        )
    if not program.replies:
        raise UserError(f"{program.name} has no answers: add [replies] to its model.toml and export it again.")
    return program
