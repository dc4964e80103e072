"""Listings say what is wrong of one thing and go on with the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from colorbench.datasets.folder import DATASETS
from colorbench.listing import list_datasets


def test_a_root_that_no_dataset_can_take_is_a_reason_in_its_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "films").mkdir()
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / "films" / name).touch()
    monkeypatch.setenv("COLORBENCH_DATA", str(tmp_path))
    records = {record["name"]: record for record in list_datasets()}
    assert DATASETS[0].card.name == "folder"
    assert "holds 2 videos" in records["folder"]["missing"]
    assert records["demo"]["missing"] == ""
