"""The plot of a run: what is in it, that it is the same each time, and that names can't break it."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import cv2
import numpy as np
import pytest

from colorbench.statistics import Pooled, Row, Summary
from reports.figures import points, psnr_cdc, write_figures


def row(label: str, kind: str, psnr: float | None, cdc: float | None) -> Row:
    scores = {name: Pooled(value, "" if value is not None else "why", None, 3) for name, value in (("psnr", psnr), ("cdc", cdc))}
    return Row(label, label, "default", kind, (1, 1), scores, 10.0, 1.0, None, 0)


def summary(*rows: Row) -> Summary:
    return Summary(metrics=(), rows=rows, signature="", short_signature="", signatures={})


ROWS = (
    row("truth", "truth", None, 0.0047),
    row("gray", "control", 24.09, 0.00484),
    row("flow", "control", 33.91, 0.00486),
    row("bistnet", "exemplar", 31.5, 0.0046),
)


def test_methods_with_both_scores_are_drawn_in_the_tables_order() -> None:
    lacking = (*ROWS, row("no cdc", "exemplar", 30.0, None), row("no psnr", "exemplar", None, 0.004))
    assert [point.label for point in points(summary(*lacking))] == ["gray", "flow", "bistnet"]


def test_the_truth_is_a_line_at_its_cdc_and_each_point_stands_at_its_scores() -> None:
    figure = psnr_cdc(summary(*ROWS))
    assert figure is not None
    (axes,) = figure.axes
    assert np.asarray(axes.lines[0].get_xdata()).tolist() == [0.0047, 0.0047]
    drawn = {(float(x), float(y)) for collection in axes.collections for x, y in np.asarray(collection.get_offsets())}
    assert drawn == {(0.00484, 24.09), (0.00486, 33.91), (0.0046, 31.5)}
    assert {text.get_text() for text in axes.texts} == {"gray", "flow", "bistnet"}


@pytest.mark.parametrize("rows", [(), ROWS[:1], (row("perfect", "control", math.inf, 0.0),)], ids=["none", "truth", "infinite"])
def test_nothing_to_draw_writes_nothing(tmp_path: Path, rows: tuple[Row, ...]) -> None:
    assert write_figures(summary(*rows), tmp_path) == ()
    assert list(tmp_path.iterdir()) == []


def test_files_are_the_same_each_time_and_the_csv_holds_the_points(tmp_path: Path) -> None:
    first, second = (write_figures(summary(*ROWS), tmp_path / name) for name in ("a", "b"))
    assert [path.name for path in first] == ["psnr-cdc.svg", "psnr-cdc.png", "psnr-cdc.csv"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    with first[2].open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert rows[1] == {"method": "flow", "kind": "control", "cdc": "0.00486", "psnr": "33.91"}
    picture = cv2.imread(str(first[1]))
    assert picture is not None
    assert picture.shape[1] == pytest.approx(3.4 * 300, abs=2)


def test_hostile_names_are_shown_as_they_are(tmp_path: Path) -> None:
    names = ("<script>alert(1)</script>", "$\\frac{1", "../../x", "a" * 200)
    svg, _, _ = write_figures(
        summary(*(row(name, "exemplar", 30.0 + i, 0.004) for i, name in enumerate(names))), tmp_path / "out"
    )
    text = svg.read_text(encoding="utf-8")
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]
