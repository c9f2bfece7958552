"""Export: float model -> ranges -> program -> files of every format, all of one program or none."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from .calibrate import Ranges, calibrate, long_memories
from .errors import UserError
from .files import replacing_folder, write_atomically
from .ir.check import check
from .ir.counters import Counting
from .ir.interpret import Interpreter
from .ir.program import Program, save
from .ir.quantize_input import from_float
from .paths import Artifacts
from .quality import Quality, measure
from .quantize import quantize
from .script import interpret, script
from .source import Source
from .vectors import write_commands


def _write_tflite(program: Program, files: Artifacts) -> None:
    from .backends import tflite

    write_atomically(files.tflite_step, tflite.write_step(program))
    write_atomically(files.tflite_sequence, tflite.write_sequence(program))


def _write_onnx(program: Program, files: Artifacts) -> None:
    from .backends import onnx_model

    write_atomically(files.onnx_step, onnx_model.write_step(program))
    write_atomically(files.onnx_sequence, onnx_model.write_sequence(program))


def _write_c(program: Program, files: Artifacts) -> None:
    _write_c_into(files.c_folder, program)


def _write_c_counters(program: Program, files: Artifacts) -> None:
    _write_c_into(files.c_counters_folder, program, counts=True)


def _write_c_into(folder: Path, program: Program, counts: bool = False) -> None:
    from .backends import c, c_features

    for name, text in (c.write(program, counts=counts) | c_features.of_program(program)).items():
        write_atomically(folder / name, text.encode())


FORMATS: dict[str, Callable[[Program, Artifacts], None]] = {
    "tflite": _write_tflite,
    "onnx": _write_onnx,
    "c": _write_c,
    "c-counters": _write_c_counters,
}

USUAL_FORMATS = ("tflite", "onnx", "c")
"""What is written where nothing else is asked for."""


@dataclass(frozen=True)
class Exported:
    """What an export made and how good it is."""

    program: Program
    ranges: Ranges
    quality: Quality
    float_keras: Path  # where the float weights came from
    long_memories: tuple[str, ...]
    sizes: dict[str, int]  # file, relative to the folder -> bytes


def export(
    source: Source,
    files: Artifacts,
    scheme: str = "int8",
    formats: Sequence[str] = USUAL_FORMATS,
    note: Callable[[str], None] = lambda stage: None,
) -> Exported:
    """Quantize and write everything into `files.folder`, which is replaced as a whole once all is written.

    `note` is told every stage as it begins.
    """
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise UserError(f"The format {unknown[0]!r} is not known; give one or more of {', '.join(FORMATS)}.")
    note("calibrate")
    data = source.calibration
    ranges = calibrate(source.model, data.x, data.lengths, source.input_percentile, source.channels, source.weight_bits)
    note("quantize and check")
    program = quantize(source.model, ranges, scheme, source.output, source.classes, source.raw_unit, source.weight_bits)
    program = check(
        replace(
            program,
            features=None if source.features is None else source.features.to_dict(),
            decision=None if source.decision is None else source.decision.to_dict(),
            replies=source.replies,
        )
    )
    note("compare with float")
    quality = measure(source.model, program, source.test.x, source.test.lengths, source.test.y)
    counting = Counting(program)
    Interpreter(program).run(from_float(program, data.x), data.lengths, observe=counting.observe)
    with replacing_folder(files.folder) as folder:
        new = Artifacts(folder, files.name)
        shutil.copyfile(source.float_keras, new.float_keras)
        if files.metrics.is_file() and source.float_keras == files.float_keras:
            shutil.copyfile(files.metrics, new.metrics)
        write_atomically(new.ranges, ranges.to_json().encode())
        write_atomically(new.counters, counting.counters().to_json().encode())
        save(program, new.program_json, new.program_npz)
        for name in formats:
            note(f"write {name}")
            FORMATS[name](program, new)
        note("write vectors")
        _write_vectors(program, source, new)
        sizes = {str(path.relative_to(folder)): path.stat().st_size for path in sorted(folder.rglob("*.*"))}
    return Exported(program, ranges, quality, source.float_keras, tuple(long_memories(source.model, ranges)), sizes)


def _write_vectors(program: Program, source: Source, files: Artifacts) -> None:
    test = source.test
    commands = script(program, from_float(program, test.x), test.lengths, test.labels)
    text = write_commands(program, commands, interpret(program, commands), f"vectors of {program.name}")
    write_atomically(files.vectors, text.encode())
    packed = io.BytesIO()
    labels = np.full(len(test.x), -1) if test.labels is None else test.labels
    x, lengths = source.model.rows.back(test.x, test.lengths)
    np.savez(packed, x=x, lengths=lengths, labels=labels)
    write_atomically(files.test_set, packed.getvalue())
