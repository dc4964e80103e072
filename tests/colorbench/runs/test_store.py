from __future__ import annotations

import errno
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from colorbench.errors import StoreError
from colorbench.runs.store import Store, UnitRecord, digest, safe_name, to_json
from colorbench.types import Score

RECORD = UnitRecord(
    key="k1",
    label="flow",
    method="flow",
    variant="double",
    clip="dog",
    status="done",
    exemplars=(0, None),
    scored=(1, 2),
    frame_count=4,
    scores=(
        Score(metric="psnr", value=math.inf, frames=(30.123456789012345, math.inf)),
        Score(metric="lpips", value=None, reason="no weights"),
    ),
    truth=(Score(metric="cdc", value=0.0037),),
    metrics=(("psnr", "abc"),),
    seconds=1.5,
)


def load(store: Store) -> UnitRecord | None:
    return store.load(clip="dog", label="flow", key="k1")


def test_a_record_comes_back_as_it_was_to_the_last_digit(tmp_path: Path) -> None:
    store = Store(tmp_path / "run")
    store.save(RECORD)
    assert load(store) == RECORD


def test_what_was_never_stored_is_none(tmp_path: Path) -> None:
    assert load(Store(tmp_path / "run")) is None


def test_a_file_cut_short_counts_as_missing(tmp_path: Path) -> None:
    store = Store(tmp_path / "run")
    store.save(RECORD)
    path = next((tmp_path / "run/units").glob("*/*.json"))
    path.write_text(path.read_text()[:50])
    assert load(store) is None


def test_files_are_strict_json(tmp_path: Path) -> None:
    store = Store(tmp_path / "run")
    store.save(RECORD)

    def refuse(constant: str) -> float:
        raise AssertionError(constant)

    path = next((tmp_path / "run/units").glob("*/*.json"))
    assert json.loads(path.read_text(), parse_constant=refuse)["scores"][0]["value"] == "inf"


def test_names_of_clips_and_labels_can_be_anything(tmp_path: Path) -> None:
    from dataclasses import replace

    store = Store(tmp_path / "run")
    for name in ("ein Hund ü", "a/b", "..", "日本"):
        store.save(replace(RECORD, clip=name, label="x:y/z"))
        found = store.load(clip=name, label="x:y/z", key="k1")
        assert found is not None
        assert found.clip == name
    assert {path.parent.parent.name for path in (tmp_path / "run").rglob("*-k1.json")} == {"units"}


def test_a_full_disk_is_said_and_leaves_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path / "run")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("colorbench.runs.store.os.fsync", full)
    with pytest.raises(StoreError, match="disk full while writing"):
        store.save(RECORD)
    assert [path for path in (tmp_path / "run/units").rglob("*") if path.is_file()] == []


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="can't write"):
        Store(tmp_path / "file" / "run")


def declared(folder: Path) -> dict[str, dict[str, object]]:
    contents: dict[str, dict[str, object]] = json.loads((folder / "run.json").read_text())["contents"]
    return contents


def test_another_protocol_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path / "run")
    store.declare({"protocol": "bistnet"}, {"methods": {"a": {}}})
    with pytest.raises(StoreError, match="choose another --out"):
        store.declare({"protocol": "full"}, {"methods": {"a": {}}})


def test_methods_may_be_added_and_facts_of_now_replace_earlier_ones(tmp_path: Path) -> None:
    store = Store(tmp_path / "run")
    store.declare({"protocol": "bistnet"}, {"methods": {"a": {"code": 1}, "c": {"code": 5}}})
    store.declare({"protocol": "bistnet"}, {"methods": {"b": {"code": 1}, "a": {"code": 2}}})
    assert declared(tmp_path / "run")["methods"] == {"a": {"code": 2}, "c": {"code": 5}, "b": {"code": 1}}


def test_a_folder_of_the_first_format_takes_the_facts_of_now(tmp_path: Path) -> None:
    store = Store(tmp_path / "run")
    (tmp_path / "run/run.json").write_text('{"format": 1, "identity": {"seed": 0}, "contents": {"methods": ["a", "b"]}}')
    store.declare({"seed": 0}, {"methods": {"a": {"code": 1}}})
    assert declared(tmp_path / "run")["methods"] == {"a": {"code": 1}}


def test_a_folder_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path / "run")
    (tmp_path / "run/run.json").write_text('{"format": 99}')
    with pytest.raises(StoreError, match="format 99"):
        store.declare({}, {})


HOLD = """
import sys
from pathlib import Path
from colorbench.runs.store import Store
with Store(Path(sys.argv[1])).claim("k") as mine:
    print(mine, flush=True)
    sys.stdin.read()
"""


def test_a_unit_is_claimed_by_one_process_and_freed_when_that_dies(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path / "run")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        store = Store(tmp_path / "run")
        with store.claim("k") as mine:
            assert not mine
        with store.claim("other") as mine:
            assert mine
        process.kill()
        process.wait()
        with store.claim("k") as mine:
            assert mine


def test_provenance_is_stored_once(tmp_path: Path) -> None:
    store = Store(tmp_path / "run")
    assert store.save_provenance({"a": 1}) == store.save_provenance({"a": 1})
    assert len(list((tmp_path / "run/provenance").iterdir())) == 1


@pytest.mark.parametrize("change", [lambda v: {**v, "a": 2}, lambda v: {**v, "b": 1}])
def test_a_digest_depends_on_every_value(change: Callable[[dict[str, int]], dict[str, int]]) -> None:
    assert digest({"a": 1}) != digest(change({"a": 1}))
    assert digest({"a": 1, "c": 2}) == digest({"c": 2, "a": 1})


def test_infinity_is_text_in_json() -> None:
    assert to_json([math.inf, -math.inf]) == '["inf", "-inf"]'


def test_safe_names_stay_in_their_folder() -> None:
    assert all("/" not in safe_name(name) and safe_name(name).strip(".") for name in ("../../x", "..", ".", "a/b", "\n"))


def test_a_very_long_name_has_a_path_of_its_own(tmp_path: Path) -> None:
    from dataclasses import replace

    store = Store(tmp_path / "run")
    for name in ("x" * 500 + "1", "x" * 500 + "2", "映" * 300):
        store.save(replace(RECORD, label=name, clip=name))
        found = store.load(clip=name, label=name, key="k1")
        assert found is not None
        assert found.label == name
    assert len(list((tmp_path / "run/units").iterdir())) == 3
