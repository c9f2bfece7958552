"""The table of a stress run; it fits 80 columns."""

from __future__ import annotations

from collections.abc import Sequence

from ..report import console, percent, plain_table
from .run import GROWTH, PARTS, Stress


def show(results: Sequence[Stress]) -> None:
    """One line a stream, then what the columns mean and what grows."""
    table = plain_table(
        "stream", "first", "middle", "last", "largest", "at step", "SNR", "gates", "states", "inputs", gap=1
    )
    for one in results:
        table.add_row(
            one.stream,
            *(f"{one.rms[part]:.1f}" for part in (0, PARTS // 2 - 1, PARTS - 1)),
            f"{one.largest:,.0f}",
            f"{one.largest_at:,}",
            f"{one.snr_db:.1f} dB",
            *(percent(share) for share in (one.saturated_gates, one.saturated_states, one.clipped_inputs)),
            style="bold red" if one.grows else "",
        )
    console.print(table)
    console.print(
        "\nfirst, middle, last: deviation of the states from the float network, root mean\n"
        f"square over {100 / PARTS:.0f} % of the steps; largest: of any state; in units of its last bit.\n"
        "gates, states, inputs: share that stands at the ends of its format.\n"
    )
    for one in results:
        console.print(f"{one.stream}: {one.meaning}")
    growing = [one.stream for one in results if one.grows]
    steps = f"{results[0].steps:,} steps without a reset"
    if growing:
        console.print(f"\n[bold red]The deviation grows[/bold red] over {steps} on {', '.join(growing)}.")
    else:
        console.print(f"\nOver {steps} none grew to {GROWTH:g} times its first half.")
