"""Live progress of long work, on standard error so that standard output stays clean."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from .verdict import Row

console = Console(stderr=True, highlight=False)


@contextmanager
def training() -> Iterator[Callable[[int, int, int, Mapping[str, float]], None]]:
    """A bar a seed: epoch, losses, time left (early stopping may end it sooner)."""
    columns = (
        TextColumn("seed {task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[logs]}"),
    )
    with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
        tasks: dict[int, object] = {}

        def show(seed: int, epoch: int, epochs: int, logs: Mapping[str, float]) -> None:
            if seed not in tasks:
                tasks[seed] = progress.add_task(str(seed), total=epochs, logs="")
            text = f"loss {logs.get('loss', 0.0):.3f}, validation {100 * logs.get('val_accuracy', 0.0):.1f} %"
            progress.update(tasks[seed], completed=epoch, logs=text)  # type: ignore[arg-type]

        yield show


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
    with Progress(BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console, transient=True) as progress:
        task = progress.add_task("step", total=total)
        yield lambda steps: progress.update(task, completed=steps)
