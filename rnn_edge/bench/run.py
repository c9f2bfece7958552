"""Measures: builds the firmware that counts, runs it, and puts together what it found and what the ELF file says."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import __version__
from ..backends import c
from ..board import Board, all_boards, load
from ..build import Firmware, Variant, build
from ..errors import MissingError, UserError
from ..paths import Artifacts
from . import cycles_trace, firmware, history
from .counter import counter_of
from .cycles import CORES, estimate
from .history import Comparison, Entry
from .measurement import CycleEstimate, Lap, Measurement, Sizes
from .subjects import Subject

_MAIN = "bench"
_LAST_LAP = "copies, return"
_FIRST_STEP = 2  # call of the step in bench.c: the one before it is for the stack
_NOT_OF_THE_CODE = ("-D", "-I", "-W", "-pedantic")


@dataclass(frozen=True)
class Target:
    """A board and how to compile for it; what is missing for one that was not `named` is no error."""

    board: Board
    profile: str = "speed"
    weights_in_ram: bool = False
    compiler: str | None = None
    named: bool = True


@dataclass(frozen=True)
class Skipped:
    """A target that could not be measured, and why in a sentence."""

    target: Target
    reason: str


def targets(names: Sequence[str], all_emulated: bool, profiles: Sequence[str], weights_in_ram: bool) -> list[Target]:
    """The boards of these names or paths, and all emulated ones where asked for, in each profile.

    UserError where there is none, or for a name that is unknown or that of a real board.
    """
    named = {board.id: board for board in map(load, names)}
    for board in named.values():
        counter_of(board)
    others = {board.id: board for board in all_boards().values() if board.emulated} if all_emulated else {}
    if not named and not others:
        raise UserError("No board is named: add --board NAME (see `rnn-edge boards`) or --all-emulated.")
    return [
        Target(board, profile, weights_in_ram, named=board.id in named)
        for profile in profiles
        for board in (others | named).values()
    ]


@dataclass(frozen=True)
class Result:
    """What was measured of a subject, what could not be, and what is stored of it."""

    subject: Subject
    measured: tuple[Measurement, ...]
    skipped: tuple[Skipped, ...]
    before: Entry | None


def measure_all(
    subjects: Sequence[Subject],
    wanted: Sequence[Target],
    folder: Path,
    laps: bool,
    estimates: bool = False,
    done: Callable[[str], None] = lambda name: None,
) -> list[Result]:
    """Measure every subject on every target; `folder` has the history, `done` hears the name of each board.

    Where `estimates` are asked for, MissingError without what they need, UserError where no core has a model.
    """
    if estimates:
        _require_model(wanted)
        cycles_trace.require()
    stored = [history.load(folder, subject.name) for subject in subjects]
    results = []
    for subject, before in zip(subjects, stored, strict=True):
        found = list(_measured(subject, wanted, laps, estimates, done))
        measured = tuple(one for one in found if isinstance(one, Measurement))
        skipped = tuple(one for one in found if isinstance(one, Skipped))
        results.append(Result(subject, measured, skipped, before))
    return results


def _require_model(wanted: Sequence[Target]) -> None:
    if not any(target.board.family.core in CORES for target in wanted):
        raise UserError(
            f"Cycles can be estimated for {', '.join(CORES)}, and no board has such a core: add one, or leave out "
            "--cycles."
        )


def _measured(
    subject: Subject, wanted: Sequence[Target], laps: bool, estimates: bool, done: Callable[[str], None]
) -> Iterator[Measurement | Skipped]:
    for target in wanted:
        try:
            yield measure(subject, target, laps, estimates)
        except (UserError, MissingError) as error:
            if target.named:
                raise
            yield Skipped(target, str(error))
        done(target.board.id)


def store(results: Sequence[Result], folder: Path) -> None:
    """Put what was measured into the history; UserError where that cannot be written."""
    for result in results:
        if result.measured:
            history.store(folder, result.subject, result.measured)


def compare(results: Sequence[Result], folder: Path) -> Comparison:
    """What was measured against what was stored before; UserError where nothing can be compared."""
    pairs = [
        (result.before.measurements[one.key], one)
        for result in results
        if result.before is not None
        for one in result.measured
        if one.key in result.before.measurements
    ]
    if not pairs:
        raise UserError(
            f"{folder} has no measurement of these boards, profiles and compilers to compare with; store one with "
            "--store first."
        )
    return Comparison(len(pairs), tuple(change for pair in pairs for change in history.compare(*pair)))


def measure(subject: Subject, target: Target, laps: bool = False, estimates: bool = False) -> Measurement:
    """Build and run; with `laps` once more, in a build that stops the time between statements.

    With `estimates` a step is traced too, on a core that has a model. Errors are those of `build.build` (FitError where
    it does not fit), MissingError without the emulator, MismatchError where the step computes other integers than the
    interpreter.
    """
    counter = counter_of(target.board)
    with tempfile.TemporaryDirectory() as temporary:
        made = _build(subject, target, Path(temporary) / "whole", laps=False)
        counts = firmware.run(made.image, target.board, counter)
        cycles = _estimate(subject, made, target.board) if estimates else None
        split: tuple[Lap, ...] = ()
        if laps:
            lapped = _build(subject, target, Path(temporary) / "laps", laps=True)
            split = _split(subject, firmware.run(lapped.image, target.board, counter))
    return Measurement(
        board=target.board.id,
        core=target.board.family.core,
        profile=target.profile,
        weights_in_ram=target.weights_in_ram,
        compiler=made.compiler,
        flags=tuple(flag for flag in made.flags if not flag.startswith(_NOT_OF_THE_CODE)),
        program=subject.program.hash,
        tool=f"rnn_edge {__version__}",
        unit=counter.unit,
        macs=subject.macs,
        mean=round(sum(counts.steps) / len(counts.steps)),
        largest=max(counts.steps),
        sizes=_sizes(subject, made, counts.stack),
        laps=split,
        estimate=cycles,
    )


def _estimate(subject: Subject, made: Firmware, board: Board) -> CycleEstimate | None:
    """Of the first step of the self-test; None for a core that has no model."""
    core = board.family.core
    if core not in CORES:
        return None
    executed = cycles_trace.trace(made.image.elf, board, f"{subject.program.name}_step", _FIRST_STEP)
    waits = CORES[core].typical_wait_states
    return CycleEstimate(len(executed), estimate(executed, core, 0), waits, estimate(executed, core, waits))


def _build(subject: Subject, target: Target, folder: Path, laps: bool) -> Firmware:
    program = subject.program
    artifacts = Artifacts(folder / "exported", program.name)
    artifacts.c_folder.mkdir(parents=True)
    for name, text in c.write(program, laps=laps).items():
        (artifacts.c_folder / name).write_text(text)
    macros = (f"BENCH_LAPS={len(c.lap_names(program))}",) if laps else ()
    variant = Variant(target.profile, target.weights_in_ram, _MAIN, macros)
    link = firmware.link_of(target.board)
    return build(program, artifacts, target.board, folder / "made", link, target.compiler, variant)


def _split(subject: Subject, counts: firmware.Counts) -> tuple[Lap, ...]:
    """The mean of each lap over the steps; the last is what comes behind the last statement.

    Stopping costs a few instructions more or less in each place: nothing can come out as less than nothing.
    """
    names = [*c.lap_names(subject.program), _LAST_LAP]
    means = (max(0, round(total / len(counts.steps))) for total in counts.laps)
    return tuple(Lap(name, mean) for name, mean in zip(names, means, strict=True))


def _sizes(subject: Subject, made: Firmware, stack: int) -> Sizes:
    """The bytes of the model alone: footprint.py tells them from those of port and main program."""
    values, flash_groups, ram_groups = subject.program.values, made.footprint.flash, made.footprint.ram
    return Sizes(
        code=flash_groups.get("code", 0) + ram_groups.get("code", 0),
        tables=flash_groups.get("tables", 0) + ram_groups.get("tables", 0),
        weights=flash_groups.get("weights", 0) + ram_groups.get("weights", 0),
        state=2 * sum(values[state.name].size for state in subject.program.states),
        stack=stack,
    )
