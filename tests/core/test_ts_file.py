"""The `.ts` reader: what it reads, and one refusal for every way a file can be wrong."""

import numpy as np
import pytest

from rnn_edge.datasets.ts_file import parse
from rnn_edge.errors import UserError

UNIVARIATE = """#comment
@problemName Small
@timeStamps false
@missing false
@univariate true
@classLabel true low high
@data
1,2.5,-3E-1:high
4,5,6:low
"""
MULTIVARIATE = """@univariate false
@dimensions 2
@equalLength false
@classLabel true 1 2
@data
1,2,3:4,5,6:2

7:8:1
"""


def test_univariate() -> None:
    classes, split = parse(UNIVARIATE, "small.ts")
    assert classes == ("low", "high")
    assert split.x.dtype == np.float32
    assert split.x[..., 0].tolist() == [[1, 2.5, np.float32(-0.3)], [4, 5, 6]]
    assert split.lengths.tolist() == [3, 3]
    assert split.y.tolist() == [1, 0]


def test_multivariate_of_different_lengths() -> None:
    _, split = parse(MULTIVARIATE, "small.ts")
    assert split.x.tolist() == [[[1, 4], [2, 5], [3, 6]], [[7, 8], [0, 0], [0, 0]]]
    assert split.lengths.tolist() == [3, 1]
    assert split.y.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("good", "bad", "sentence"),
    [
        ("@data\n", "", "no @data line"),
        ("1,2.5,-3E-1:high\n4,5,6:low\n", "", "no sequence after @data"),
        ("@missing false", "@missing true", "line 4: @missing is 'true'"),
        ("@timeStamps false", "@timeStamps true", "line 3: @timestamps is 'true'"),
        ("@problemName", "problemName", "line 2: a header line starts with @"),
        ("@problemName", "@problem", "line 2: @problem is not a header line"),
        ("@univariate true", "@dimensions 0", "line 5: @dimensions is '0'"),
        ("@univariate true", "@dimensions two", "line 5: @dimensions is 'two'"),
        ("@classLabel true low high\n", "", "no @classLabel line"),
        ("@classLabel true low high", "@classLabel false", "line 6: @classLabel is 'false'"),
        ("true low high", "true low", "at least two different labels"),
        ("true low high", "true low low", "at least two different labels"),
        ("4,5,6:low", "4,?,6:low", "line 9: '\\?' is not a number"),
        ("4,5,6:low", "4,,6:low", "line 9: '' is not a number"),
        ("4,5,6:low", "4,NaN,6:low", "line 9: a value is not a finite"),
        ("4,5,6:low", "4,1e39,6:low", "line 9: a value is not a finite"),
        ("4,5,6:low", "4,5,6:mid", "line 9: label 'mid' is not in @classLabel low high"),
        ("4,5,6:low", "4,5,6", "line 9: 0 channels, the header says 1"),
        ("4,5,6:low", "4,5:6:low", "line 9: 2 channels, the header says 1"),
    ],
)
def test_refused(good: str, bad: str, sentence: str) -> None:
    assert good in UNIVARIATE
    with pytest.raises(UserError, match=f"^small.ts.*{sentence}"):
        parse(UNIVARIATE.replace(good, bad), "small.ts")


def test_channels_of_one_sequence_have_one_length() -> None:
    with pytest.raises(UserError, match="line 8: the channels have lengths 1, 2"):
        parse(MULTIVARIATE.replace("7:8:1", "7:8,9:1"), "small.ts")
