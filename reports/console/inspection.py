"""What `colorbench inspect` found: tables for the terminal, shots.csv, frames.csv, summary.json and worst.png."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from colorbench.files.atomic import replacing_file
from colorbench.frames.timecode import smpte
from colorbench.inspection.measure import MeasureCard
from colorbench.inspection.meter import FRAME_CARDS
from colorbench.inspection.survey import Inspection
from colorbench.inspection.verdict import SHOT_CARDS, ShotRow, worst_first
from colorbench.runs.store import to_json
from reports.pictures.contact_sheet import write_sheet
from reports.pictures.labels import shown
from reports.tables.cells import ARROWS, DASH, Cell, Column, Grid
from reports.tables.csv_text import csv_text
from reports.tables.terminal_table import print_grid

FORMAT = 1
"""Of summary.json."""

_WORST = 10
_SHOWN = 6
_CARDS = {card.name: card for card in SHOT_CARDS}
_STABLE = ("flicker", "jump", "drift", "hue_drift", "bleeding", "colorfulness")


def film_grid(inspection: Inspection) -> Grid:
    """A row a film, a column a measure that any of them has. No value is marked the best: gray would be the most stable."""
    cards = [card for card in SHOT_CARDS if any(film.values[card.name] is not None for film in inspection.films)]
    columns = (Column("film", "film"), *(_column(card) for card in cards))
    rows = tuple((Cell(shown(film.label)), *(_cell(card, film.values[card.name]) for card in cards)) for film in inspection.films)
    width, height = inspection.size
    notes = [
        f"{card.name}: {card.summary}{f', {card.unit}' if card.unit else ''}; a shot stands out "
        f"{'under' if card.direction == 'none' else 'from'} {card.limit:g}"
        for card in cards
    ]
    shots = "1 shot" if len(inspection.shots) == 1 else f"{len(inspection.shots)} shots"
    notes.append(f"{inspection.n_frames} frames in {shots}, measured at {width}x{height}")
    return Grid(columns, (rows,), tuple(notes))


def shot_grid(inspection: Inspection) -> Grid:
    """The worst shots of all films, the worst first."""
    cards = [_CARDS[name] for name in _STABLE]
    columns = (
        Column("film", "film"),
        Column("shot", "shot"),
        Column("start", "from"),
        Column("end", "to"),
        Column("frames", "frames"),
        Column("reason", "reason"),
        *(_column(card) for card in cards),
    )
    rows = tuple(
        (
            Cell(shown(row.label)),
            Cell(str(row.number), row.number),
            Cell(row.start),
            Cell(row.end),
            Cell(f"{row.first} to {row.last}"),
            Cell(reason(row)),
            *(_cell(card, row.values[card.name]) for card in cards),
        )
        for row in _all_worst_first(inspection)[:_WORST]
    )
    notes = (
        "reason: the measure that is farthest over its limit, or nearest to it; gray is perfectly stable, so the rest is read "
        "beside colorfulness",
    )
    return Grid(columns, (rows,), notes, keys=2)


def reference_grid(inspection: Inspection) -> Grid:
    """A row a reference and film."""
    cards = [_CARDS[name] for name in ("agreement", "agreement_matched")]
    columns = (
        Column("reference", "reference"),
        Column("film", "film"),
        Column("frame", "frame"),
        Column("shot", "shot"),
        Column("likeness", "likeness"),
        *(_column(card) for card in cards),
    )
    rows = tuple(
        (
            Cell(shown(row.reference)),
            Cell(shown(row.label)),
            Cell(DASH if row.frame is None else str(row.frame), row.frame),
            Cell(DASH if row.shot is None else str(row.shot), row.shot),
            Cell(f"{row.likeness:.2f}", row.likeness),
            _cell(cards[0], row.agreement),
            _cell(cards[1], row.agreement_matched),
        )
        for row in inspection.references
    )
    lost = dict.fromkeys(row.reference for row in inspection.references if row.frame is None)
    notes = tuple(f"{shown(name)} looks like no frame; name its file as its frame is named" for name in lost)
    return Grid(columns, (rows,), notes, keys=2)


def print_inspection(inspection: Inspection) -> None:
    """The tables, to stdout."""
    print_grid(film_grid(inspection))
    if inspection.references:
        print_grid(reference_grid(inspection))
    print_grid(shot_grid(inspection))


def reason(row: ShotRow) -> str:
    """Why a shot stands where it does: "flicker, 2.1 x limit"."""
    name = "hardly any color" if _CARDS[row.reason].direction == "none" else _title(row.reason)
    return f"{name}, {row.severity:.1f} x limit"


def inspection_record(inspection: Inspection) -> dict[str, Any]:
    """JSON values: measures, films, references, and all shots, the worst first. Those of frames are in frames.csv."""
    return {
        "format": FORMAT,
        "source": inspection.source,
        "frames": inspection.n_frames,
        "fps": str(inspection.fps),
        "size": inspection.size,
        "measures": [
            {"name": card.name, "unit": card.unit, "direction": card.direction, "limit": card.limit, "summary": card.summary}
            for card in SHOT_CARDS
        ],
        "films": [{"label": film.label, "path": film.path, "values": film.values} for film in inspection.films],
        "references": [asdict(row) for row in inspection.references],
        "shots": [asdict(row) for row in _all_worst_first(inspection)],
    }


def write_inspection(inspection: Inspection, folder: Path) -> tuple[Path, ...]:
    """Writes shots.csv, frames.csv, summary.json, and worst.png with the worst shots to look at.

    Raises:
        StoreError: the disk is full, or the folder can't be written.
        FramesError: a film can't be read again for the pictures.
    """
    paths = folder / "shots.csv", folder / "frames.csv", folder / "summary.json", folder / "worst.png"
    _write_csv(paths[0], _shot_lines(inspection))
    _write_csv(paths[1], _frame_lines(inspection))
    with replacing_file(paths[2]) as temporary:
        temporary.write_text(to_json(inspection_record(inspection), indent=1) + "\n", encoding="utf-8")
    films = {film.label: film.path for film in inspection.films}
    worst = [(row, reason(row)) for row in _all_worst_first(inspection)[:_SHOWN]]
    write_sheet(paths[3], inspection.source, films, worst)
    return paths


def _all_worst_first(inspection: Inspection) -> tuple[ShotRow, ...]:
    return worst_first([row for film in inspection.films for row in film.shots])


def _shot_lines(inspection: Inspection) -> Iterator[Sequence[object]]:
    names = [card.name for card in SHOT_CARDS]
    yield ["film", "shot", "first", "last", "start", "end", "reason", "severity", *names]
    for row in _all_worst_first(inspection):
        values = [row.values[name] for name in names]
        severity = _number(row.severity)
        yield [row.label, row.number, row.first, row.last, row.start, row.end, row.reason, severity, *map(_number, values)]


def _frame_lines(inspection: Inspection) -> Iterator[Sequence[object]]:
    names = [card.name for card in FRAME_CARDS]
    yield ["film", "frame", "timecode", "shot", *names]
    for film in inspection.films:
        for row in film.shots:
            for frame in range(row.first, row.last + 1):
                values = [float(film.frames[name][frame]) for name in names]
                yield [film.label, frame, smpte(frame, inspection.fps), row.number, *map(_number, values)]


def _write_csv(path: Path, lines: Iterator[Sequence[object]]) -> None:
    with replacing_file(path) as temporary:
        temporary.write_text(csv_text(lines), encoding="utf-8", newline="")


def _number(value: float | None) -> str:
    """Six digits; the numbers are measured in float32."""
    return "" if value is None or math.isnan(value) else f"{value:.6g}"


def _column(card: MeasureCard) -> Column:
    return Column(card.name, _title(card.name), ARROWS[card.direction])


def _title(name: str) -> str:
    return name.replace("_", " ")


def _cell(card: MeasureCard, value: float | None) -> Cell:
    return Cell(DASH if value is None else f"{value:.{card.decimals}f}", value)
