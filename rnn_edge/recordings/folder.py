"""Which recordings a folder holds: `class/file`, `class/group/file`, or any files with a `labels.csv`."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from ..errors import UserError
from . import Recording, Stream, csv_file, wav_file

LABELS = "labels.csv"
_LABELS_BYTES = 2**26
READERS: dict[str, Callable[[Path], Stream]] = {
    ".csv": csv_file.open_file,
    ".tsv": csv_file.open_file,
    ".wav": wav_file.open_file,
}


def find(folder: Path) -> tuple[Recording, ...]:
    """All recordings, in the order of their paths; UserError names the file that does not fit in.

    The group of a recording is what `labels.csv` says, or the folder inside that of its class, or else the recording
    itself.
    """
    names = sorted(
        path.relative_to(folder)
        for path in folder.rglob("*")
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
    labels = folder / LABELS
    described = _listed(labels, folder, names) if labels.is_file() else _by_folder(folder, names)
    _check_names(described, folder)
    kinds = sorted({name.suffix.lower().replace("tsv", "csv") for name, _, _ in described})
    if len(kinds) > 1:
        raise UserError(f"{folder} holds both {' and '.join(kinds)} files: keep one kind in a folder.")
    found = tuple(Recording(_opened(folder / name), label, group) for name, label, group in described)
    _check_classes(found, folder)
    _check_channels(found)
    return found


def _opened(path: Path) -> Stream:
    return READERS[path.suffix.lower()](path)


def _by_folder(folder: Path, names: Sequence[Path]) -> list[tuple[Path, str, str]]:
    described = []
    for name in names:
        if len(name.parts) == 1:
            if name.suffix.lower() in READERS:
                raise UserError(
                    f"{folder / name} has no class: put it into a subfolder named after its class, or write {LABELS} "
                    "(file,label) beside it."
                )
            continue  # a note of the user beside the folders of the classes
        _check_suffix(folder / name)
        if len(name.parts) > 3:
            raise UserError(f"{folder / name} lies too deep: class/file and class/group/file are read: move it up.")
        described.append((name, name.parts[0], name.parts[1] if len(name.parts) == 3 else str(name)))
    for inner in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        if inner.name not in {label for _, label, _ in described}:
            raise UserError(f"{inner} holds no recording: put recordings of class {inner.name!r} there, or remove it.")
    if not described:
        raise UserError(
            f"{folder} holds no recording: make a subfolder for each class, and put its {', '.join(READERS)} files "
            "there."
        )
    return described


def _listed(labels: Path, folder: Path, names: Sequence[Path]) -> list[tuple[Path, str, str]]:
    """What `labels.csv` says of every recording below the folder."""
    rows = _rows(labels)
    present = {name.as_posix(): name for name in names if name.as_posix() != LABELS}
    described: dict[str, tuple[Path, str, str]] = {}
    for number, row in rows:
        name, label, group = row["file"], row["label"], row.get("group", row["file"])
        where = f"{labels}, row {number}"
        if name not in present:
            raise UserError(f"{where}: there is no file {folder / name}: correct the name, or remove the row.")
        if name in described:
            raise UserError(f"{where}: {name} has a row already: remove one of them.")
        _check_suffix(folder / name)
        if not label or not group:
            raise UserError(f"{where}: {name} has an empty {'group' if label else 'label'}: fill it in.")
        described[name] = (present[name], label, group)
    for name, path in present.items():
        if path.suffix.lower() in READERS and name not in described:
            raise UserError(f"{folder / path} has no row in {labels}: add its label, or remove the file.")
    return [described[name] for name in sorted(described)]


def _rows(labels: Path) -> list[tuple[int, dict[str, str]]]:
    try:
        if labels.stat().st_size > _LABELS_BYTES:
            raise UserError(f"{labels} is larger than {_LABELS_BYTES:,} bytes: give one row a recording.")
        text = labels.read_text("utf-8-sig")
    except OSError as error:
        raise UserError(f"{labels} cannot be read ({error.strerror}): give a file that can.") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{labels} is not UTF-8 text: save it as CSV in UTF-8.") from error
    first = text.splitlines()[0] if text else ""
    reader = csv.reader(text.splitlines(), delimiter=next((sign for sign in ";\t" if sign in first), ","))
    header = [cell.strip() for cell in next(reader, [])]
    if not {"file", "label"} <= set(header) <= {"file", "label", "group"} or len(set(header)) < len(header):
        raise UserError(
            f"{labels}, row 1 is {','.join(header)!r}, it must be file,label or file,label,group: correct the "
            "first row."
        )
    rows = []
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                raise UserError(
                    f"{labels}, row {reader.line_num} has {len(cells)} cells, the first row has {len(header)}: correct "
                    "it."
                )
            rows.append((reader.line_num, dict(zip(header, (cell.strip() for cell in cells), strict=True))))
    except csv.Error as error:
        raise UserError(f"{labels}, row {reader.line_num} is no row of a CSV file ({error}): correct it.") from error
    if not rows:
        raise UserError(f"{labels} has no row below the first: add a row for each recording.")
    return rows


def _check_names(described: Sequence[tuple[Path, str, str]], folder: Path) -> None:
    for name, label, group in described:
        for text in (str(name), label, group):
            if not text.isprintable():  # control characters, and bytes that are no UTF-8
                raise UserError(f"{folder} has the name {text!a}, which cannot be printed: rename it.")


def _check_suffix(path: Path) -> None:
    if path.suffix.lower() not in READERS:
        raise UserError(
            f"{path} is not a recording that can be read, accepted are {', '.join(READERS)}: convert or remove it."
        )


def _check_classes(found: Sequence[Recording], folder: Path) -> None:
    count = Counter(recording.label for recording in found)
    if len(count) < 2:
        raise UserError(f"{folder} has recordings of one class only, {found[0].label!r}: record at least two classes.")
    for recording in found:
        if count[recording.label] < 2:
            raise UserError(
                f"Class {recording.label!r} has one recording only, {recording.stream.path}, training and test need "
                "one each: record it at least once more, better ten times."
            )


def _check_channels(found: Sequence[Recording]) -> None:
    first = found[0].stream
    for recording in found[1:]:
        stream = recording.stream
        if stream.channels != first.channels:
            raise UserError(
                f"{stream.path} has {_listing(stream)}, {first.path} has {_listing(first)}: give all recordings the "
                "same channels."
            )


def _listing(stream: Stream) -> str:
    count, names = len(stream.channels), ", ".join(stream.channels[:6])
    return f"{count} channel{'s' if count != 1 else ''} ({names}{', ...' if count > 6 else ''})"
