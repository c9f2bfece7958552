"""A board that listens, in Python: the same samples over its link, every score compared, frames counted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from rnn_edge import board
from rnn_edge.bench.counter import Counter
from rnn_edge.cli import main
from rnn_edge.errors import LinkError, MismatchError, UserError
from rnn_edge.ir.program import Program, save
from rnn_edge.link import Link
from rnn_edge.listen.hear import Ears, ears
from rnn_edge.listen.on_board import BoardEars, Cost, listening
from rnn_edge.listen.run import run
from rnn_edge.paths import Artifacts
from tests import listening as small
from tests import signals
from tests.core.test_listen import write_wav
from tests.fake_device import FakeDevice
from tests.networks import GRU
from tests.networks import program as program_of

BOARD = board.load("mps2-an386")
SPEECH = signals.speech(48000, 20000)
CYCLES = Counter("cycles", Fraction(1), None)


@pytest.fixture(scope="module")
def own() -> Ears:
    return ears(small.hearing())


class Wrong(FakeDevice):
    """A board that hears something else in one frame."""

    def __init__(self, program: Program, frame: int, place: int, payload: int = 700) -> None:
        super().__init__(program, payload)
        self._left, self._place = frame, place

    def _hear(self, payload: bytes) -> tuple[int, bytes]:
        status, data = super()._hear(payload)
        if data:
            self._left -= 1
        if not data or self._left:
            return status, data
        changed = bytearray(data)
        changed[self._place] ^= 1
        return status, bytes(changed)


class Remembering(FakeDevice):
    """A board that begins a stream with samples of the one before."""

    def _begin_stream(self) -> None:
        super()._begin_stream()
        self._samples = np.zeros(320, np.int16)


@pytest.mark.parametrize("payload", [700, 256, 100])
def test_a_board_hears_the_same_whatever_its_payload(own: Ears, payload: int) -> None:
    device = FakeDevice(own.program, payload)
    witness = BoardEars(BOARD, Link(device), own, CYCLES)
    alone, together = run(own, [SPEECH]), run(own, np.split(SPEECH, [1, 700, 20000]), witness)
    assert together.detections == alone.detections and together.frames == alone.frames == 149
    assert max(map(len, device.received)) <= payload + 11
    # 1000 cycles a frame, 50 frames a second, 25 MHz
    assert witness.cost == Cost("cycles", 1000, 1000, 0.002, 1000 / 25e6)


def test_ticks_become_instructions(own: Ears) -> None:
    witness = BoardEars(BOARD, Link(FakeDevice(own.program, 700)), own, Counter("instructions", Fraction(5, 2), 5))
    run(own, [SPEECH[:5000]], witness)
    assert witness.cost is not None and (witness.cost.unit, witness.cost.most) == ("instructions", 400)


def test_a_counter_that_counts_nothing_costs_nothing_that_is_known(own: Ears) -> None:
    for counter in (None, CYCLES):
        device = FakeDevice(own.program, 700)
        device.cycles_of_a_frame = 0
        witness = BoardEars(BOARD, Link(device), own, counter)
        run(own, [SPEECH[:5000]], witness)
        assert witness.cost is None


def test_another_score_or_detection_is_an_error(own: Ears) -> None:
    with pytest.raises(MismatchError, match=r"in frame 3 \(at 0.07 s\) the score of word 4 is \d+, not \d+; flash"):
        run(own, [SPEECH], BoardEars(BOARD, Link(Wrong(own.program, 3, 8)), own, CYCLES))
    with pytest.raises(MismatchError, match=r"decides otherwise .* frame 9 .* it detects .*, not .*; flash"):
        run(own, [SPEECH], BoardEars(BOARD, Link(Wrong(own.program, 9, 22)), own, CYCLES))


def test_a_frame_too_many_is_an_error(own: Ears) -> None:
    device = Remembering(own.program, 700)
    with pytest.raises(MismatchError, match="made 16 frames of 5000 samples, and the interpreter 15; flash"):
        run(own, [SPEECH[:5000]], BoardEars(BOARD, Link(device), own, CYCLES))


def test_a_board_without_ears_refuses(own: Ears) -> None:
    witness = BoardEars(BOARD, Link(FakeDevice(program_of(GRU), 700)), own, CYCLES)
    with pytest.raises(LinkError, match="refused `hear`: its firmware does not know it; flash it again"):
        run(own, [SPEECH], witness)


def test_a_real_board_listens_as_it_was_flashed(own: Ears, tmp_path: Path) -> None:
    with (
        pytest.raises(UserError, match="listens as it was flashed: leave out --profile"),
        listening(own, Artifacts(tmp_path, "kws"), board.load("nucleo-f446re"), None, "speed"),
    ):
        pass


@pytest.fixture
def command(own: Ears, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], list[FakeDevice]]:
    """`listen` on three seconds, with a board in Python that the list holds."""
    files, devices = Artifacts(tmp_path / "kws", "kws"), [FakeDevice(own.program, 700)]
    save(own.program, files.program_json, files.program_npz)

    @contextmanager
    def fake(heard: Ears, files: Artifacts, at: board.Board, port: object, profile: object) -> Iterator[BoardEars]:
        yield BoardEars(at, Link(devices[0]), heard, CYCLES)

    monkeypatch.setattr("rnn_edge.source.artifacts_of", lambda model, out: files)
    monkeypatch.setattr("rnn_edge.listen.on_board.listening", fake)
    return ["listen", "kws", "--wav", str(write_wav(tmp_path / "a.wav", SPEECH))], devices


def test_the_command_with_a_board(command: tuple[list[str], list[FakeDevice]]) -> None:
    words, devices = command
    alone = CliRunner().invoke(main, words)
    done = CliRunner().invoke(main, [*words, "--board", "mps2-an386"])
    assert (alone.exit_code, done.exit_code) == (0, 0), done.output
    table = alone.output.partition("\n\n")[0]
    assert "word" in table and done.output.startswith(table)
    assert "mps2-an386 gives the same scores and detections in all 149 frames" in done.output
    assert "A frame takes 1,000 cycles in the mean, 1,000 at most. At 50 frames a second, 25 MHz: 0.2 %" in done.output
    devices[0] = FakeDevice(devices[0].program, 700)
    devices[0].cycles_of_a_frame = 600_000
    done = CliRunner().invoke(main, [*words, "--board", "mps2-an386"])
    assert "120.0 % of real time" in done.output and "too slow to listen live" in done.output


def test_the_command_fails_where_the_board_hears_otherwise(command: tuple[list[str], list[FakeDevice]]) -> None:
    words, devices = command
    devices[0] = Wrong(devices[0].program, 40, 0)
    done = CliRunner().invoke(main, [*words, "--board", "mps2-an386"])
    assert done.exit_code == 1 and "hears otherwise than the interpreter: in frame 40" in done.output


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--profile", "speed"], "go with --board"),
        (["--port", "/dev/ttyACM0"], "go with --board"),
        (["--board", "mps2-an386", "--threshold", "0.5"], "leave out --threshold"),
        (["--board", "nothing"], "nothing"),
    ],
)
def test_options_that_do_not_go_together(
    command: tuple[list[str], list[FakeDevice]], options: list[str], said: str
) -> None:
    done = CliRunner().invoke(main, [*command[0], *options])
    assert done.exit_code == 2 and said in done.output
