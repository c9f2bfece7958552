"""Live progress of long work, on standard error so that standard output stays clean."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from math import isnan

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from .verdict import Row

console = Console(stderr=True, highlight=False)


@contextmanager
def training() -> Iterator[TrainingBars | TrainingLines]:
    """A bar a seed: epoch, losses, the most time that is left; a line now and then where nobody watches."""
    if not console.is_interactive:
        yield TrainingLines(console)
        return
    columns = (
        TextColumn("seed {task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[logs]}"),
    )
    with Progress(*columns, TimeRemainingColumn(elapsed_when_finished=True), console=console) as progress:
        yield TrainingBars(progress)


class TrainingBars:
    """A bar for every seed."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[int, TaskID] = {}

    def note(self, text: str) -> None:
        """The epochs that follow are counted anew."""
        self._tasks.clear()
        self._progress.console.print(text, markup=False, soft_wrap=True)

    def epoch(self, seed: int, epoch: int, epochs: int, logs: Mapping[str, float]) -> None:
        """Where training goes on after an interruption the bar begins there, so that its speed is that of now."""
        if seed not in self._tasks:
            self._tasks[seed] = self._progress.add_task(str(seed), total=epochs, completed=epoch, logs="")
        text = f"{_losses(logs)}{', at most' if epoch < epochs else ''}"
        self._progress.update(self._tasks[seed], completed=epoch, total=epochs, logs=text)


class TrainingLines:
    """A line after the first epoch, after the last, and when `SECONDS` have passed since the one before."""

    SECONDS = 10

    def __init__(self, output: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console, self._clock = output, clock
        self._seed = -1
        self._begun, self._shown = (0, 0.0), 0.0

    def note(self, text: str) -> None:
        """The epochs that follow are counted anew."""
        self._seed = -1
        self._console.print(text, markup=False, soft_wrap=True)

    def epoch(self, seed: int, epoch: int, epochs: int, logs: Mapping[str, float]) -> None:
        """The first epoch that is seen, which has started everything up, takes no part in the speed."""
        now = self._clock()
        first = seed != self._seed
        if first:
            self._seed, self._begun = seed, (epoch, now)
        elif epoch < epochs and now - self._shown < self.SECONDS:
            return
        self._shown = now
        text = f"seed {seed}, epoch {epoch} of at most {epochs}, {_losses(logs)}"
        if not first and epoch < epochs:
            seconds = (now - self._begun[1]) / (epoch - self._begun[0]) * (epochs - epoch)
            text += f", at most {timedelta(seconds=round(seconds))} left"
        self._console.print(text, soft_wrap=True)


def _losses(logs: Mapping[str, float]) -> str:
    text = f"loss {logs['loss']:#.3g}, validation {logs['val_loss']:#.3g}"
    return text if isnan(logs["val_accuracy"]) else f"{text}, {100 * logs['val_accuracy']:.1f} %"


@contextmanager
def verification(total: int) -> Iterator[Callable[[Row], None]]:
    """A bar over the runtimes, with the name of the one done last; nothing where nobody watches."""
    if not console.is_interactive:
        yield lambda row: None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("interpreter", total=total)
        yield lambda row: progress.update(task, advance=1, description=f"{row.runtime}: {row.status}")


@contextmanager
def benchmark(total: int) -> Iterator[Callable[[str], None]]:
    """A bar over the boards, with the name of the one measured last; nothing where nobody watches."""
    if not console.is_interactive:
        yield lambda board: None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("measure", total=total)
        yield lambda board: progress.update(task, advance=1, description=board)


@contextmanager
def stepping(total: int) -> Iterator[Callable[[int], None]]:
    """A bar over the steps of a stream, with the time left; nothing where nobody watches."""
    if not console.is_interactive:
        yield lambda steps: None
        return
    with Progress(
        BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console, transient=True
    ) as progress:
        task = progress.add_task("step", total=total)
        yield lambda steps: progress.update(task, completed=steps)
