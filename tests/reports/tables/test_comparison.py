from __future__ import annotations

from colorbench.results.compare import Contrast, Verdict
from colorbench.results.statistics import PairedDifference, paired_difference
from colorbench.runs.store import to_json
from colorbench.types import MetricCard
from reports.tables.cells import DASH
from reports.tables.comparison import comparison_grid, comparison_record
from reports.tables.markdown import markdown

PSNR = MetricCard(
    name="psnr",
    summary="",
    unit="dB",
    direction="higher",
    needs_truth=True,
    per_frame=True,
    signature=(),
    version=1,
    reference="",
    decimals=2,
)
DIFFERENCE = paired_difference([31.0, 32.5, 30.2, 33.0], [30.0, 30.5, 29.2, 31.0])


def contrast(
    first: str = "x@a", *, difference: PairedDifference | None = DIFFERENCE, verdict: Verdict = "better", reason: str = ""
) -> Contrast:
    return Contrast(
        metric=PSNR,
        first=first,
        second="y@<script>",
        mean_first=30.175,
        mean_second=31.675,
        difference=difference,
        corrected_p=None if difference is None else 0.125,
        left_out=("dog",),
        verdict=verdict,
        reason=reason,
    )


def test_a_row_has_means_difference_interval_p_and_verdict() -> None:
    (row,) = comparison_grid([contrast()]).groups[0]
    assert [cell.text for cell in row[:3]] == ["psnr ↑", "30.18", "31.68"]
    assert (row[3].text, row[3].bounds) == ("+1.50", ("+1.00", "+2.00"))
    assert [cell.text for cell in row[4:]] == ["0.1250", "1.23", "4", "better"]


def test_what_is_incomparable_has_dashes_and_its_reason() -> None:
    grid = comparison_grid([contrast(difference=None, verdict="incomparable", reason="exemplars ends against first")])
    (row,) = grid.groups[0]
    assert [cell.text for cell in row[3:]] == [DASH, DASH, DASH, DASH, "incomparable"]
    assert f"{DASH} psnr: exemplars ends against first" in grid.notes


def test_each_pair_is_a_group_and_is_named() -> None:
    grid = comparison_grid([contrast("x@a"), contrast("x@b")])
    assert len(grid.groups) == 2
    assert "x@b is compared with y@<script>" in grid.notes
    assert any("left out" in note and "dog" in note for note in grid.notes)
    assert "<script>" not in markdown(grid)


def test_json_names_the_metric_and_has_the_figures_unrounded() -> None:
    (record,) = comparison_record([contrast()])
    assert record["metric"] == "psnr"
    assert record["difference"]["mean"] == 1.5
    assert to_json(record)
