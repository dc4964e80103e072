"""Figures of a run, drawn for a column of 8 cm, each with its data as CSV.

psnr-cdc           PSNR against CDC, the paper's Figure 5
METRIC-frame       a metric against the frame
METRIC-distance    a metric against the distance to the nearest exemplar
cost-psnr          PSNR against seconds a frame
METRIC-difference  of a grid of trainings: a metric minus the full model's

The same run gives the same bytes with one matplotlib; docs/design/figures.md has the reasons for what is drawn how.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from colorbench.results.ablation_table import AblationTable
from colorbench.results.reading import Results
from colorbench.results.summary import Summary, frame_scores, summarize

if TYPE_CHECKING:
    from reports.figures.drawing import Drawing


def write_figures(summary: Summary, folder: Path, results: Results | None = None) -> tuple[Path, ...]:
    """Writes psnr-cdc.svg, .png and .csv, what every run ends with; nothing where there is nothing to draw.

    Args:
        summary: its rows are the points.
        folder: where to.
        results: the run itself, without which CDC has no interval.

    Raises:
        StoreError: the folder can't be written.
    """
    from reports.figures.drawing import write_drawing
    from reports.figures.psnr_cdc import psnr_cdc

    drawing = psnr_cdc(summary, results)
    return write_drawing(drawing, folder, formats=("svg", "png")) if drawing else ()


def write_differences(table: AblationTable, folder: Path, metrics: Sequence[str]) -> tuple[Path, ...]:
    """Writes METRIC-difference.svg, .png and .csv of the metrics in which a grid has something to compare.

    Raises:
        StoreError: the folder can't be written.
    """
    from reports.figures.differences import differences
    from reports.figures.drawing import write_drawing

    found = [drawing for metric in metrics if (drawing := differences(table, metric))]
    return tuple(path for drawing in found for path in write_drawing(drawing, folder, formats=("svg", "png")))


def write_all_figures(results: Results, folder: Path, *, formats: Sequence[str] = ("pdf", "svg", "png")) -> tuple[Path, ...]:
    """Writes each figure for which the run has the scores in each format, and its data as .csv.

    Raises:
        StoreError: the folder can't be written.
    """
    from reports.figures.drawing import write_drawing

    return tuple(path for drawing in drawings(results) for path in write_drawing(drawing, folder, formats=formats))


def figure_data(results: Results) -> dict[str, str]:
    """The CSV files of :func:`write_all_figures`, name to text, without drawing anything."""
    return {drawing.csv_name: drawing.csv() for drawing in drawings(results)}


def drawings(results: Results) -> list[Drawing]:
    """The figures for which a run has the scores, not drawn yet."""
    from reports.figures.cost import cost
    from reports.figures.curves import by_distance, by_frame
    from reports.figures.psnr_cdc import psnr_cdc

    summary, frames = summarize(results), frame_scores(results)
    found = [psnr_cdc(summary, results), cost(summary, results)]
    for card in results.metrics:
        if card.per_frame:
            found += [by_frame(results, frames, card), by_distance(results, frames, card)]
    return [drawing for drawing in found if drawing is not None]
