"""What one step of a network costs on a board, compiled in one way: the result of a measurement."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from pydantic import TypeAdapter

INSTRUCTIONS, CYCLES = "instructions", "cycles"


@dataclass(frozen=True)
class Lap:
    """One statement of a step: what it computes, and what that takes in the mean."""

    equation: str
    count: int


@dataclass(frozen=True)
class Sizes:
    """Bytes. `code` and `tables` are what the linker keeps for a step: functions and constants of model and kernels.

    `weights` lie in flash, and once more in RAM where they are copied to it; `state` is one instance; `stack` is what a
    step wrote below its caller's stack pointer, scratch included.
    """

    code: int
    tables: int
    weights: int
    state: int
    stack: int


@dataclass(frozen=True)
class CycleEstimate:
    """What `cycles.estimate` makes of one traced step: `instructions` executed from its entry to its return.

    `cycles` with memory that never waits, `waiting` with flash that takes `wait_states` cycles longer.
    """

    instructions: int
    cycles: int
    wait_states: int
    waiting: int


@dataclass(frozen=True)
class Measurement:
    """Counts of the steps of the self-test, from the call of the step to its return.

    `unit`: instructions, or cycles where the emulator knows those of the core. `mean` and `largest` are over the
    steps. `laps` come from a build of their own, which shares no work between statements, so that their sum is near
    `mean`, not equal; there are none where it was not made. `program`: hash of what ran. `estimate` is of the first
    step, None where it was not asked for or the core has no model.
    """

    board: str
    core: str
    profile: str
    weights_in_ram: bool
    compiler: str
    flags: tuple[str, ...]
    program: str
    tool: str
    unit: str
    macs: int  # products of a weight and an operand in one step
    mean: int
    largest: int
    sizes: Sizes
    laps: tuple[Lap, ...] = ()
    estimate: CycleEstimate | None = None

    @property
    def key(self) -> str:
        """What can be compared: another version of the compiler makes other code."""
        where = " weights-in-ram" if self.weights_in_ram else ""
        return f"{self.board} {self.profile}{where} {self.compiler}"

    @property
    def place(self) -> str:
        """What a history keeps one measurement of: the key without the version of the compiler."""
        return self.key.rpartition(" ")[0]

    @property
    def per_mac(self) -> float:
        return self.mean / self.macs

    @property
    def ram(self) -> int:
        """Bytes that an instance and its step need."""
        return self.sizes.state + self.sizes.stack + (self.sizes.weights if self.weights_in_ram else 0)

    def to_dict(self) -> dict[str, Any]:
        """For a JSON file; `from_dict` reads it."""
        return asdict(self)


def from_dict(described: object) -> Measurement:
    """The measurement that `to_dict` described; pydantic's ValidationError, a ValueError, where it is none."""
    return _READER.validate_python(described)


_READER = TypeAdapter(Measurement)
