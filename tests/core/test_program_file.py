"""Programs on disk: what is written comes back equal, and nothing else is let in."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnn_edge.errors import ProgramError
from rnn_edge.ir.check import check
from rnn_edge.ir.program import Program, load, save
from tests.networks import GRU, NETWORKS, Network, program


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    paths = tmp_path / "program.json", tmp_path / "program.npz"
    save(program(GRU), *paths)
    return paths


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.id)
def test_comes_back_equal_and_with_the_same_bytes(network: Network, tmp_path: Path) -> None:
    made = program(network)
    first, second = [(tmp_path / f"{i}.json", tmp_path / f"{i}.npz") for i in range(2)]
    save(made, *first)
    back = check(load(*first))
    assert back == made
    assert back.hash == made.hash
    save(back, *second)
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_another_weight_is_another_program(files: tuple[Path, Path]) -> None:
    made: Program = load(*files)
    arrays = dict(np.load(files[1], allow_pickle=False))
    arrays["dense0_sum_bias"] = arrays["dense0_sum_bias"] + 1
    np.savez(files[1], **arrays)
    assert load(*files) != made


def test_another_semantics_version_is_refused(files: tuple[Path, Path]) -> None:
    change(files[0], lambda described: described.update(semantics=2))
    with pytest.raises(ProgramError, match="semantics version 2.*export it again"):
        load(*files)


def test_constants_of_another_shape_or_type_are_refused(files: tuple[Path, Path]) -> None:
    arrays = dict(np.load(files[1], allow_pickle=False))
    for broken in (arrays["gru0_gx_weight"][:-1], arrays["gru0_gx_weight"].astype(np.int16)):
        np.savez(files[1], **{**arrays, "gru0_gx_weight": broken})
        with pytest.raises(ProgramError, match="gru0_gx_weight"):
            load(*files)


@pytest.mark.parametrize("which", [0, 1])
def test_every_truncation_is_one_sentence(files: tuple[Path, Path], which: int) -> None:
    whole = files[which].read_bytes()
    for length in [0, 1, 10, *range(20, len(whole) - 1, max(len(whole) // 40, 1))]:
        files[which].write_bytes(whole[:length])
        with pytest.raises(ProgramError):
            check(load(*files))


def test_a_pickle_is_never_read(files: tuple[Path, Path]) -> None:
    np.savez(files[1], gru0_gx_weight=np.array([{}], dtype=object))
    with pytest.raises(ProgramError):
        load(*files)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ProgramError, match="rnn-edge export"):
        load(tmp_path / "program.json", tmp_path / "program.npz")


def value(described: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(entry for entry in described["values"] if entry["name"] == name)
    return found


def op(described: dict[str, Any], output: str) -> dict[str, Any]:
    found: dict[str, Any] = next(entry for entry in described["ops"] if entry["output"] == output)
    return found


BROKEN: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "scheme": (lambda d: d.update(scheme="int4"), "scheme 'int4'"),
    "name": (lambda d: d.update(name="a-b"), "no C identifier"),
    "path in the name": (lambda d: d.update(name="../../x"), "no C identifier"),
    "operation": (lambda d: op(d, "gru0_z").update(kind="exec"), "operation 'exec'"),
    "order": (lambda d: d["ops"].reverse(), "before it is computed"),
    "twice": (lambda d: op(d, "gru0_r").update(output="gru0_z"), "twice"),
    "inputs": (lambda d: op(d, "gru0_z").update(inputs=[]), "0 inputs"),
    "unknown value": (lambda d: op(d, "gru0_z").update(inputs=["nothing"]), "before it is computed"),
    "scale zero": (lambda d: value(d, "x").update(scale=0.0), "no positive float32"),
    "scale NaN": (lambda d: value(d, "x").update(scale=float("nan")), "no positive float32"),
    "scale double": (lambda d: value(d, "x").update(scale=0.1), "no positive float32"),
    "zero point": (lambda d: value(d, "x").update(zero_point=128), "zero point 128"),
    "type": (lambda d: value(d, "gru0_z").update(dtype="float32"), "type 'float32'"),
    "size": (lambda d: value(d, "gru0_z").update(size=8), "gru0_z"),
    "negative size": (lambda d: value(d, "gru0_z").update(size=-1), "size -1"),
    "gate scale": (lambda d: value(d, "gru0_gx_z").update(scale=2.0**-10), "scales must be equal"),
    "curve out": (lambda d: value(d, "gru0_z").update(scale=2.0**-14), "must be 2\\^-15"),
    "slice": (lambda d: op(d, "gru0_gx_n").update(begin=15), "elements 15 to 22"),
    "state": (lambda d: d["states"][0].update(next="gru0_z_missing"), "next value is missing"),
    "head": (lambda d: d.update(body_ops=3), "head that reads"),
    "classes": (lambda d: d.update(classes=["one"]), "classes"),
    "output": (lambda d: d.update(output="nothing"), "nothing computes"),
    "raw unit": (lambda d: d.update(raw_unit=-1.0), "raw unit"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_every_rule_of_the_check(case: str, files: tuple[Path, Path]) -> None:
    breaks, sentence = BROKEN[case]
    change(files[0], breaks)
    with pytest.raises(ProgramError, match=sentence):
        check(load(*files))


def test_an_accumulator_that_could_overflow_is_refused(files: tuple[Path, Path]) -> None:
    arrays = dict(np.load(files[1], allow_pickle=False))
    bias = arrays["gru0_gx_bias"].copy()
    bias[3] = 2**31 - 1
    np.savez(files[1], **{**arrays, "gru0_gx_bias": bias})
    with pytest.raises(ProgramError, match="row 3 could overflow"):
        check(load(*files))


def test_a_weight_of_minus_128_is_refused(files: tuple[Path, Path]) -> None:
    arrays = dict(np.load(files[1], allow_pickle=False))
    weight = arrays["gru0_gx_weight"].copy()
    weight[0, 0] = -128
    np.savez(files[1], **{**arrays, "gru0_gx_weight": weight})
    with pytest.raises(ProgramError, match="-127 to 127"):
        check(load(*files))


def change(path: Path, edit: Callable[[dict[str, Any]], Any]) -> None:
    described = json.loads(path.read_text())
    edit(described)
    path.write_text(json.dumps(described))
