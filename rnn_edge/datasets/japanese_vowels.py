"""Nine speakers, told apart by two Japanese vowels: 12 LPC cepstrum coefficients, 7 to 29 steps, 270 train, 370 test.

Source: UCI Machine Learning Repository, "Japanese Vowels", DOI 10.24432/C5NS47 (licence CC BY 4.0 as UCI states it);
M. Kudo, J. Toyama and M. Shimbo, "Multidimensional Curve Classification Using Passing-Through Regions", Pattern
Recognition Letters 20 (1999), 1103-1111. Read from the aeon wheel (BSD-3-Clause); nothing is redistributed here.
"""

from . import Dataset, Split, ts_file, wheel, with_calibration

_FOLDER = "aeon/datasets/data/JapaneseVowels/"


def load() -> Dataset:
    """The split of the archive."""
    labels, train = _part("TRAIN")
    _, test = _part("TEST")
    return with_calibration("japanese_vowels", tuple(f"speaker_{label}" for label in labels), train, test)


def _part(part: str) -> tuple[tuple[str, ...], Split]:
    member = f"{_FOLDER}JapaneseVowels_{part}.ts"
    return ts_file.parse(wheel.read(wheel.AEON, member), member)
