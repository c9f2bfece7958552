"""Is today's data still what the model was made for? What a board counted, beside what calibration saw."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .calibrate import Channel, Ranges, load_ranges
from .ir.counters import Counters, channels, gates, load_calibration, states
from .ir.program import Program
from .ir.quantize_input import to_float
from .paths import Artifacts

TOLERANCE = 0.01
"""How much larger than in calibration a share may be: its rarest values are not in every sample."""

CONSTANT_STEPS = 100
"""In so many steps an input that varied in calibration does vary."""


@dataclass(frozen=True)
class Calibration:
    """What calibration saw: of the float inputs, and of the program as the interpreter counted it."""

    ranges: Ranges
    counters: Counters


def load(artifacts: Artifacts, program: Program) -> Calibration:
    """From an export; UserError where it is of an older version, or damaged."""
    return Calibration(load_ranges(artifacts.ranges), load_calibration(artifacts.counters, program))


@dataclass(frozen=True)
class InputDrift:
    """One channel. Shares are of steps; `low` and `high` in the units of the data, None without steps, and `clipped`
    where they stand at the end of the format: what was seen may have been further out."""

    calibrated: Channel
    low: float | None
    high: float | None
    clipped: tuple[bool, bool]
    outside: float
    saturated: float
    calibrated_saturated: float


@dataclass(frozen=True)
class ValueDrift:
    """One gate or state; the shares are of its units in all steps."""

    name: str
    kind: str  # gate or state
    saturated: float
    calibrated_saturated: float


@dataclass(frozen=True)
class Finding:
    """What is not as in calibration, in words, and its share."""

    what: str
    share: float


@dataclass(frozen=True)
class Drift:
    """Of `steps` steps of a model: each input, each gate and state, and what is found, the largest share first."""

    model: str
    steps: int
    inputs: tuple[InputDrift, ...]
    values: tuple[ValueDrift, ...]
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> str:
        """One sentence."""
        if self.steps == 0:
            return "No step was counted, so there is nothing to judge."
        if not self.findings:
            return (
                f"The data is still in the range that {self.model} was made for: of {self.steps:,} steps no share of "
                f"what is outside or saturated is over {100 * TOLERANCE:g} % above that of calibration."
            )
        others = len(self.findings) - 1
        more = f", and {others} more {'are' if others > 1 else 'is'} further out" if others else ""
        return (
            f"{self.findings[0].what}{more}: the data is not what {self.model} was made for; check the sensor and its "
            "unit, or train and calibrate with such data."
        )


def compare(program: Program, counted: Counters, calibration: Calibration) -> Drift:
    """What a board counted of a program, beside its calibration."""
    inputs = tuple(_inputs(program, counted, calibration))
    values = tuple(_values(program, counted, calibration.counters))
    found = [*_of_inputs(counted, calibration.counters, inputs), *_of_values(counted.steps, values)]
    findings = found if counted.steps else []
    findings.sort(key=lambda finding: -finding.share)
    return Drift(program.name, counted.steps, inputs, values, tuple(findings))


def _inputs(program: Program, counted: Counters, calibration: Calibration) -> Iterator[InputDrift]:
    if not channels(program):
        return
    ends = np.iinfo(program.values[program.input].dtype)
    low, high = (to_float(program, np.array(numbers)).tolist() for numbers in (counted.low, counted.high))
    then = calibration.counters
    for i, channel in enumerate(calibration.ranges.channels):
        yield InputDrift(
            calibrated=channel,
            low=low[i] if counted.steps else None,
            high=high[i] if counted.steps else None,
            clipped=(counted.low[i] == ends.min, counted.high[i] == ends.max),
            outside=counted.outside[i] / max(counted.steps, 1),
            saturated=counted.saturated_inputs[i] / max(counted.steps, 1),
            calibrated_saturated=then.saturated_inputs[i] / max(then.steps, 1),
        )


def _values(program: Program, counted: Counters, then: Counters) -> Iterator[ValueDrift]:
    named = [*((one.name, "gate") for one in gates(program)), *((one.name, "state") for one in states(program))]
    for (name, kind), share, before in zip(named, counted.shares(program), then.shares(program), strict=True):
        yield ValueDrift(name, kind, share, before)


def _of_inputs(counted: Counters, then: Counters, inputs: tuple[InputDrift, ...]) -> Iterator[Finding]:
    steps = f"{counted.steps:,} steps"
    for i, one in enumerate(inputs):
        who, more = f"Input {one.calibrated.name}", one.saturated - one.calibrated_saturated
        if one.outside > TOLERANCE and one.outside >= more:
            yield Finding(f"{who} is outside what calibration saw in {_percent(one.outside)} of {steps}", one.outside)
        elif more > TOLERANCE:
            then_and_now = f"{_percent(one.saturated)} of {steps}, {_percent(one.calibrated_saturated)} in calibration"
            yield Finding(f"{who} is saturated in {then_and_now}", one.saturated)
        elif counted.low[i] == counted.high[i] and then.low[i] < then.high[i] and counted.steps >= CONSTANT_STEPS:
            yield Finding(f"{who} is {one.low:.4g} in all of {steps}", 1.0)


def _of_values(steps: int, values: tuple[ValueDrift, ...]) -> Iterator[Finding]:
    for one in values:
        if one.saturated - one.calibrated_saturated > TOLERANCE:
            then_and_now = (
                f"{_percent(one.saturated)} of {steps:,} steps, {_percent(one.calibrated_saturated)} in calibration"
            )
            yield Finding(f"The {one.kind} {one.name} is saturated in {then_and_now}", one.saturated)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
