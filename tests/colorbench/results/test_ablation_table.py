"""Rows of a grid against values worked out by hand: means, pairs, p, correction, what is not trained yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from colorbench.clips.protocol import PRESETS
from colorbench.results.ablation import StoredCell, StoredGrid, label_of
from colorbench.results.ablation_table import AblationRow, AblationTable, tabulate
from colorbench.results.reading import ClipFacts, Results
from colorbench.runs.store import UnitRecord
from colorbench.types import MetricCard, Score

PSNR = MetricCard(
    name="psnr", summary="", unit="dB", direction="higher", needs_truth=True, per_frame=True, signature=(), version=1,
    reference="", decimals=2,
)  # fmt: skip
CDC = replace(PSNR, name="cdc", direction="lower", needs_truth=False, per_frame=False, decimals=6)

# Cell to seed to a PSNR for the clips a and b. CDC is a thousandth of it.
SCORES: dict[str, dict[int, tuple[float, float]]] = {
    "full": {0: (30.0, 32.0), 1: (30.4, 31.6)},
    "cut": {0: (29.0, 31.5), 1: (29.9, 31.5)},
    "other": {0: (30.2, 31.8), 1: (30.5, 31.5)},
}


def grid(*names: str, seeds: tuple[int, ...] = (0, 1)) -> StoredGrid:
    cells = tuple(StoredCell(name=name, title=name.upper(), paper={}, parameters=7, facts={}) for name in names)
    return StoredGrid(
        name="mine", preset="compact", budget="9", device="cpu", base="full", steps=9, seconds_per_step=None, seeds=seeds,
        cells=cells, strips={},
    )  # fmt: skip


def results(scores: Mapping[str, Mapping[int, tuple[float | None, ...]]]) -> Results:
    clips = ("a", "b")
    records = [
        UnitRecord(
            key="k", label=label_of(cell, seed), method="bistnet-own", variant="double", clip=clip, status="done",
            scores=(
                Score(metric="psnr", value=value, reason="" if value is not None else "why"),
                Score(metric="cdc", value=None if value is None else value / 1000, reason="" if value is not None else "why"),
            ),
            truth=(Score(metric="cdc", value=0.004),),
        )
        for cell, by_seed in scores.items()
        for seed, values in by_seed.items()
        for clip, value in zip(clips, values, strict=False)
    ]  # fmt: skip
    facts = tuple(ClipFacts(name=name, digest="", source="", references=()) for name in clips)
    return Results(
        folder=Path(), protocol=PRESETS["bistnet"], dataset="folder:all", seed=0, methods=(), metrics=(PSNR, CDC), clips=facts,
        records=tuple(records), missing=(), provenance={},
    )  # fmt: skip


def rows(table: AblationTable) -> dict[str, AblationRow]:
    return {row.cell.name: row for row in table.rows}


def test_means_are_over_clips_and_seeds() -> None:
    table = tabulate(grid("full", "cut", "other"), results(SCORES))
    found = {name: row.means["psnr"] for name, row in rows(table).items()}
    assert found == {"full": pytest.approx(31.0), "cut": pytest.approx(30.475), "other": pytest.approx(31.0)}
    assert table.clips == ("a", "b")
    assert table.truth == {"cdc": 0.004}
    assert "d:folder:all|n:2" in table.signature


def test_differences_are_paired_by_clip_and_seed() -> None:
    cut = rows(tabulate(grid("full", "cut", "other"), results(SCORES)))["cut"].versus["psnr"]
    # -1.0, -0.5, -0.5, -0.1: of 16 sign patterns only two are as far from 0.
    assert cut.over_pairs.mean == pytest.approx(-0.525)
    assert cut.over_pairs.clips == 4
    assert cut.over_pairs.p == 2 / 16
    assert cut.by_seed == {0: pytest.approx(-0.75), 1: pytest.approx(-0.3)}
    low, high = cut.over_pairs.interval.low, cut.over_pairs.interval.high
    assert low is not None
    assert high is not None
    assert -1.0 <= low < -0.525 < high <= -0.1


def test_p_is_corrected_for_as_many_cells_as_are_compared() -> None:
    found = rows(tabulate(grid("full", "cut", "other"), results(SCORES)))
    # 0.2, -0.2, 0.1, -0.1 add up to 0, as far from 0 as can be for every pattern.
    assert found["other"].versus["psnr"].over_pairs.p == 1.0
    assert found["cut"].versus["psnr"].corrected_p == 0.25
    alone = rows(tabulate(grid("full", "cut"), results(SCORES)))
    assert alone["cut"].versus["psnr"].corrected_p == 0.125
    assert found["full"].versus == {}


def many(shift: float, *, turned: bool) -> dict[str, dict[int, tuple[float, float]]]:
    """Four seeds of a cell that is worse by about so much, with the last one turned round."""
    full = {seed: (30.0 + seed, 31.0 - seed) for seed in range(4)}
    cut = {seed: (a + shift + 0.01 * seed, b + shift) for seed, (a, b) in full.items()}
    if turned:
        cut[3] = (full[3][0] + 0.001, full[3][1] + 0.001)
    return {"full": full, "cut": cut}


def test_what_is_significant_has_the_same_sign_with_every_seed() -> None:
    seeds = (0, 1, 2, 3)
    clear = rows(tabulate(grid("full", "cut", seeds=seeds), results(many(-1.0, turned=False))))["cut"].versus["psnr"]
    assert clear.corrected_p == 2 / 256
    assert clear.significant
    turned = rows(tabulate(grid("full", "cut", seeds=seeds), results(many(-1.0, turned=True))))["cut"].versus["psnr"]
    assert turned.corrected_p is not None
    assert turned.corrected_p < 0.05
    assert not turned.significant


def test_a_seed_counts_once_all_its_clips_are_scored() -> None:
    partial: dict[str, Mapping[int, tuple[float, ...]]] = {"full": SCORES["full"], "cut": {0: (29.0, 31.5), 1: (29.9,)}}
    cut = rows(tabulate(grid("full", "cut"), results(partial)))["cut"]
    assert cut.seeds == (0,)
    assert cut.means["psnr"] == pytest.approx(30.25)
    assert cut.versus["psnr"].by_seed.keys() == {0}
    assert cut.versus["psnr"].over_pairs.clips == 2


def test_only_seeds_of_both_are_paired() -> None:
    found = rows(tabulate(grid("full", "cut"), results({**SCORES, "full": {1: (30.4, 31.6)}})))["cut"]
    assert found.seeds == (0, 1)
    assert found.versus["psnr"].by_seed == {1: pytest.approx(-0.3)}


def test_without_the_full_model_nothing_is_compared() -> None:
    found = rows(tabulate(grid("full", "cut"), results({"cut": SCORES["cut"]})))
    assert found["cut"].versus == {}
    assert found["cut"].means["psnr"] == pytest.approx(30.475)
    assert (found["full"].seeds, found["full"].means) == ((), {"psnr": None, "cdc": None})


def test_a_missing_value_leaves_no_mean_and_no_difference() -> None:
    found = rows(tabulate(grid("full", "cut"), results({**SCORES, "cut": {0: (29.0, None)}})))["cut"]
    assert found.seeds == (0,)
    assert found.means["psnr"] is None
    assert found.versus == {}
