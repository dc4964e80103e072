from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from colorbench.results.summary import Row, Summary
from colorbench.types import MetricCard
from reports.tables.cells import DASH, Cell, Grid, format_value, ranks
from reports.tables.grid import make_grid

MakeRow = Callable[..., Row]
MakeSummary = Callable[..., Summary]


def cells(grid: Grid, key: str) -> dict[str, Cell]:
    at = [column.key for column in grid.columns].index(key)
    return {row[0].text: row[at] for group in grid.groups for row in group}


def test_controls_and_truth_stand_apart_and_are_never_best(make_summary: MakeSummary) -> None:
    groups = make_grid(make_summary()).groups
    assert [[row[0].text for row in group] for group in groups] == [["truth"], ["gray", "flow"], ["a", "b", "c"]]
    assert not any(cell.rank or cell.p for group in groups[:2] for row in group for cell in row)


def test_best_and_second_follow_the_metrics_direction(make_summary: MakeSummary) -> None:
    grid = make_grid(make_summary())
    assert {name: cell.rank for name, cell in cells(grid, "psnr").items() if cell.rank} == {"b": "best", "a": "second"}
    assert {name: cell.rank for name, cell in cells(grid, "cdc").items() if cell.rank} == {"a": "best", "b": "second"}


def test_what_prints_alike_ranks_alike_and_two_have_no_second(make_summary: MakeSummary) -> None:
    psnr = make_summary().metrics[0]
    assert ranks({"a": 30.001, "b": 30.004, "c": 29.0}, psnr) == {"a": "best", "b": "best", "c": "second"}
    assert ranks({"a": 30.0, "b": 31.0}, psnr) == {"a": "", "b": "best"}
    assert ranks({"a": 30.0}, psnr) == {}
    assert ranks({"a": 30.0, "b": 31.0, "c": 1.0}, replace(psnr, direction="none")) == {}


def test_a_difference_beyond_chance_is_marked_and_explained(make_summary: MakeSummary) -> None:
    grid = make_grid(make_summary())
    assert {name for name, cell in cells(grid, "psnr").items() if cell.mark == "*"} == {"a", "c"}
    assert {name for name, cell in cells(grid, "cdc").items() if cell.mark == "*"} == {"c"}
    assert any("Holm" in note for note in grid.notes)


def test_where_no_difference_can_be_beyond_chance_it_is_said(make_summary: MakeSummary, make_row: MakeRow) -> None:
    rows = [make_row("a", "exemplar", 30.0, 0.1, clips=5), make_row("b", "exemplar", 31.0, 0.1, clips=5)]
    grid = make_grid(make_summary(*rows, p_values={"psnr": {"a": 0.0625}}))
    assert "5 clips: too few for a difference to be beyond chance (p under 0.05)" in grid.notes


def test_intervals_are_printed_when_asked_for_and_kept_always(make_summary: MakeSummary) -> None:
    summary = make_summary()
    assert cells(make_grid(summary, intervals=True), "psnr")["a"].bounds == ("29.40", "31.40")
    plain = cells(make_grid(summary), "psnr")["a"]
    assert plain.bounds is None
    assert plain.interval.low == pytest.approx(29.404)
    assert plain.interval.high == pytest.approx(31.404)


def test_a_method_under_a_control_is_marked_and_one_with_fewer_exemplars_is_not(
    make_summary: MakeSummary, make_row: MakeRow
) -> None:
    grid = make_grid(make_summary())
    assert {name for name, cell in cells(grid, "method").items() if "‡" in cell.mark} == {"a"}
    assert "‡ a has a lower PSNR than the control flow" in grid.notes
    rows = [make_row("flow", "control", 31.0, 0.1, exemplars=2), make_row("a", "automatic", 25.0, 0.1, exemplars=0)]
    assert make_grid(make_summary(*rows)).notes == ()


def test_a_missing_value_is_a_dash_with_its_reason_once(make_summary: MakeSummary, make_row: MakeRow) -> None:
    rows = [make_row(name, "exemplar", 30.0, None, reason="no weights") for name in "ab"]
    grid = make_grid(make_summary(*rows))
    assert cells(grid, "cdc")["a"].text == DASH
    assert [note for note in grid.notes if "no weights" in note] == [f"{DASH} cdc: no weights"]


def test_reasons_that_differ_name_their_row(make_summary: MakeSummary, make_row: MakeRow) -> None:
    rows = [
        make_row("a", "exemplar", 30.0, None, reason="x: failed", failed=1),
        make_row("b", "exemplar", 31.0, 0.1, missing=2),
    ]
    notes = make_grid(make_summary(*rows)).notes
    assert f"{DASH} cdc of a: x: failed" in notes
    assert "a: 1 clip failed" in notes
    assert "b: 2 clips not run" in notes


def test_the_variant_is_named_once(make_summary: MakeSummary, make_row: MakeRow) -> None:
    rows = [
        make_row("bistnet", "exemplar", 30.0, 0.1, variant="compact"),
        make_row("flow:single", "control", 28.0, 0.1, method="flow", variant="single"),
        make_row("gray", "control", 28.0, 0.1),
    ]
    assert set(cells(make_grid(make_summary(*rows)), "method")) == {"bistnet (compact)", "flow:single", "gray"}


def test_names_are_one_line_and_not_endless(hostile: Summary) -> None:
    grid = make_grid(hostile)
    texts = [*(cell.text for group in grid.groups for row in group for cell in row), *grid.notes, grid.signature]
    assert all(text.isprintable() for text in texts)
    assert all(len(cell.text) <= 255 for group in grid.groups for row in group for cell in row)


@pytest.mark.parametrize(("value", "text"), [(None, DASH), (math.inf, "∞"), (30.404, "30.40"), (-0.004, "-0.00")])
def test_values_are_printed_with_the_cards_digits(value: float | None, text: str, make_summary: MakeSummary) -> None:
    psnr: MetricCard = make_summary().metrics[0]
    assert format_value(value, psnr) == text
