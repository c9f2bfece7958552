"""`make results`: the figures of the stored weights are measured anew and rewritten where they are others."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from rnn_edge import results
from rnn_edge.errors import UserError
from rnn_edge.paths import MODELS


@pytest.fixture
def power(tmp_path: Path) -> Path:
    return Path(shutil.copytree(MODELS / "power", tmp_path / "power"))


def test_what_is_stored_is_what_the_weights_give(power: Path) -> None:
    assert results.refresh(power) == []
    assert (power / "metrics.json").read_bytes() == (MODELS / "power" / "metrics.json").read_bytes()


def test_other_figures_are_rewritten_and_nothing_else(power: Path) -> None:
    path, right = power / "metrics.json", json.loads((power / "metrics.json").read_text())
    wrong = json.loads(json.dumps(right))
    wrong["schemes"]["int8"]["accuracy"] = 0.5
    wrong["parameters"] = 1
    del wrong["schemes"]["int16x8"]
    path.write_text(json.dumps(wrong))
    said = results.refresh(power)
    assert said[0] == "parameters: 1 was stored, 282 is measured" and "int8 accuracy: 0.5 was stored" in said[1]
    assert len(said) == 2 + len(right["schemes"]["int16x8"]) - list(right["schemes"]["int16x8"].values()).count(None)
    found = json.loads(path.read_text())
    assert {key: found[key] for key in right if key != "schemes"} == {
        key: right[key] for key in right if key != "schemes"
    }
    assert found["schemes"]["int8"]["accuracy"] == right["schemes"]["int8"]["accuracy"]
    assert found["schemes"]["int16x8"]["snr_db"] == pytest.approx(right["schemes"]["int16x8"]["snr_db"])


def test_without_weights_nothing_is_written(power: Path) -> None:
    (power / "float.keras").unlink()
    before = (power / "metrics.json").read_bytes()
    with pytest.raises(UserError, match="no trained weights yet"):
        results.refresh(power)
    assert (power / "metrics.json").read_bytes() == before
