"""Where things are: what the package brings along, and the files an export makes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_PACKAGE = Path(__file__).parent


def _bundled(folder: str) -> Path:
    """Inside an installed package, or beside it in a source tree."""
    inside = _PACKAGE / folder
    return inside if inside.is_dir() else _PACKAGE.parent / folder


MODELS = _bundled("models")
FIRMWARE = _bundled("firmware")
BOARDS = _bundled("boards")


@dataclass(frozen=True)
class Artifacts:
    """The files of one model below a build folder."""

    folder: Path
    name: str

    @property
    def float_keras(self) -> Path:
        return self.folder / "float.keras"

    @property
    def metrics(self) -> Path:
        """What training measured; where it is, the float.keras beside it was trained here."""
        return self.folder / "metrics.json"

    def checkpoint(self, seed: int) -> Path:
        """Where an interrupted training stands; not in the folder, which an export replaces as a whole."""
        return self.folder.parent / ".checkpoints" / f"{self.name}_seed{seed}.npz"

    @property
    def gradients(self) -> Path:
        """The plot of the gradients; not in the folder, which an export replaces as a whole."""
        return self.folder.with_name(f"{self.name}_gradients.png")

    @property
    def ranges(self) -> Path:
        return self.folder / "ranges.json"

    @property
    def counters(self) -> Path:
        """What the interpreter counted on the calibration split."""
        return self.folder / "counters.json"

    @property
    def program_json(self) -> Path:
        return self.folder / "program.json"

    @property
    def program_npz(self) -> Path:
        return self.folder / "program.npz"

    @property
    def tflite_step(self) -> Path:
        return self.folder / "tflite" / f"{self.name}_step.tflite"

    @property
    def tflite_sequence(self) -> Path:
        return self.folder / "tflite" / f"{self.name}_sequence.tflite"

    @property
    def onnx_step(self) -> Path:
        return self.folder / "onnx" / f"{self.name}_step.onnx"

    @property
    def onnx_sequence(self) -> Path:
        return self.folder / "onnx" / f"{self.name}_sequence.onnx"

    @property
    def c_folder(self) -> Path:
        return self.folder / "c"

    @property
    def c_counters_folder(self) -> Path:
        """The C that hands what can saturate to a function of the user."""
        return self.folder / "c-counters"

    def board(self, name: str) -> Path:
        """Folder of the firmware for a board."""
        return self.folder / "boards" / name

    def has_format(self, name: str) -> bool:
        """Was this format (see `export.FORMATS`) exported?"""
        return (self.folder / name).is_dir()

    @property
    def vectors(self) -> Path:
        return self.folder / "vectors.txt"

    @property
    def test_set(self) -> Path:
        """Float test sequences, for the float network in Keras."""
        return self.folder / "test.npz"

    @property
    def verdict(self) -> Path:
        return self.folder / "verdict.json"
