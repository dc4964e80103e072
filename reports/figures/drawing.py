"""A figure with its name and data, and how it becomes files."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from colorbench.files.atomic import replacing_file
from colorbench.runs.store import safe_name
from reports.figures.style import house_style

_DOTS_PER_INCH = 300
_METADATA = {"pdf": {"CreationDate": None}, "svg": {"Date": None}, "png": {}}
"""Times would make each writing differ."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What begins a formula in a spreadsheet."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure that may be drawn, and its data."""

    name: str
    """Of its files, without the extension."""
    data: pd.DataFrame
    """All that is drawn, in the order in which it is drawn; names are whole."""
    draw: Callable[[], Figure]

    @property
    def csv_name(self) -> str:
        return f"{safe_name(self.name)}.csv"

    def csv(self) -> str:
        """The data; bounds of intervals have six digits, since more would depend on the machine.

        A label that a spreadsheet would take for a formula gets an apostrophe before it; what is no Unicode in one is
        escaped.
        """
        data = self.data.copy()
        for name in data.columns:
            if name.endswith(("_low", "_high")):
                data[name] = data[name].map(_six_digits)
        data["label"] = data.label.map(lambda label: f"'{label}" if label.startswith(_FORMULA) else label)
        return data.to_csv(index=False, lineterminator="\n").encode("utf-8", "backslashreplace").decode()


def write_drawing(drawing: Drawing, folder: Path, *, formats: Sequence[str]) -> tuple[Path, ...]:
    """Draws a drawing and writes it in each format, and its data as CSV.

    Raises:
        StoreError: the folder can't be written.
    """
    written = []
    with house_style():
        figure = drawing.draw()
        for form in formats:
            buffer = io.BytesIO()
            figure.savefig(buffer, format=form, dpi=_DOTS_PER_INCH, metadata=_METADATA[form])
            written.append(_write(folder / f"{safe_name(drawing.name)}.{form}", buffer.getvalue()))
    return (*written, _write(folder / drawing.csv_name, drawing.csv().encode()))


def _six_digits(value: float) -> float:
    return float(f"{value:.6g}")


def _write(path: Path, content: bytes) -> Path:
    with replacing_file(path) as temporary:
        temporary.write_bytes(content)
    return path
