"""The host bench: its structure, never its times."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from rnn_edge import keras_float
from rnn_edge.bench import host
from rnn_edge.bench.host import GENERATED_C, KERAS, PEERS, HostTimes, Timing, measure, rows
from rnn_edge.errors import MissingError, RnnEdgeError
from rnn_edge.ir.program import save
from rnn_edge.paths import Artifacts
from rnn_edge.runtimes import Missing, all_runtimes
from rnn_edge.runtimes.c_host import CHost
from tests import keras_files
from tests.c.builds import BUILDS, export, usable
from tests.networks import Network, program
from tests.runtimes.cases import write_files

NUMERIC = Network(("gru",), (4,), inputs=3)
TOKENS = Network(("lstm",), (3,), embedding=2, every_step=True)


@pytest.fixture(autouse=True)
def _short_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "_ROUNDS", 3)
    monkeypatch.setattr(host, "_ROUND_NANOSECONDS", 1000)
    usable(BUILDS[GENERATED_C])


def exported(network: Network, folder: Path) -> Artifacts:
    """All files of a random network but that of Keras."""
    made = program(network)
    files = export(made, folder)
    write_files(files, made)
    save(made, files.program_json, files.program_npz)
    return files


def assert_sound(times: HostTimes) -> None:
    assert times.timings[0].runtime == GENERATED_C
    assert {one.runtime for one in times.timings} | set(times.missing) == {GENERATED_C, *PEERS, KERAS}
    assert all(one.step > 0 and one.sequence > 0 and one.version for one in times.timings)


@pytest.mark.parametrize("network", [NUMERIC, TOKENS], ids=lambda network: network.id)
def test_all_that_are_installed_take_part(network: Network, tmp_path: Path) -> None:
    files = exported(network, tmp_path / "build")
    if network is NUMERIC:
        keras_files.written(tmp_path, keras_files.model(), keras_files.arrays()).rename(files.float_keras)
    stages: list[str] = []
    times = measure(program(network), files, stages.append)
    assert_sound(times)
    installed = {name for name in PEERS if not isinstance(all_runtimes()[name].find(), Missing)}
    assert installed <= {one.runtime for one in times.timings}
    assert stages[0] == f"start {GENERATED_C}" and stages[-1] == "measure"
    if network is TOKENS:  # its float.keras is not there
        assert "keras" in times.missing[KERAS]


def test_what_is_missing_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = program(NUMERIC)
    files = export(made, tmp_path / "build")
    monkeypatch.setattr(keras_float, "find", lambda: Missing("pip install keras"))
    times = measure(made, files)
    assert_sound(times)
    assert [one.runtime for one in times.timings] == [GENERATED_C]
    assert times.missing == {KERAS: "pip install keras", **{name: "not exported" for name in PEERS}}


def test_without_the_c_there_is_nothing_to_compare_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RnnEdgeError, match="run `rnn-edge export` first"):
        measure(program(NUMERIC), Artifacts(tmp_path, "net"))
    monkeypatch.setattr(CHost, "find", lambda self: Missing("apt install gcc"))
    with pytest.raises(MissingError, match="`apt install gcc` gets it"):
        measure(program(NUMERIC), Artifacts(tmp_path, "net"))


def test_the_table_has_ratios() -> None:
    c = Timing(GENERATED_C, "12.2.0", 500.0, 400.0)
    others = (Timing("litert", "2.3.0", 14_000.0, 3_200.0), Timing("fast", "1", 250.0, 100.0))
    table = rows(HostTimes("net", (c, *others), {"onnxruntime": "pip install onnxruntime"}))
    assert table[1:] == [
        ("c-gcc-O2 12.2.0", "500", "1.0", "400", "1.0"),
        ("litert 2.3.0", "14,000", "28", "3,200", "8.0"),
        ("fast 1", "250", "0.5", "100", "0.25"),
        ("onnxruntime", "missing", "", "", ""),
    ]
    assert len({len(row) for row in table}) == 1


@pytest.mark.parametrize(("code", "said"), [("", "no word why"), ("import sys; sys.exit('no memory')", "no memory")])
def test_a_worker_that_ends_is_told(code: str, said: str) -> None:
    command = [sys.executable, "-c", f"print('ready', flush=True); {code}"]
    with (
        pytest.raises(RnnEdgeError, match=f"^litert ended: {said}$"),
        host._started("litert", command) as worker,
    ):
        worker.nanoseconds("step", 1)
