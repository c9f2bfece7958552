"""The electricity demand of Italy one hour ahead: 23 steps of a day, a value to forecast at each; 67 train, 1029 test.

Source: as `italy_power_demand`, whose days these are; the class of a day is not used. The archive has scaled each day
to mean 0 and deviation 1 over its 24 hours. Nobody knows that scale before the day is over, so a forecast for a real
meter would have to scale by past days, and would do somewhat worse.
"""

from __future__ import annotations

import numpy as np

from . import Dataset, Split, italy_power_demand, with_calibration


def load() -> Dataset:
    """The split of the archive; `y` float32 `[N, 23, 1]` is `x` one step later."""
    days = italy_power_demand.load()
    return with_calibration("power_demand_ahead", (), _ahead(days.train), _ahead(days.test), ("demand",))


def _ahead(days: Split) -> Split:
    return Split(days.x[:, :-1], np.maximum(days.lengths - 1, 1), days.x[:, 1:])
