"""The firmware of one board: kernels, model, device and port, compiled, linked, measured against what the board has."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import jinja2
import numpy as np
from intelhex import IntelHex

from . import __version__, compilers, footprint
from .backends import c, c_features
from .board import Board
from .compilers import Compiler
from .errors import UserError
from .files import replacing_folder, write_atomically
from .footprint import Footprint
from .ir.arithmetic import IntArray
from .ir.counters import load_calibration
from .ir.program import DTYPES, Program
from .link.device_info import least_payload
from .paths import FIRMWARE, Artifacts
from .tools import Image

PROFILES = {"size": "-Os", "speed": "-O2"}
"""What the code is compiled for -> the compiler's option."""

_FLAGS = (*c.WARNINGS, "-ffunction-sections", "-fdata-sections", "-I.")
_LINK_FLAGS = ("-Wl,--gc-sections",)
_BARE_LINK_FLAGS = ("-T", "link.ld", "-Wl,-e,reset_handler", "-Wl,-z,max-page-size=4")

_SELF_TEST_STEPS = 8
_USUAL_PAYLOAD, _LARGEST_PAYLOAD = 1024, 32000  # bytes
_FRAMES_BESIDE_SCRATCH = 1024  # bytes: where the compiler does not tell, more than all frames without the scratch take


@dataclass(frozen=True)
class Variant:
    """How a firmware is compiled, and its main program.

    `profile`: one of PROFILES. `weights_in_ram`: the weights are copied from flash to RAM at start. `main`: the folder
    of firmware/ with main(); `macros`: what it is compiled with, such as `BENCH_LAPS=3`. `counts`: it counts what
    saturates, and what is outside the range that calibration saw (`ir/counters.py`).
    """

    profile: str = "size"
    weights_in_ram: bool = False
    main: str = "device"
    macros: tuple[str, ...] = ()
    counts: bool = False


USUAL = Variant()
"""What is flashed where nothing else is asked for."""


@dataclass(frozen=True)
class Firmware:
    """What a build made, and with which compiler."""

    image: Image
    footprint: Footprint
    compiler: str
    flags: tuple[str, ...]  # without those of the link


def build(
    program: Program,
    artifacts: Artifacts,
    board: Board,
    folder: Path,
    link: str = "uart",
    compiler: str | None = None,
    variant: Variant = USUAL,
) -> Firmware:
    """Build the exported C of `artifacts` for a board into `folder`, which is replaced as a whole or not at all.

    `link`: uart, or semihosting (frames in files, for an emulator or a debugger). `compiler`: gcc, zig, or the first of
    them that is there. Same program, board, compiler and variant: same bytes. UserError where it does not fit or was
    not exported, MissingError where there is no compiler.
    """
    if variant.weights_in_ram and board.family.table_reach_kib is not None:
        raise UserError(f"The weights stay in flash on {board.family.core}; build without --weights-in-ram.")
    chosen = compilers.find(board.family, compiler)
    freestanding = ("-ffreestanding",) if _is_bare(board) else ()
    flags = (*_FLAGS, PROFILES[variant.profile], *freestanding, *_definitions(program, board, variant))
    with tempfile.TemporaryDirectory() as temporary:
        stage = Path(temporary)
        for name, content in _sources(program, artifacts, board, link, variant).items():
            (stage / name).write_text(content)
        footprint.check_tables(c.table_sizes(program), board, program.name)
        objects = _compile(chosen, flags, stage, _told(program, variant.main))
        elf = _link(chosen, objects, _is_bare(board), stage)
        sizes = footprint.measure(elf, objects, board.memory, program.name, _frames(program, variant, stage))
        footprint.check(sizes, board, program.name, program.scheme)
        footprint.check_reach(elf, objects, board, program.name)
        binary = footprint.flash_content(elf, board.memory)
        with replacing_folder(folder) as new:
            shutil.copyfile(elf, new / "firmware.elf")
            write_atomically(new / "firmware.bin", binary)
            write_atomically(new / "firmware.hex", _intel_hex(binary, board.memory.flash.origin))
            write_atomically(new / "build.json", _provenance(program, board, link, chosen, flags, sizes))
    image = Image(*(folder / f"firmware.{suffix}" for suffix in ("elf", "bin", "hex")))
    return Firmware(image, sizes, f"{chosen.name} {chosen.version}", (*flags, *chosen.flags))


# sources


def _is_bare(board: Board) -> bool:
    """A port that brings a linker script brings its start-up too and uses no C library."""
    return (_port(board) / "link.ld.j2").is_file()


def _port(board: Board) -> Path:
    return FIRMWARE / "ports" / board.family.port


def _sources(program: Program, artifacts: Artifacts, board: Board, link: str, variant: Variant) -> dict[str, str]:
    """File name -> text of all that is compiled, in one folder: no path gets into the result."""
    ears = _hears(program, variant.main)
    names = (*c.file_names(program.name), *(c_features.of_program(program) if ears else ()))
    exported = [artifacts.c_folder / name for name in dict.fromkeys(names)]
    missing = [path for path in exported if not path.is_file()]
    if missing:
        raise UserError(f"{missing[0]} is not there; run `rnn-edge export` first.")
    own = [path for name in _folders(program, variant) for path in _c_files(FIRMWARE / name)]
    files = [*exported, FIRMWARE / "device" / "port.h", *own, *_port_files(board, link)]
    texts = {path.name: path.read_text() for path in files}
    if variant.counts:
        texts |= c.write(program, counts=True)
        texts["model_counters.h"] = c.limits(program, load_calibration(artifacts.counters, program))
    if ears:
        texts["ears_binding.h"] = c_features.ears_binding(program)
    texts["model_binding.h"] = c.binding(program)
    texts["model_self_test.h"] = c.self_test(program, _self_test_inputs(program))
    if _is_bare(board):
        template = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, autoescape=False)
        texts["link.ld"] = template.from_string((_port(board) / "link.ld.j2").read_text()).render(board=board)
    return texts


def _folders(program: Program, variant: Variant) -> list[str]:
    """The folders of the firmware that are compiled beside the port."""
    ears = _hears(program, variant.main)
    return [variant.main, *(["ears"] if ears else []), *(["counters"] if variant.counts else [])]


def _hears(program: Program, main: str) -> bool:
    """Does the firmware listen? A device does where its program says how; other main programs run the network alone."""
    return main == "device" and c_features.hears(program)


def _port_files(board: Board, link: str) -> list[Path]:
    """Those that every board of the port has, those of its link and those of its chip."""
    port = _port(board)
    folders = [port, *([port.parent / "bare"] if _is_bare(board) else ())]
    files = [path for folder in folders for path in _c_files(folder)]
    files = [path for path in files if not path.name.startswith(("uart_", "link_", "chip_"))]
    wanted = [("uart_", board.uart.driver, "uart.driver") if link == "uart" else ("link_", link, "link")]
    if board.chip is not None:
        wanted.append(("chip_", board.chip, "chip"))
    return [*files, *(_one_of(folders, prefix, name, f"{board.id}: `{key}`") for prefix, name, key in wanted)]


def _one_of(folders: Sequence[Path], prefix: str, name: str, what: str) -> Path:
    choices = {path.stem.removeprefix(prefix): path for folder in folders for path in folder.glob(f"{prefix}*.c")}
    if name in choices:
        return choices[name]
    known = ", ".join(sorted(choices)) or "nothing"
    raise UserError(f"{what} is {name!r}, accepted for the port {folders[0].name} is {known}: correct it.")


def _c_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.[ch]"))


def _self_test_inputs(program: Program) -> IntArray:
    """Inputs of any value, the same for the same program."""
    value = program.values[program.input]
    dtype = np.dtype(DTYPES[value.dtype]).newbyteorder("<")
    count = _SELF_TEST_STEPS * value.size
    drawn = np.frombuffer(hashlib.shake_256(program.hash.encode()).digest(count * dtype.itemsize), dtype=dtype)
    x = drawn.astype(np.int64).reshape(_SELF_TEST_STEPS, value.size)
    return x if program.tokens is None else x % program.tokens


def _definitions(program: Program, board: Board, variant: Variant) -> list[str]:
    facts: dict[str, object] = {
        "PORT_CLOCK_HZ": board.clock.hz,
        "PORT_BAUD": board.uart.baud,
        **{key: hex(value) for key, value in board.uart.registers.items()},
    }
    if variant.main == "device":
        facts = {"DEVICE_CORE": f'"{board.family.core}"', "DEVICE_PAYLOAD": _payload(program, board)} | facts
    flags = {
        "DEVICE_HEARS": _hears(program, variant.main),
        "RNN_WEIGHTS_IN_RAM": variant.weights_in_ram,
        "DEVICE_COUNTING": variant.counts,
    }
    macros = [*(f"{key}={value}" for key, value in facts.items()), *variant.macros]
    return [f"-D{macro}" for macro in (*macros, *(name for name, is_set in flags.items() if is_set))]


def _payload(program: Program, board: Board) -> int:
    """Bytes of the largest payload: a sixteenth of the RAM up to the usual, but room for one step and for the info."""
    needed = least_payload(program, board.family.core)
    if needed > _LARGEST_PAYLOAD:
        raise UserError(
            f"One step of {program.name} is {needed:,} bytes on the link, which carries {_LARGEST_PAYLOAD:,} at once; "
            "take fewer units."
        )
    return max(needed, min(_USUAL_PAYLOAD, board.memory.ram.size // 16))


# compiling


def _told(program: Program, main: str) -> set[str]:
    """The sources whose stack frames count."""
    ears = {"ears.c", *c_features.of_program(program)} if _hears(program, main) else set()
    return {f"{program.name}.c", "rnn_kernels.c", f"{main}.c", "counters.c"} | ears


def _compile(compiler: Compiler, flags: Sequence[str], stage: Path, told: set[str]) -> list[Path]:
    """The objects of all sources; of those `told` also the stack frames."""
    objects = []
    for source in sorted(stage.glob("*.c")):
        # Those of a port are small, some cannot be told (naked functions of AVR): the footprint has a margin for them.
        frames = compiler.tell_frames if source.name in told else ()
        compiler.run((*flags, *frames, "-c", source.name, "-o", f"{source.stem}.o"), stage)
        objects.append(source.with_suffix(".o"))
    return objects


def _link(compiler: Compiler, objects: Sequence[Path], bare: bool, stage: Path) -> Path:
    flags = (*_LINK_FLAGS, *(_BARE_LINK_FLAGS if bare else ()))
    names = [path.name for path in objects]
    compiler.run((*flags, *names, *(compiler.library if bare else ()), "-o", "firmware.elf"), stage)
    return stage / "firmware.elf"


def _frames(program: Program, variant: Variant, stage: Path) -> dict[str, int]:
    """Function -> bytes of its stack frame, as the compiler tells; or a bound that stands for all of them."""
    lines = [line.split("\t") for path in stage.glob("*.su") for line in path.read_text().splitlines()]
    frames: dict[str, int] = {}
    for place, size, _ in lines:
        name = place.rpartition(":")[2].partition(".")[0]
        frames[name] = max(frames.get(name, 0), int(size))
    return frames or {"main": c.stack_bytes(program, variant.counts) + _FRAMES_BESIDE_SCRATCH}


# results


def _intel_hex(content: bytes, origin: int) -> bytes:
    image = IntelHex()
    image.frombytes(content, offset=origin)
    text = io.StringIO()
    image.write_hex_file(text)
    return text.getvalue().encode()


def _provenance(
    program: Program, board: Board, link: str, compiler: Compiler, flags: Sequence[str], sizes: Footprint
) -> bytes:
    facts = {
        "tool": f"rnn_edge {__version__}",
        "model": program.name,
        "program": program.hash,
        "board": board.id,
        "link": link,
        "compiler": f"{compiler.name} {compiler.version}",
        "flags": [*flags, *compiler.flags],
        "sizes": asdict(sizes),
    }
    return (json.dumps(facts, indent=2) + "\n").encode()
