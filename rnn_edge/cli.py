"""The command line: a command parses, calls one function and prints. Heavy imports wait until a command needs them."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path
from typing import Any, TextIO

import click

from . import __version__
from .bench.command import bench
from .chat.command import chat
from .errors import RnnEdgeError, UserError
from .init.command import data, init
from .listen.command import listen
from .options import BOARD, COUNTERS, OUT, PORT, PROFILE, WEIGHTS_IN_RAM
from .stress.command import stress


def _following(command: str, model: str, out: Path, *options: str) -> str:
    """The command to type next."""
    words = ["rnn-edge", command, model, *options, *([] if out == Path("build") else ["--out", str(out)])]
    return shlex.join(words)


class _Group(click.Group):
    """Expected errors become one sentence and an exit code; all others keep their traceback."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except RnnEdgeError as error:
            click.secho(f"rnn-edge: {error}", err=True, fg="red")
            sys.exit(error.exit_code)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="rnn-edge")
def main() -> None:
    """Take a small recurrent network from Keras to a microcontroller, and prove that nothing changed on the way.

    MODEL is the name of a bundled model, a folder with a model.toml, or a .keras file.

    \b
    Exit codes: 0 ok, 1 verification failed, 2 wrong input, 3 tool missing.
    """


@main.command()
def models() -> None:
    """List the bundled models: task, layers, size, accuracy."""
    from . import catalogue, report

    report.show_models(catalogue.bundled())


@main.command()
@click.argument("model")
@click.option("--seed", type=click.IntRange(0), help="Seed of the first training [default: the model's own].")
@click.option("--seeds", type=click.IntRange(1, 20), default=1, show_default=True, help="How many seeds to train.")
@click.option("--qat", is_flag=True, help="Then train on as the quantized program that it becomes.")
@click.option("--weights", type=click.Choice(["8", "4"]),
              help="With --qat: bits of a weight [default: as in model.toml, or 8].")  # fmt: skip
@click.option("--start", type=click.Path(dir_okay=False, path_type=Path),
              help="With --qat: a .keras file whose weights it starts from, instead of a training.")  # fmt: skip
@click.option("--gradients", is_flag=True, help="Also plot how far back the gradient of the trained network reaches.")
@OUT
def train(
    model: str,
    seed: int | None,
    seeds: int,
    qat: bool,
    weights: str | None,
    start: Path | None,
    gradients: bool,
    out: Path,
) -> None:
    """Train MODEL; writes float.keras and metrics.json. The first seed's weights are kept.

    A training that was interrupted goes on when it is started again. What the keys of [train] in model.toml do is in
    docs/training.md.
    """
    from . import progress, report, training
    from .errors import UserError
    from .source import artifacts_of

    if (weights or start) and not qat:
        raise UserError("--weights and --start are for quantization-aware training: add --qat.")
    files = artifacts_of(model, out)
    quantized = training.Quantized(None if weights is None else 8 if weights == "8" else 4, start) if qat else None
    with progress.training() as watch:
        result = training.run(model, files, seed, seeds, watch, gradients, quantized)
    if result.reach is not None:
        report.show_reach(result.reach, files.gradients)
    options = ("--weights", weights) if weights else ()
    report.show_training(result.metrics, files, _following("export", model, out, *options))


@main.command()
@click.argument("model")
@click.option("--scheme", type=click.Choice(["int8", "int16x8"]), default="int8", show_default=True,
              help="int8: int8 inputs and operands; int16x8: int16 ones. Weights are int8 in both.")  # fmt: skip
@click.option("--weights", type=click.Choice(["8", "4"]), help="Bits of a weight [default: as in model.toml, or 8].")
@click.option("--format", "formats", multiple=True, type=click.Choice(["tflite", "onnx", "c", "c-counters"]),
              help="Write this format only (repeatable) [default: tflite, onnx and c].")  # fmt: skip
@click.option("--calibration", type=click.Path(dir_okay=False, path_type=Path),
              help="For a .keras file: an .npz with x [sequences, steps, channels] (and lengths).")  # fmt: skip
@OUT
def export(
    model: str, scheme: str, weights: str | None, formats: tuple[str, ...], calibration: Path | None, out: Path
) -> None:
    """Calibrate and quantize MODEL, check it, and write TFLite, ONNX and C.

    The format c-counters is C that hands what can saturate to a function of yours (docs/porting.md).
    """
    from dataclasses import replace

    from . import report
    from .export import USUAL_FORMATS
    from .export import export as run
    from .source import artifacts_of, open_source

    started = time.perf_counter()
    files = artifacts_of(model, out)
    with report.console.status("read the model and its data") as status:
        source = open_source(model, files, calibration)
        if weights is not None:
            source = replace(source, weight_bits=int(weights))
        exported = run(source, files, scheme, formats or USUAL_FORMATS, status.update)
    report.show_export(exported, files.folder, time.perf_counter() - started, _following("verify", model, out))


@main.command()
@click.argument("model")
@click.option("--runtime", "runtimes", multiple=True, help="Only this runtime (repeatable) [default: all].")
@click.option("--board", "boards", multiple=True, help="This board (repeatable), and no others unless they are named.")
@click.option("--all-emulated", is_flag=True, help="All emulated boards on which the model fits.")
@click.option("--vectors", type=click.Path(dir_okay=False, path_type=Path), help="Play this script of vectors.")
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as JSON.")
@PORT
@OUT
def verify(
    model: str,
    runtimes: tuple[str, ...],
    boards: tuple[str, ...],
    all_emulated: bool,
    vectors: Path | None,
    as_json: bool,
    port: str | None,
    out: Path,
) -> None:
    """Play the same vectors through every runtime and compare every integer; exit code 1 where one differs.

    With --board or --all-emulated: through the firmware and the link of boards. Emulated ones are flashed for it, real
    ones have to be flashed before.
    """
    from . import catalogue, progress, report
    from .board_runtime import board_runtimes
    from .source import artifacts_of
    from .verify import verify as run

    files = artifacts_of(model, out)
    on_boards = board_runtimes(boards, all_emulated, port)
    count = len(on_boards) + (len(runtimes) if runtimes or on_boards else len(catalogue.runtimes()))
    with progress.verification(1 + count) as show:
        verdict = run(files, runtimes, vectors, show, on_boards)
    if as_json:
        click.echo(verdict.to_json(), nl=False)
    else:
        report.show_verdict(verdict)
    sys.exit(0 if verdict.passed else 1)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def runtimes(as_json: bool) -> None:
    """List the runtimes: what is installed, what each promises, how to get what is missing."""
    from . import catalogue, report

    rows = catalogue.runtimes()
    if as_json:
        click.echo(catalogue.runtimes_json(rows))
    else:
        report.show_runtimes(rows)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def boards(as_json: bool) -> None:
    """List the boards: ready, or what is missing.

    With core, memory and the tool that flashes each.
    """
    from . import report_boards
    from .readiness import all_readiness

    rows = all_readiness()
    if as_json:
        click.echo(report_boards.boards_json(rows))
    else:
        report_boards.show_boards(rows)


@main.command()
@click.argument("model")
@BOARD
@PROFILE
@WEIGHTS_IN_RAM
@COUNTERS
@OUT
def build(model: str, board: str, profile: str, weights_in_ram: bool, counters: bool, out: Path) -> None:
    """Build the firmware of MODEL for a board.

    Prints flash and RAM by group against what the board has, and refuses what does not fit.
    """
    from . import report_boards
    from .board import load
    from .build import Variant
    from .device import build_for
    from .source import artifacts_of

    files, chosen = artifacts_of(model, out), load(board)
    program, firmware = build_for(files, chosen, Variant(profile, weights_in_ram, counts=counters))
    options = ("--board", board, *(["--profile", profile] if profile != "size" else []))
    options += (*(["--weights-in-ram"] if weights_in_ram else []), *(["--counters"] if counters else []))
    report_boards.show_firmware(program, firmware, chosen, _following("flash", model, out, *options))


@main.command()
@click.argument("model")
@BOARD
@click.option("--tool", help="Flash tool [default: the first of the board's tools that is installed].")
@PORT
@click.option("--via", help="GDB server, serial number of a probe, or drive that the tool writes through.")
@click.option("--dry-run", is_flag=True, help="Build and show the commands, run none of them.")
@PROFILE
@WEIGHTS_IN_RAM
@COUNTERS
@OUT
def flash(
    model: str,
    board: str,
    tool: str | None,
    port: str | None,
    via: str | None,
    dry_run: bool,
    profile: str,
    weights_in_ram: bool,
    counters: bool,
    out: Path,
) -> None:
    """Flash the firmware of MODEL and see it answer.

    Builds it, writes it, reads it back, and asks the board for the hash of the program that it runs.
    """
    from . import report_boards
    from .board import load
    from .build import Variant
    from .device import Way, build_for, commands, flashed, keep
    from .source import artifacts_of

    files, chosen, way = artifacts_of(model, out), load(board), Way(tool, port, via)
    program, firmware = build_for(files, chosen, Variant(profile, weights_in_ram, counts=counters))
    if dry_run:
        click.echo("\n".join(commands(firmware.image, chosen, way)))
        return
    started = time.perf_counter()
    with flashed(firmware.image, program.hash, chosen, way, report_boards.show_command) as device:
        seconds = time.perf_counter() - started
        if chosen.emulated:
            keep(firmware.image, chosen, out)
        report_boards.show_device(device, seconds, _following("verify", model, out, "--board", board))


@main.command()
@click.option("--board", help="Board that was flashed [default: whatever answers at --port].")
@PORT
@click.option("--input", "source", type=click.File(encoding="utf-8-sig", errors="replace"), default="-",
              help="File of steps [default: standard input].")  # fmt: skip
@click.option("--check", "checks", is_flag=True, help="Exit code 1 where the data is not what calibration saw.")
@OUT
def monitor(board: str | None, port: str | None, source: TextIO, checks: bool, out: Path) -> None:
    """Feed a flashed board live and see its answers.

    A step is a line of physical values (or a token), separated by blanks or commas; an empty line begins a new
    sequence. Shown are outputs or class, and core cycles.

    Where the board was flashed with --counters, what saturated and how far the inputs went is shown at the end, beside
    what calibration saw: is the data still what the model was made for?
    """
    from . import drift, report_boards
    from .board import load
    from .device import artifacts_on, connected, program_on
    from .monitor import monitor as run

    with connected(load(board) if board else None, port, out) as device:
        program = program_on(device, out)
        if checks and not device.info.counts:
            raise UserError("The board does not count what saturates; flash it with --counters.")
        calibration = drift.load(artifacts_on(device, out), program) if device.info.counts else None
        report_boards.show_monitor(device, program)
        if calibration is not None:
            device.link.clear_counters()
        for seen in run(device.link, program, source):
            report_boards.show_seen(program, seen)
        if calibration is not None:
            found = drift.compare(program, device.link.counters(program), calibration)
            report_boards.show_drift(found)
            sys.exit(1 if checks and found.findings else 0)


for command in (bench, chat, data, init, stress, listen):
    main.add_command(command)
