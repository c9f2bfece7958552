"""Features and decisions in C compute the integers of their definitions, whatever the compiler and the pieces."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnn_edge.backends import c, c_features
from rnn_edge.errors import UserError
from rnn_edge.features import Configuration, Decimation, Decision, LogMel, Statistics
from rnn_edge.runtimes.c_host import RUNTIMES, CHost, compile_c
from tests import listening, signals
from tests.c.builds import usable
from tests.c.features import player
from tests.c.kernels import HERE

LOG_MELS = [
    LogMel(),
    LogMel(window=400, hop=160, mels=40, low_hz=20, high_hz=8000, floor=0),
    LogMel(rate_hz=8000, window=256, hop=256, fft=256, mels=20, low_hz=0, high_hz=4000, floor=16),
    LogMel(rate_hz=4000, window=100, hop=1, fft=128, mels=1, low_hz=200, high_hz=1900),
    LogMel(rate_hz=4000, window=64, hop=33, fft=64, mels=5, low_hz=100, high_hz=2000),
    LogMel(rate_hz=48000, window=1024, hop=512, fft=1024, mels=64, low_hz=50, high_hz=24000, floor=3),
]
STATISTICS = [
    Statistics(channels=6, window=50, hop=25),
    Statistics(channels=1, window=2, hop=1, statistics=("deviation", "mean")),
    Statistics(channels=3, window=1024, hop=1024, statistics=("mean_difference", "range", "maximum")),
]
DOCS = Path(__file__).parents[2] / "docs"
HOSTS = [host for host in RUNTIMES if host.level != "O3"]
FEW = [host for host in HOSTS if host.name in ("c-gcc-O2", "c-clang-sanitize")]


def cases(configurations: Sequence[LogMel | Statistics]) -> list[Any]:
    """The first on every host, the others on few."""
    return [
        pytest.param(host, one, id=f"{host.name}-{one.window}")
        for number, one in enumerate(configurations)
        for host in (FEW if number else HOSTS)
    ]


@pytest.mark.parametrize(("host", "features"), cases(LOG_MELS))
def test_log_mel(host: CHost, features: LogMel, tmp_path: Path) -> None:
    built = player(host, tmp_path, features)
    samples = features.window + 6 * features.hop + 5
    played = {f"speech of {peak}": signals.speech(samples, peak) for peak in (32767, 2000, 50)}
    played |= signals.extremes(samples)
    for name, x in played.items():
        assert built.frames(x, features, piece=len(x)) == features.frames(x).tolist(), name


@pytest.mark.parametrize(("host", "features"), cases(STATISTICS))
def test_statistics(host: CHost, features: Statistics, tmp_path: Path) -> None:
    built = player(host, tmp_path, features)
    for name, x in signals.extremes((features.window + 3 * features.hop + 1) * features.channels).items():
        counts = x.reshape(-1, features.channels)
        assert built.frames(counts, features, piece=x.size) == features.frames(counts).tolist(), name


@pytest.mark.parametrize("features", [LOG_MELS[1], LOG_MELS[4], STATISTICS[0]], ids=lambda f: f.kind + str(f.window))
def test_pieces_of_any_size_give_the_same_frames(features: LogMel | Statistics, tmp_path: Path) -> None:
    built = player(next(host for host in RUNTIMES if host.level == "sanitize"), tmp_path, features)
    x = signals.speech(2400, 20000)
    x = x.reshape(-1, features.channels) if isinstance(features, Statistics) else x
    expected = features.frames(x).tolist()
    for piece in (*range(1, 40), 63, 64, 65, 399, 400, 401, 800, 2399, 2400, 5000):
        assert built.frames(x, features, piece) == expected, piece


@pytest.mark.parametrize("host", FEW, ids=lambda h: h.name)
def test_decisions(host: CHost, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    # peaks that come and go; two classes are equal now and then; the ends of the range
    scores = np.clip(np.cumsum(rng.normal(0, 4000, (600, 5)), axis=0) % 60000 - 12000, 0, 32767).astype(np.uint16)
    for number, (smoothing, rest) in enumerate([(0, 0), (2, 5), (7, 1)]):
        decision = Decision(5, threshold=20000, smoothing=smoothing, rest=rest, ignored=(0, 4))
        expected = decision.detections(scores).tolist()
        assert {-1, 1} <= set(expected) and not {0, 4} & set(expected)
        folder = tmp_path / str(number)
        folder.mkdir()
        assert player(host, folder, decision=decision).detections(scores) == expected


@pytest.mark.parametrize("host", FEW, ids=lambda h: h.name)
def test_decimation(host: CHost, tmp_path: Path) -> None:
    built = player(host, tmp_path)
    for factor, channels in ((2, 1), (3, 6), (256, 2)):
        for name, x in signals.extremes((4 * factor + 1) * channels).items():
            counts = x.reshape(-1, channels)
            expected = Decimation(channels, factor).frames(counts).tolist()
            assert built.means(counts, factor) == expected, (name, factor)


@pytest.mark.parametrize("host", FEW, ids=lambda h: h.name)
def test_from_samples_to_detections(host: CHost, tmp_path: Path) -> None:
    program = listening.network()
    x = np.concatenate([signals.speech(16000, 20000, seed) for seed in (1, 2)])
    scores, detections = listening.heard(program, x)
    assert len(set(detections.tolist())) > 2
    made = listening.files(program)
    for name, text in made.items():
        (tmp_path / name).write_text(text)
    sources = [*(tmp_path / name for name in made if name.endswith(".c")), HERE / "listen_main.c"]
    compile_c(usable(host).compiler, [*c.WARNINGS, *host.flags, f"-I{tmp_path}"], sources, tmp_path / "listen")
    done = subprocess.run([tmp_path / "listen"], input=x.tobytes(), capture_output=True, timeout=60, check=True)
    found = np.frombuffer(done.stdout, np.int16).reshape(len(scores), -1)
    assert found.tolist() == np.column_stack([scores, detections]).astype(np.int16).tolist()


def test_the_page_does_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (script,) = re.findall(r"```python\n(.*?)```", (DOCS / "features.md").read_text(), re.DOTALL)
    exec(script, {})
    host = usable(FEW[0])
    sources = sorted(map(str, Path("c").glob("*.c")))
    for source in sources:
        subprocess.run([host.compiler, *c.WARNINGS, "-c", source, "-o", "one.o"], check=True)
    assert "c/kws_features.c" in sources


@pytest.mark.parametrize("one", [LOG_MELS[0], STATISTICS[0], Decision(3, 1)], ids=lambda one: one.kind)
def test_headers_in_cpp_and_text_stable_under_clang_format(one: Configuration, tmp_path: Path) -> None:
    compiler = shutil.which("g++")
    formatter = shutil.which("clang-format", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if compiler is None or formatter is None:
        pytest.skip("g++ or clang-format is missing: apt install g++; pip install clang-format")
    files = c_features.write(one, "ears")
    assert files == c_features.write(one, "ears")
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    headers = "".join(f'#include "{name}"\n' for name in files if name.endswith(".h"))
    (tmp_path / "user.cpp").write_text(f"{headers}int main() {{ return 0; }}\n")
    flags = ["-Wall", "-Wextra", "-pedantic", "-Werror", "-fsyntax-only"]
    subprocess.run([compiler, *flags, tmp_path / "user.cpp"], check=True)
    style = f"--style=file:{DOCS.parent / '.clang-format'}"
    for name in files:
        done = subprocess.run([formatter, style, tmp_path / name], capture_output=True, text=True, check=True)
        assert done.stdout == files[name], name


@pytest.mark.parametrize("name", ["rnn", "Math"])
def test_names_that_would_hide_other_files_are_refused(name: str) -> None:
    with pytest.raises(UserError, match="rename it"):
        c_features.write(LogMel(), name)
