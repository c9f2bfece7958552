"""Slices that together cut a value into pieces: backends say them as one split."""

from __future__ import annotations

from collections.abc import Sequence

from ..ir.program import Op, Program


def pieces(program: Program, ops: Sequence[Op], op: Op) -> list[Op]:
    """The slices among `ops` of what `op` slices, in order, where they cut all of it; otherwise `op` alone."""
    cuts = sorted((o for o in ops if o.kind == "slice" and o.inputs == op.inputs), key=lambda o: o.begin)
    end = 0
    for cut in cuts:
        if cut.begin != end:
            return [op]
        end += program.values[cut.output].size
    return cuts if end == program.values[op.inputs[0]].size else [op]
