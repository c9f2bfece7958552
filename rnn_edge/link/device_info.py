"""What a board says about itself when it is asked for its info (docs/link_protocol.md)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from .. import __version__
from ..errors import LinkError
from ..ir.program import DTYPES, Program
from ..ir.replies import packed

PROTOCOL = 1
"""Version of the link protocol."""

_FACTS = struct.Struct("<BBHHBHBBIHB32s")


@dataclass(frozen=True)
class DeviceInfo:
    """What a board says about itself."""

    protocol: int
    instances: int
    payload: int  # bytes of the largest request and answer
    inputs: int
    input_bits: int
    outputs: int
    output_bits: int
    every_step: bool
    tokens: int  # 0: the inputs are no tokens
    state_bytes: int
    tables_ok: bool
    self_test_ok: bool
    counts: bool  # what saturates
    program_hash: str
    model: str
    version: str  # of the tool that wrote its firmware
    core: str

    @classmethod
    def from_bytes(cls, data: bytes) -> DeviceInfo:
        """LinkError where the board speaks another version of the protocol, or none."""
        if data[:1] != bytes([PROTOCOL]):
            raise LinkError(
                f"The board does not speak version {PROTOCOL} of the link protocol; flash it with this tool."
            )
        try:
            numbers = _FACTS.unpack_from(data)
            model, version, core = data[_FACTS.size :].decode("ascii").split("\0")[:3]
        except (struct.error, ValueError) as error:
            raise LinkError(f"The board's description of itself is damaged ({error}); flash it again.") from error
        *counts, every_step, tokens, state_bytes, flags, digest = numbers
        protocol, instances, payload, inputs, input_bits, outputs, output_bits = counts
        return cls(
            protocol=protocol,
            instances=instances,
            payload=payload,
            inputs=inputs,
            input_bits=input_bits,
            outputs=outputs,
            output_bits=output_bits,
            every_step=bool(every_step),
            tokens=tokens,
            state_bytes=state_bytes,
            tables_ok=bool(flags & 1),
            self_test_ok=bool(flags & 2),
            counts=bool(flags & 4),
            program_hash=digest.hex(),
            model=model,
            version=version,
            core=core,
        )

    @property
    def samples_at_once(self) -> int:
        """Samples of sound in the longest request."""
        return (self.payload - 1) // 2

    @property
    def steps_per_frame(self) -> int:
        """Steps of the longest run that goes in one request, its answer with all states."""
        steps = (self.payload - 1) // (self.inputs * self.input_bits // 8)
        room = (self.payload - 1 - self.state_bytes) // (self.outputs * self.output_bits // 8)
        return min(steps, room) if self.every_step else steps


def least_payload(program: Program, core: str) -> int:
    """The smallest DEVICE_PAYLOAD in bytes with which the firmware of a program can answer everything."""
    x, y = (program.values[name] for name in (program.input, program.output))
    state_bytes = 2 * sum(program.values[state.name].size for state in program.states)
    names = "\0".join([program.name, __version__, core, ""])
    step, answer = (value.size * np.dtype(DTYPES[value.dtype]).itemsize for value in (x, y))
    reply = max((len(packed([text])) - 1 for text in program.replies), default=0)
    return 1 + max(_FACTS.size + len(names), step, answer + state_bytes, reply)
