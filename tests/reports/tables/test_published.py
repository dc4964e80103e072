from __future__ import annotations

from collections.abc import Callable

import pytest

from colorbench.errors import UnknownNameError
from colorbench.results.summary import Row, Summary
from reports.tables.cells import DASH, Cell, Grid
from reports.tables.grid import make_grid
from reports.tables.published import load_published

MakeRow = Callable[..., Row]
MakeSummary = Callable[..., Summary]

PAPER = "protocol:bistnet|size:384x224|fit:stretch-area|frames:90|exemplars:ends|scored:6..-5|data:davis:val|clips:30"


@pytest.fixture
def rows(make_row: MakeRow) -> list[Row]:
    return [
        make_row("truth", "truth", None, 0.0037),
        make_row("gray", "control", 23.7, 0.004, exemplars=0),
        make_row("flow", "control", 31.2, 0.0035),
        make_row("ours", "exemplar", 30.0, 0.0036, method="bistnet", variant="paper"),
        make_row("small", "exemplar", 28.0, 0.005, method="bistnet-single", variant="compact"),
    ]


def by_name(grid: Grid) -> dict[str, dict[str, Cell]]:
    keys = [column.key for column in grid.columns]
    return {row[0].text: dict(zip(keys, row, strict=True)) for group in grid.groups for row in group}


def test_the_papers_figures_stand_beside_the_measured_ones(rows: list[Row], make_summary: MakeSummary) -> None:
    grid = make_grid(make_summary(*rows, signature=PAPER), published=load_published())
    found = by_name(grid)
    assert found["ours (paper)"]["psnr-paper"].text == "30.40"
    assert found["gray"]["psnr-paper"].text == "19.84"
    assert found["gray"]["cdc-paper"].text == DASH
    assert found["flow"]["psnr-paper"].text == DASH
    assert found["small (compact)"]["cdc-paper"].text == "0.003846"


def test_methods_that_were_not_run_come_last_with_the_papers_figures_alone(rows: list[Row], make_summary: MakeSummary) -> None:
    grid = make_grid(make_summary(*rows, signature=PAPER), published=load_published())
    last = [row[0].text for row in grid.groups[-1]]
    assert last[:2] == ["Iizuka et al.", "CIC"]
    assert len(last) == 8
    tcvc = by_name(grid)["TCVC"]
    assert (tcvc["psnr"].text, tcvc["psnr-paper"].text, tcvc["psnr-difference"].text) == (DASH, "26.34", DASH)
    assert not any(cell.rank for cell in tcvc.values())


def test_the_difference_is_shown_for_the_papers_own_network_under_the_papers_protocol(
    rows: list[Row], make_summary: MakeSummary
) -> None:
    grid = make_grid(make_summary(*rows, signature=PAPER), published=load_published())
    found = by_name(grid)
    assert found["ours (paper)"]["psnr-difference"].text == "-0.40"
    assert found["small (compact)"]["psnr-difference"].text == DASH
    assert any("small" in note and "own network" in note for note in grid.notes)
    assert any("does not state the resize filter" in note for note in grid.notes)


@pytest.mark.parametrize(
    ("changed", "to", "reason"),
    [
        ("clips:30", "clips:14", "clips 14 (the paper: 30)"),
        ("data:davis:val", "data:demo", "data demo (the paper: davis:val)"),
        ("exemplars:ends", "exemplars:first", "exemplars first"),
        ("size:384x224", "size:own", "size own"),
    ],
)
def test_another_signature_has_no_difference_and_says_why(
    rows: list[Row], make_summary: MakeSummary, changed: str, to: str, reason: str
) -> None:
    grid = make_grid(make_summary(*rows, signature=PAPER.replace(changed, to)), published=load_published())
    assert not any(column.key.endswith("-difference") for column in grid.columns)
    assert by_name(grid)["ours (paper)"]["psnr-paper"].text == "30.40"
    assert [note for note in grid.notes if note.startswith(DASH) and reason in note]


def test_every_published_figure_is_a_number_and_every_method_is_registered() -> None:
    from colorbench.registry import METHODS

    for row in load_published().rows:
        assert set(row.figures) <= {"psnr", "ssim", "lpips", "cdc"}
        assert all(float(text) > 0 for text in row.figures.values())
        for name in row.methods:
            variants = {variant.name for variant in METHODS.get(name).card.variants}
            assert set(row.variants) <= variants


def test_an_unknown_paper_is_named() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'bistnet'"):
        load_published("bisnet")
