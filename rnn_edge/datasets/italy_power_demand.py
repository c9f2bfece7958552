"""Days of winter or summer, told apart by the hourly electricity demand of Italy: 24 steps, 67 train, 1029 test.

Source: UCR Time Series Classification Archive, "ItalyPowerDemand" (no formal licence; the archive asks to be cited:
H. A. Dau et al., "The UCR Time Series Archive", 2018, arXiv:1810.07758); first used by E. Keogh et al., "Intelligent
Icons: Integrating Lite-Weight Data Mining and Visualization into GUI Operating Systems", 2006. Read from the aeon wheel
(BSD-3-Clause); nothing is redistributed here.
"""

from . import Dataset, Split, ts_file, wheel, with_calibration

_FOLDER = "aeon/datasets/data/ItalyPowerDemand/"
_CLASSES = ("october_to_march", "april_to_september")  # labels 1 and 2 of the archive


def load() -> Dataset:
    """The split of the archive."""
    return with_calibration("italy_power_demand", _CLASSES, _part("TRAIN"), _part("TEST"))


def _part(part: str) -> Split:
    member = f"{_FOLDER}ItalyPowerDemand_{part}.ts"
    return ts_file.parse(wheel.read(wheel.AEON, member), member)[1]
