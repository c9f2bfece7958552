"""Progress of training: the time left is counted from what was seen, and early stopping ends it."""

from __future__ import annotations

import io

from rich.console import Console
from rich.progress import Progress

from rnn_edge.progress import TrainingBars, TrainingLines

LOGS = {"loss": 0.5, "accuracy": 0.75, "val_loss": 0.25, "val_accuracy": 0.875}


def lines(*seen: tuple[float, int, int, int]) -> list[str]:
    """What is printed for (second, seed, epoch, epochs)."""
    output, now = io.StringIO(), [0.0]
    watch = TrainingLines(Console(file=output, width=80), lambda: now[0])
    for second, seed, epoch, epochs in seen:
        now[0] = second
        watch.epoch(seed, epoch, epochs, LOGS)
    return output.getvalue().splitlines()


def test_a_line_every_ten_seconds() -> None:
    printed = lines(*((10.0 + 2 * epoch, 0, epoch, 100) for epoch in range(1, 25)))
    assert [int(line.split()[3]) for line in printed] == [1, 6, 11, 16, 21]
    assert printed[0] == "seed 0, epoch 1 of at most 100, loss 0.500, validation 0.250, 87.5 %"
    assert printed[1].endswith("at most 0:03:08 left")  # 94 epochs of 2 s; the 12 s before epoch 1 do not count


def test_small_losses_have_three_figures() -> None:
    output = io.StringIO()
    watch = TrainingLines(Console(file=output, width=80))
    watch.epoch(0, 1, 6, LOGS | {"loss": 0.00012345, "val_loss": 12.0, "val_accuracy": float("nan")})
    assert output.getvalue().rstrip().endswith("loss 0.000123, validation 12.0")


def test_the_end_is_always_shown_and_the_next_seed_begins() -> None:
    printed = lines((1, 0, 1, 9), (2, 0, 2, 9), (3, 0, 3, 3), (4, 1, 1, 9), (5, 1, 2, 9), (25, 1, 3, 9))
    assert [line[:31] for line in printed] == [
        "seed 0, epoch 1 of at most 9, l",
        "seed 0, epoch 3 of at most 3, l",
        "seed 1, epoch 1 of at most 9, l",
        "seed 1, epoch 3 of at most 9, l",
    ]
    assert "left" not in printed[1] and printed[3].endswith("at most 0:01:03 left")  # 6 epochs of 10.5 s


def test_after_an_interruption_the_time_left_is_that_of_the_rest() -> None:
    assert lines((0, 0, 80, 100), (10, 0, 85, 100))[1].endswith("at most 0:00:30 left")


def test_a_bar_begins_where_training_goes_on() -> None:
    now = [0.0]
    progress = Progress(console=Console(file=io.StringIO()), get_time=lambda: now[0])
    bars = TrainingBars(progress)
    for second, epoch in ((0, 80), (5, 81), (10, 82), (15, 83)):
        now[0] = second
        bars.epoch(0, epoch, 100, LOGS)
    (task,) = progress.tasks
    assert (task.completed, task.total) == (83, 100) and task.time_remaining == 85
    bars.epoch(0, 84, 84, LOGS)
    assert task.finished and "at most" not in task.fields["logs"]
