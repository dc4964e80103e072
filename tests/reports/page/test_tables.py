"""Tables by clip: every value there is, in its place, and a reason for each that is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from colorbench.results.reading import Results, read_results
from reports.page.tables import FRAME, clip_grid, metric_grid
from reports.tables.cells import DASH, Column

METRICS = ("psnr", "ssim", "cdc", "colorfulness")
COLUMNS = {name: Column(name, name.upper()) for name in METRICS}


@pytest.fixture
def results(store: Path) -> Results:
    return read_results(store)


def test_a_metric_has_a_row_a_clip_and_a_column_a_method(results: Results) -> None:
    psnr = metric_grid(results, results.metrics[0])
    assert [column.title for column in psnr.columns] == ["clip", "flow", "gray", "bistnet", "tcvc"]
    rows = psnr.groups[0]
    assert [row[0].text for row in rows] == ["bear", "cows", "dog"]
    for row in rows:
        for method, cell in zip(results.methods, row[1:], strict=True):
            record = results.record(method.label, row[0].text)
            assert record is not None
            score = record.score("psnr")
            assert score is not None
            assert (cell.value, cell.text) == (score.value, f"{score.value:.2f}")
    assert psnr.notes == ()


def test_the_best_and_no_control_is_marked(results: Results) -> None:
    for row in metric_grid(results, results.metrics[0]).groups[0]:
        assert [cell.rank for cell in row] == ["", "", "", "best", ""]


def test_the_truth_has_a_column_where_it_has_values(results: Results) -> None:
    cdc = metric_grid(results, results.metrics[2])
    assert cdc.columns[1].title == "truth"
    record = results.record("gray", "bear")
    assert record is not None
    assert cdc.groups[0][0][1].value == next(score.value for score in record.truth if score.metric == "cdc")


def test_a_clip_has_a_row_for_the_truth_and_each_method(results: Results) -> None:
    grid = clip_grid(results, "dog", COLUMNS, with_frames={"psnr", "colorfulness"})
    assert [column.key for column in grid.columns] == [
        "method",
        "psnr",
        FRAME + "psnr",
        "ssim",
        "cdc",
        "colorfulness",
        FRAME + "colorfulness",
    ]
    rows = grid.groups[0]
    assert [row[0].text for row in rows] == ["truth", "flow", "gray", "bistnet", "tcvc"]
    assert {len(row) for row in rows} == {len(grid.columns)}
    truth = rows[0]
    assert (truth[1].text, truth[1].mark) == (DASH, "1")
    assert grid.notes == ("1 the truth itself",)
    assert truth[4].value is not None


def test_what_is_missing_has_its_reason_once(results: Results) -> None:
    records = tuple(
        replace(record, status="failed", scores=(), truth=(), error="luminance was changed\n  wanted: less")
        if (record.label, record.clip) == ("tcvc", "dog")
        else record
        for record in results.records
        if (record.label, record.clip) != ("flow", "dog")
    )
    lacking = replace(results, records=records)
    rows = metric_grid(lacking, results.metrics[0]).groups[0]
    assert [cell.text for cell in rows[2]][1::3] == [DASH, DASH]
    assert [cell.mark for cell in rows[2]] == ["", "1", "", "", "2"]
    assert metric_grid(lacking, results.metrics[0]).notes == ("1 not run", "2 tcvc failed: luminance was changed")
    assert clip_grid(lacking, "dog", COLUMNS, with_frames=()).notes == (
        "1 the truth itself",
        "2 not run",
        "3 tcvc failed: luminance was changed",
    )
