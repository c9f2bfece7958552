"""Boards: one TOML file each in `boards/`, of a family in `boards/families/`. Data only, nothing is run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from .errors import UserError
from .paths import BOARDS
from .sections import Section, read, sentence

Text = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]
Word = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
Words = Annotated[tuple[Text, ...], Field(strict=False)]
Address = Annotated[int, Field(ge=0, lt=2**32)]

_Kind = TypeVar("_Kind", bound=Section)


class Gcc(Section):
    """`prefix` of the programs, such as `arm-none-eabi-`, and the flags that select the core."""

    prefix: Text
    flags: Words


class Zig(Section):
    """`-target` and `-mcpu` of `python -m ziglang cc`."""

    target: Text
    cpu: Text


class FamilyEmulator(Section):
    """The program that emulates boards of this family."""

    program: Text


class Family(Section):
    """A core, its compilers, its emulator. `core` is what the firmware reports, `port` a folder of firmware/ports.

    `table_reach_kib`: how far into flash the pointers to constant tables reach, where that is not everywhere.
    """

    id: Word
    core: Text
    port: Word
    table_reach_kib: Annotated[int, Field(ge=1)] | None = None
    gcc: Gcc
    zig: Zig | None = None
    emulator: FamilyEmulator | None = None


class Region(Section):
    """A memory: first address and size in KiB, which may end in .5."""

    origin: Annotated[Address, Field(multiple_of=4)]
    kib: Annotated[float, Field(gt=0, le=2**22, multiple_of=0.5)]

    @property
    def size(self) -> int:
        """In bytes."""
        return int(self.kib * 1024)

    @property
    def end(self) -> int:
        """The first address behind it."""
        return self.origin + self.size


class Memory(Section):
    """`flash` holds code and constants (it may be a RAM that a loader fills), `ram` all that changes."""

    flash: Region
    ram: Region

    @model_validator(mode="after")
    def _check(self) -> Memory:
        for name, region in (("flash", self.flash), ("ram", self.ram)):
            if region.end > 2**32:
                raise ValueError(f"{name} ends at {region.end:#x}, behind the 32-bit address space")
        if self.flash.origin < self.ram.end and self.ram.origin < self.flash.end:
            raise ValueError(
                f"flash ({self.flash.origin:#x} to {self.flash.end - 1:#x}) and ram "
                f"({self.ram.origin:#x} to {self.ram.end - 1:#x}) overlap"
            )
        return self


class Clock(Section):
    """Frequency of the core in Hz, as the port sets it up or reset leaves it."""

    hz: Annotated[int, Field(ge=1, lt=2**32)]


class Uart(Section):
    """`driver` is firmware/ports/<port>/uart_<driver>.c; each register becomes a macro of the port."""

    driver: Word
    baud: Annotated[int, Field(ge=300, le=4_000_000)]
    registers: dict[Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")], Address] = Field(default_factory=dict)


class Emulator(Section):
    """QEMU's `-machine`, or the mcu of simavr."""

    machine: Text


class FlashTool(Section):
    """`tools`: what can flash it, the default first. Each may have a table of its own with its options."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, dict[str, Any]] = Field(init=False)

    tools: Words = ()

    def options(self, tool: str) -> dict[str, Any]:
        """The table of one tool, empty where there is none."""
        return self.__pydantic_extra__.get(tool, {})


class Usb(Section):
    """`ids`: VID:PID of its serial port."""

    ids: Annotated[tuple[Annotated[str, Field(pattern=r"^[0-9a-f]{4}:[0-9a-f]{4}$")], ...], Field(strict=False)] = ()


class Board(Section):
    """One board; `emulated` ones run in an emulator of this machine.

    `chip` is firmware/ports/<port>/chip_<chip>.c: the oscillators, pins and boot blocks of boards that need some.
    """

    id: Word
    name: Text
    family: Family
    chip: Word | None = None
    emulated: bool = False
    memory: Memory
    clock: Clock
    uart: Uart
    emulator: Emulator | None = None
    flash_tool: FlashTool = FlashTool()
    usb: Usb = Usb()

    @model_validator(mode="after")
    def _check(self) -> Board:
        if self.emulated != (self.emulator is not None):
            raise ValueError("emulated = true and a table [emulator] belong together")
        if self.emulated and self.family.emulator is None:
            raise ValueError(f"the family {self.family.id} has no [emulator]")
        return self


def load(name_or_path: str) -> Board:
    """A board of `boards/` by name, or any board file by path; UserError is one sentence with the file and the key."""
    known = _names(BOARDS)
    if name_or_path in known:
        return _load(BOARDS / f"{name_or_path}.toml")
    if name_or_path.endswith(".toml") and os.path.isfile(name_or_path):
        return _load(Path(name_or_path))
    raise UserError(
        f"There is no board {name_or_path!r}: use one of {', '.join(known)}, or the path of a board file (.toml)."
    )


def all_boards() -> dict[str, Board]:
    """Every board of `boards/`, by id."""
    return {name: _load(BOARDS / f"{name}.toml") for name in _names(BOARDS)}


def _load(path: Path) -> Board:
    data = _with_inherited(path, ())
    family = _named(path, data, "family", "families")
    if family is not None:
        data["family"] = _validated(family, Family, read(family))
    return _validated(path, Board, data)


def _with_inherited(path: Path, heirs: tuple[Path, ...]) -> dict[str, Any]:
    """The keys of a file over those of the file that it inherits from."""
    if path.resolve() in heirs:
        circle = " <- ".join(heir.stem for heir in (*heirs, path))
        raise UserError(f"{path}: `inherits` goes round in a circle ({circle}): remove one of them.")
    data = read(path)
    parent = _named(path, data, "inherits", ".")
    if parent is None:
        return data
    del data["inherits"]
    return _merged(_with_inherited(parent, (*heirs, path.resolve())), data)


def _merged(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    tables = [key for key in under.keys() & over.keys() if isinstance(under[key], dict) and isinstance(over[key], dict)]
    return under | over | {key: _merged(under[key], over[key]) for key in tables}


def _named(path: Path, data: dict[str, Any], key: str, folder: str) -> Path | None:
    """The file that a key names, beside `path` or in `boards/`; None where there is no such key."""
    name = data.get(key)
    if name is None:
        return None
    for place in (path.parent / folder, BOARDS / folder):
        if isinstance(name, str) and (place / f"{name}.toml").is_file():
            return place / f"{name}.toml"
    known = ", ".join(_names(BOARDS / folder))
    raise UserError(f"{path}: `{key}` is {name!r}, accepted is one of {known}: correct it.")


def _names(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.toml"))


def _validated(path: Path, kind: type[_Kind], data: dict[str, Any]) -> _Kind:
    """A board or a family from its file; its id is the name of the file."""
    if "id" in data:
        raise UserError(f"{path}: `id` is not known, the name of the file is the id: remove it.")
    try:
        return kind.model_validate({"id": path.stem, **data})
    except ValidationError as error:
        raise UserError(f"{path}: {_sentence(error.errors()[0])}") from None


def _sentence(error: ErrorDetails) -> str:
    if error["loc"] == ("id",):
        return f"the file is named {error['input']!r}, accepted are a-z, 0-9, - and _: rename it."
    return sentence(error, ".".join(map(str, error["loc"])))
