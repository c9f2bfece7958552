"""Benchmarks without a board: what is measured, the history, the tables and the page."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from rnn_edge.bench import cycles_trace, history, page, report, run, subjects
from rnn_edge.bench.cycles import CORES
from rnn_edge.bench.measurement import CycleEstimate, Lap, Measurement, Sizes
from rnn_edge.bench.peers import all_peers
from rnn_edge.bench.run import Result, Skipped, Target
from rnn_edge.bench.subjects import REFERENCE, Shape, Subject
from rnn_edge.board import all_boards, load
from rnn_edge.build import PROFILES
from rnn_edge.cells import all_cells
from rnn_edge.cli import main
from rnn_edge.errors import UserError
from rnn_edge.report import console

ROOT = Path(__file__).parents[2]
SIZES = Sizes(code=1000, tables=512, weights=6000, state=64, stack=400)
ESTIMATE = CycleEstimate(instructions=1_009_990, cycles=1_300_123, wait_states=5, waiting=2_100_456)
SMALL = Shape("gru", 3, 4)


def measurement(board: str = "mps2-an386", profile: str = "speed", mean: int = 10_000) -> Measurement:
    return Measurement(
        board=board,
        core=load(board).family.core,
        profile=profile,
        weights_in_ram=False,
        compiler="gcc 12.2.1",
        flags=("-O2", "-mthumb"),
        program="12" * 32,
        tool="rnn_edge 0.1.0",
        unit="cycles" if board.startswith("simavr") else "instructions",
        macs=4608,
        mean=mean,
        largest=mean + 10,
        sizes=SIZES,
        laps=(Lap("gx = W x + b", mean // 2), Lap("copies, return", mean - mean // 2)),
    )


@pytest.fixture(scope="module")
def subject() -> Subject:
    return subjects.of_shape(SMALL)


# what is measured


def test_a_shape_with_weights_of_four_bits_is_another_subject() -> None:
    narrow = subjects.of_shape(Shape("gru", 3, 4, weights=4))
    assert narrow.name == "gru_3x4_w4" and "4 bits" in narrow.title
    weights = [narrow.program.constants[op.constants[0]] for op in narrow.program.ops if op.kind == "matvec"]
    assert max(int(abs(weight).max()) for weight in weights) == 7


def test_a_shape_is_the_same_program_every_time(subject: Subject) -> None:
    assert (subject.name, subject.title) == ("gru_3x4", "gru, 3 inputs, 4 units, int8")
    assert subject.program == subjects.of_shape(SMALL).program
    assert subject.macs == 3 * 4 * (3 + 4)
    assert subjects.of_shape(replace(SMALL, scheme="int16x8")).name == "gru_3x4_int16x8"


@pytest.mark.parametrize(
    ("shape", "sentence"),
    [
        (Shape("gruu", 3, 4), rf"^There is no cell 'gruu': use one of {', '.join(all_cells())}\.$"),
        (Shape("gru", 3, 0), r"^A layer of 0 units cannot be measured: give 1 to 1,024 units\.$"),
        (Shape("gru", 4000, 4), r"^A layer of 4,000 inputs cannot be measured"),
    ],
)
def test_a_shape_that_is_none_is_refused(shape: Shape, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        subjects.of_shape(shape)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "Give one of MODEL, --cell"),
        (["power", "--cell", "gru"], "Give one of MODEL, --cell"),
        (["--cell", "gru"], "No board is named: add --board NAME"),
        (["--cell", "gru", "--board", "nucleo-f446re"], "nucleo-f446re is a real board"),
        (["--cell", "gru", "--units", "0", "--all-emulated"], "A layer of 0 units"),
        (["--cell", "gru", "--board", "mps3-an547", "--cycles"], "for Cortex-M0, Cortex-M4, Cortex-M7, and no board"),
        (["power", "--all-emulated", "--out", "nowhere"], "run `rnn-edge export` first"),
    ],
)
def test_what_cannot_be_measured_is_one_sentence(words: Sequence[str], sentence: str) -> None:
    done = CliRunner().invoke(main, ["bench", *words])
    assert done.exit_code == 2 and sentence in done.output and done.output.count("\n") == 1


def test_a_trace_needs_a_tool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cycles_trace, "how_to_get", lambda: ["pip install 'capstone>=5,<6'"])
    done = CliRunner().invoke(main, ["bench", "--cell", "gru", "--all-emulated", "--cycles"])
    assert done.exit_code == 3 and "get it with `pip install 'capstone>=5,<6'`" in done.output
    assert done.output.count("\n") == 1


# the history


def test_what_is_stored_is_read_again(subject: Subject, tmp_path: Path) -> None:
    one, other = replace(measurement(), estimate=ESTIMATE), measurement("mps3-an547")
    path = history.store(tmp_path, subject, [one])
    history.store(tmp_path, subject, [other])
    entry = history.load(tmp_path, subject.name)
    assert entry == history.Entry(subject.title, {one.key: one, other.key: other})
    content = path.read_bytes()
    history.store(tmp_path, subject, [other, one])
    assert path.read_bytes() == content and history.load(tmp_path, "gru_9x9") is None


def test_a_newer_compiler_takes_the_place_of_the_older(subject: Subject, tmp_path: Path) -> None:
    newer = replace(measurement(), compiler="gcc 14.1.0")
    for one in (measurement(), newer, measurement(profile="size")):
        history.store(tmp_path, subject, [one])
    entry = history.load(tmp_path, subject.name)
    assert entry is not None and set(entry.measurements) == {newer.key, measurement(profile="size").key}


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"title": "x", "measurements": [{}]}', '{"title": "x", "measurements": 7}', "\x00\xff"],
)
def test_a_damaged_history_is_named(content: str, tmp_path: Path) -> None:
    (tmp_path / "net.json").write_text(content, encoding="latin-1")
    with pytest.raises(UserError, match=r"net\.json holds no measurements \(.*\); restore it, or") as caught:
        history.load(tmp_path, "net")
    assert "\n" not in str(caught.value)


def test_a_number_of_another_type_is_damage(subject: Subject, tmp_path: Path) -> None:
    path = history.store(tmp_path, subject, [measurement()])
    described = json.loads(path.read_text())
    described["measurements"][0]["sizes"]["code"] = "large"
    path.write_text(json.dumps(described))
    with pytest.raises(UserError, match=r"holds no measurements \(sizes\.code: "):
        history.load(tmp_path, subject.name)


@pytest.mark.parametrize(("after", "regression"), [(9_000, False), (10_200, False), (10_201, True)])
def test_two_percent_are_tolerated(after: int, regression: bool) -> None:
    changes = history.compare(measurement(), measurement(mean=after))
    assert [change.what for change in changes] == ["instructions a step", "instructions of the largest step"]
    assert changes[0].is_regression == regression


def test_bytes_are_compared_too() -> None:
    larger = replace(measurement(), sizes=replace(SIZES, code=1021, stack=300))
    code, stack = history.compare(measurement(), larger)
    assert (code.what, code.before, code.after, code.is_regression) == ("bytes of code", 1000, 1021, True)
    assert (stack.what, stack.is_regression) == ("bytes of stack", False)
    nothing = replace(measurement(), sizes=replace(SIZES, tables=0))
    assert [change.is_regression for change in history.compare(nothing, measurement())] == [True]
    assert history.compare(measurement(), measurement()) == []


def result(subject: Subject, *measured: Measurement, before: history.Entry | None = None) -> Result:
    return Result(subject, measured, (), before)


def test_only_what_is_stored_is_compared(subject: Subject, tmp_path: Path) -> None:
    before = history.Entry("", {measurement().key: measurement()})
    found = result(subject, measurement(mean=11_000), measurement("mps3-an547"), before=before)
    comparison = run.compare([found], tmp_path)
    assert comparison.compared == 1 and len(comparison.regressions) == 2
    with pytest.raises(UserError, match="has no measurement of these boards, profiles and compilers"):
        run.compare([result(subject, measurement("mps3-an547"), before=before)], tmp_path)


# tables


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "width", 80)


def shown(results: Sequence[Result]) -> str:
    with console.capture() as capture:
        report.show_results(results)
    return capture.get()


def assert_fits(text: str) -> None:
    """Within 80 columns? Sentences may be longer: the terminal wraps them."""
    assert all(len(line) <= 80 for line in text.splitlines() if "  " in line), text


def test_a_row_has_the_change_against_the_history(subject: Subject, narrow: None) -> None:
    same, slower = measurement(), measurement("mps3-an547", mean=10_300)
    before = history.Entry("", {one.key: one for one in (same, measurement("mps3-an547"))})
    text = shown([result(subject, same, slower, measurement("mps2-an385"), before=before)])
    assert re.search(r"^mps2-an386 Cortex-M4 +10,000 2\.17 1,512 +6,000 464 +same$", text, re.MULTILINE)
    assert re.search(r"^mps3-an547 .* \+3\.0%$", text, re.MULTILINE)
    assert re.search(r"^mps2-an385 .* new$", text, re.MULTILINE)
    assert re.search(r"^gx = W x \+ b +5,000 50% +5,150 50% +5,000 50% *$", text, re.MULTILINE)
    assert_fits(text)


def test_all_boards_fit_80_columns(subject: Subject, narrow: None) -> None:
    boards = [name for name, board in all_boards().items() if board.emulated]
    measured = [measurement(name, mean=1_234_567) for name in boards]
    before = history.Entry("", {one.key: replace(one, mean=600_000) for one in measured})
    text = shown([result(subject, *measured, before=before)])
    assert all(re.search(rf"^{name} .* 1,234,567 .* \+105\.8%$", text, re.MULTILINE) for name in boards)
    assert "step: instructions (cycles of the core on AVR)" in text and "split" not in text
    assert_fits(text)


def test_an_estimate_says_what_it_rests_on(subject: Subject, narrow: None) -> None:
    boards = ("mps2-an386", "qemu-netduinoplus2", "mps2-an500")
    measured = [replace(measurement(name, profile), estimate=ESTIMATE) for name in boards for profile in PROFILES]
    measured.append(measurement("qemu-microbit"))
    text = shown([result(subject, *measured)])
    row = r"^qemu-netduinoplus2 +Cortex-M4 +-O2 +1,009,990 +1,300,123 +2,100,456 \(5\)$"
    assert len(re.findall(row, text, re.MULTILINE)) == 1
    sentences = " ".join(text.split())
    assert sentences.count("An estimate, not a measurement") == 1
    for core in ("Cortex-M4", "Cortex-M7"):
        assert sentences.count(f"{core}: {CORES[core].basis}") == 1
    assert "Cortex-M0:" not in sentences
    assert_fits(text)


def test_what_was_skipped_is_said_once(subject: Subject, narrow: None) -> None:
    skipped = tuple(Skipped(Target(load("simavr-uno"), profile), "It is too small.") for profile in ("speed", "size"))
    assert shown([Result(subject, (), skipped, None)]).count("skipped: It is too small.") == 1


def test_a_regression_is_named_with_its_numbers(subject: Subject, tmp_path: Path) -> None:
    before = history.Entry("", {measurement().key: measurement()})
    comparison = run.compare([result(subject, measurement(mean=11_000), before=before)], tmp_path)
    with console.capture() as capture:
        report.show_comparison(comparison)
    first, *_, last = capture.get().splitlines()
    assert first == "mps2-an386 speed gcc 12.2.1: instructions a step 10,000 before, 11,000 now (+10.0 %)"
    assert last == "1 measurement compared; 2 numbers grew by more than 2 %."


# the page


def test_benchmarks_page_is_current() -> None:
    """If this fails: python -m rnn_edge.bench.page > docs/benchmarks.md."""
    text = page.document(ROOT / history.FOLDER)
    assert (ROOT / "docs" / "benchmarks.md").read_text() == text
    assert all(f"\n## {shape.title}\n" in text for shape in REFERENCE)


def test_peers_have_figures_of_reference_shapes_on_known_cores() -> None:
    shapes = {shape.name for shape in REFERENCE}
    cores = {board.family.core for board in all_boards().values()}
    for peer in all_peers():
        assert peer.figures and peer.version and peer.how
        for figure in peer.figures:
            assert figure.shape in shapes and figure.core in cores and figure.option in ("-O2", "-Os")


def test_ours_stand_beside_those_of_others(tmp_path: Path) -> None:
    ours = [measurement(), measurement("simavr-uno"), measurement("mps2-an386", "size", 12_000)]
    history.store(tmp_path, subjects.of_shape(REFERENCE[0]), ours)
    text = page.document(tmp_path)
    assert "| Cortex-M4 | -O2 | **rnn_edge** | 10,000 | 2.17 | 1,512 | 464 with stack |\n" in text
    assert "| `mps2-an386` | Cortex-M4 | 10,000 | 2.17 | 1,512 | 464 | 12,000 | 2.60 | 1,512 | 464 |\n" in text
    assert "| `simavr-uno` | AVR ATmega328P | 10,000 cycles | 2.17 | 1,512 | 464 | - | - | - | - |\n" in text
    assert "| Cortex-M4 | gcc 12.2.1 | `-mthumb` |\n" in text


def test_estimates_are_a_part_of_the_page(tmp_path: Path) -> None:
    measured = [measurement(), measurement("mps2-an386", "size"), measurement("mps2-an500"), measurement("mps3-an547")]
    history.store(tmp_path, subjects.of_shape(REFERENCE[0]), measured)
    assert "## Cycles, estimated" not in page.document(tmp_path)
    estimated = [replace(measured[0], estimate=ESTIMATE), replace(measured[2], estimate=ESTIMATE)]
    history.store(tmp_path, subjects.of_shape(REFERENCE[0]), estimated)
    section = page.document(tmp_path).partition("## Cycles, estimated")[2].partition("\n## ")[0]
    row = "| Cortex-M4 | `mps2-an386` | 1,009,990 | 1,300,123 | 2,100,456 | - | - | - |\n"
    assert row in section and "| Cortex-M7 | `mps2-an500` |" in section and "mps3-an547" not in section
    assert f"- **Cortex-M7**: {CORES['Cortex-M7'].basis}\n" in section


def test_times_on_this_computer_need_a_model() -> None:
    result = CliRunner().invoke(main, ["bench", "--host"])
    assert result.exit_code == 2 and "name a MODEL" in result.output
