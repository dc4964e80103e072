from __future__ import annotations

import errno
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from colorbench.errors import StoreError
from colorbench.runs.store import DamagedError, Store, UnitRecord, digest, load_provenance, load_unit, safe_name, to_json
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


def change(fields: dict[str, Any], **values: Any) -> str:
    """A record's file with other values, and its checksum made anew."""
    record = {**fields["record"], **values}
    return json.dumps({"checksum": digest(record), "record": record})


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (lambda text: text[:50], "not valid JSON"),
        (lambda text: text.replace("30.12", "99.12"), "does not fit its checksum"),
        (lambda text: change(json.loads(text), clip="cat"), "it is of 'flow' on 'cat'"),
        (lambda text: change(json.loads(text), key="k2"), "under the key 'k2'"),
        (lambda text: change(json.loads(text), label="gray"), "it is of 'gray' on 'dog'"),
        (lambda text: change(json.loads(text), frame_count="many"), "frame_count = 'many'"),
        (lambda text: change(json.loads(text), extra=1), "unknown key"),
        (lambda text: change(json.loads(text), scores=None), "scores = None"),
        (lambda text: change(json.loads(text), seconds=10**400), "seconds = "),
        (lambda _: "null", "holds None"),
        (lambda _: "[]", "holds []"),
        (lambda _: "{}", "does not fit its checksum"),
        (lambda _: '{"checksum": "x", "record": NaN}', "NaN is no JSON number"),
        (lambda _: "[" * 100_000, "nested too deep"),
    ],
)
def test_a_record_that_is_not_what_was_written_is_said_set_aside_and_missing(
    tmp_path: Path, edit: Callable[[str], str], reason: str
) -> None:
    store = Store(tmp_path / "run")
    store.save(RECORD)
    path = next((tmp_path / "run/units").glob("*/*.json"))
    path.write_text(edit(path.read_text()))
    with pytest.raises(DamagedError, match="is damaged") as caught:
        load_unit(store.folder, clip="dog", label="flow", key="k1")
    assert reason in caught.value.wrong
    with pytest.warns(UserWarning, match="set aside as flow-k1.json.damaged"):
        assert load(store) is None
    assert not path.exists()
    assert path.with_name("flow-k1.json.damaged").exists()
    assert load(store) is None


def fifo(path: Path) -> None:
    os.mkfifo(path)


def loop(path: Path) -> None:
    path.symlink_to(path.name)


@pytest.mark.parametrize("put", [fifo, Path.mkdir, loop])
def test_what_is_no_file_in_a_records_place_is_set_aside(tmp_path: Path, put: Callable[[Path], None]) -> None:
    store = Store(tmp_path / "run")
    store.save(RECORD)
    path = next((tmp_path / "run/units").glob("*/*.json"))
    for _ in range(2):
        path.unlink()
        put(path)
        with pytest.warns(UserWarning, match="is damaged"):
            assert load(store) is None
        store.save(RECORD)
        assert load(store) == RECORD


def test_a_record_from_before_checksums_is_none_and_replaced(tmp_path: Path) -> None:
    store = Store(tmp_path / "run")
    store.save(RECORD)
    path = next((tmp_path / "run/units").glob("*/*.json"))
    path.write_text(json.dumps(json.loads(path.read_text())["record"]))
    assert load(store) is None
    store.save(RECORD)
    assert load(store) == RECORD


def test_provenance_is_read_only_where_its_name_is_its_hash(tmp_path: Path) -> None:
    store = Store(tmp_path / "run")
    name = store.save_provenance({"commit": "a"})
    assert load_provenance(store.folder, name) == {"commit": "a"}
    (tmp_path / "secret.json").write_text('{"mine": 1}')
    for elsewhere in (str(tmp_path / "secret"), "../../secret", "../secret"):
        with pytest.raises(StoreError, match="provenance"):
            load_provenance(store.folder, elsewhere)
    (store.folder / f"provenance/{name}.json").write_text('{"commit": "b"}')
    with pytest.raises(StoreError, match="not as it was written"):
        load_provenance(store.folder, name)


@pytest.mark.parametrize("text", ["null", "[]", '{"format": 3, "identity": 1}', "[" * 100_000, '{"format": NaN}'])
def test_a_run_json_of_the_wrong_form_is_one_error_that_names_it(tmp_path: Path, text: str) -> None:
    store = Store(tmp_path / "run")
    (tmp_path / "run/run.json").write_text(text)
    with pytest.raises(StoreError, match=r"run\.json") as caught:
        store.declare({"seed": 0}, {"methods": {}})
    assert "remove it and give the run's command again" in caught.value.remedy


def test_a_fifo_in_the_place_of_run_json_is_refused_at_once(tmp_path: Path) -> None:
    store = Store(tmp_path / "run")
    os.mkfifo(tmp_path / "run/run.json")
    with pytest.raises(StoreError, match="a FIFO, not a file"):
        store.declare({"seed": 0}, {"methods": {}})


def test_files_are_strict_json(tmp_path: Path) -> None:
    store = Store(tmp_path / "run")
    store.save(RECORD)

    def refuse(constant: str) -> float:
        raise AssertionError(constant)

    path = next((tmp_path / "run/units").glob("*/*.json"))
    assert json.loads(path.read_text(), parse_constant=refuse)["record"]["scores"][0]["value"] == "inf"


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


@pytest.mark.parametrize(
    "names",
    [
        ("a|b", "a_b", "a:b", "a/b"),
        ("flow:single", "flow_single"),
        ("..", "_..", ".", "_", "", ".hidden", "_hidden"),
        ("x" * 300, "x" * 301, "x" * 40),
        ("film.mkv", "film_mkv"),
        (safe_name("a|b"), "a|b"),
    ],
)
def test_two_names_never_become_one(names: tuple[str, ...]) -> None:
    assert len({safe_name(name) for name in names}) == len(names)


def test_ordinary_names_stay_as_they_are() -> None:
    for name in ("bistnet", "drift-chicane", "ein Hund ü", "clip-20231201", "日本"):
        assert safe_name(name) == name


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
