"""A run in one file: the same bytes each time, and whatever is changed in it is found and named."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from colorbench.errors import StoreError, UsageError
from colorbench.results.bundle import MANIFEST, Bundle, verify_bundle, write_bundle
from colorbench.results.reading import Results, read_results
from colorbench.results.summary import clip_scores, frame_scores, summarize, table
from colorbench.runs.store import digest

ROOT = Path(__file__).resolve().parents[3]
STORE = ROOT / "tests" / "reports" / "store"

Content = dict[str, bytes]


def tables(results: Results) -> dict[str, str]:
    return {"table.csv": table(summarize(results)).to_csv(), "clips.csv": clip_scores(results).to_csv(index=False)} | {
        "frames.csv": frame_scores(results).to_csv(index=False)
    }


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return Path(shutil.copytree(STORE, tmp_path / "run"))


@pytest.fixture
def bundle(run: Path, tmp_path: Path) -> Path:
    return write_bundle(run, tmp_path / "bundle.zip", tables=tables).path


@pytest.fixture
def change(bundle: Path) -> Callable[..., Bundle]:
    """Rewrites a bundle's content and verifies what comes out; with ``hashed`` the manifest follows the change."""

    def apply(edit: Callable[[Content], object], *, hashed: bool) -> Bundle:
        with zipfile.ZipFile(bundle) as archive:
            content = {name: archive.read(name) for name in archive.namelist()}
        edit(content)
        if hashed:
            manifest = json.loads(content[MANIFEST])
            manifest["files"] = {name: hashlib.sha256(data).hexdigest() for name, data in content.items() if name != MANIFEST}
            content[MANIFEST] = json.dumps(manifest).encode()
        with zipfile.ZipFile(bundle, "w") as archive:
            for name, data in content.items():
                archive.writestr(name, data)
        return verify_bundle(bundle, tables=tables)

    return apply


def unit(content: Content, label: str = "bistnet", clip: str = "dog") -> str:
    return next(name for name in content if name.startswith(f"units/{clip}/{label}-"))


def edit_json(content: Content, name: str, edit: Callable[[Any], object]) -> None:
    value = json.loads(content[name])
    edit(value)
    content[name] = json.dumps(value).encode()


def edit_record(content: Content, edit: Callable[[Any], object]) -> None:
    """Changes a record and makes its checksum anew."""

    def apply(value: Any) -> None:
        edit(value["record"])
        value["checksum"] = digest(value["record"])

    edit_json(content, unit(content), apply)


def found(seen: Bundle) -> list[str]:
    return [mismatch.file for mismatch in seen.mismatches]


def test_a_bundle_holds_the_run_its_tables_and_a_hash_of_each(bundle: Path, run: Path) -> None:
    with zipfile.ZipFile(bundle) as archive:
        names = archive.namelist()
        manifest = json.loads(archive.read(MANIFEST))
        assert {name: hashlib.sha256(archive.read(name)).hexdigest() for name in names[1:]} == manifest["files"]
        units = [name for name in names if name.startswith("units/")]
        assert len(units) == 12
        assert all(archive.read(name) == (run / name).read_bytes() for name in ("run.json", *units))
    assert names[0] == MANIFEST
    assert {name.split("/")[0] for name in names} == {MANIFEST, "run.json", "units", "provenance", "tables"}


def test_the_same_run_gives_the_same_bytes_wherever_it_lies(run: Path, tmp_path: Path) -> None:
    first = write_bundle(run, tmp_path / "a.zip", tables=tables)
    moved = tmp_path / "elsewhere" / "moved"
    shutil.copytree(run, moved, copy_function=shutil.copyfile)
    second = write_bundle(moved, tmp_path / "b.zip", tables=tables)
    assert first.path.read_bytes() == second.path.read_bytes()
    assert first.sha256 == second.sha256 == hashlib.sha256(first.path.read_bytes()).hexdigest()


def test_units_of_other_code_and_other_files_stay_out(run: Path, tmp_path: Path) -> None:
    before = write_bundle(run, tmp_path / "a.zip", tables=tables)
    old = next((run / "units" / "dog").glob("gray-*.json"))
    shutil.copy(old, old.with_name("gray-" + 20 * "0" + ".json"))
    (run / "frames" / "gray").mkdir(parents=True)
    (run / "secret.txt").write_text("mine")
    assert write_bundle(run, tmp_path / "b.zip", tables=tables).sha256 == before.sha256


def test_provenance_from_outside_the_run_stays_out(run: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text('{"mine": 1}')
    path = next((run / "units" / "dog").glob("gray-*.json"))
    record = json.loads(path.read_text())["record"] | {"provenance": "../../secret"}
    path.write_text(json.dumps({"checksum": digest(record), "record": record}))
    with zipfile.ZipFile(write_bundle(run, tmp_path / "a.zip", tables=tables).path) as archive:
        assert not any("secret" in name for name in archive.namelist())


def test_an_untouched_bundle_fits(bundle: Path) -> None:
    seen = verify_bundle(bundle, tables=tables)
    assert seen.mismatches == ()
    assert seen.complete
    assert seen.other_versions == ()
    assert seen.sha256 == hashlib.sha256(bundle.read_bytes()).hexdigest()


def test_an_unpacked_bundle_is_the_run(bundle: Path, run: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(tmp_path / "unpacked")
    assert read_results(tmp_path / "unpacked") == read_results(run)


def test_an_incomplete_run_is_bundled_and_said_to_be_so(run: Path, tmp_path: Path) -> None:
    next((run / "units" / "dog").glob("gray-*.json")).unlink()
    made = write_bundle(run, tmp_path / "a.zip", tables=tables)
    assert not made.complete
    seen = verify_bundle(made.path, tables=tables)
    assert not seen.complete
    assert seen.mismatches == ()


def raise_psnr(record: dict[str, Any]) -> None:
    record["scores"][0]["value"] += 1.0


def raise_psnr_of_frames(record: dict[str, Any]) -> None:
    frames = [value + 1.0 for value in record["scores"][0]["frames"]]
    record["scores"][0] |= {"frames": frames, "value": math.fsum(frames) / len(frames)}


def test_a_changed_score_breaks_its_hash(change: Callable[..., Bundle]) -> None:
    seen = change(lambda content: edit_record(content, raise_psnr), hashed=False)
    assert seen.mismatches[0].file.startswith("units/dog/bistnet-")
    assert seen.mismatches[0].wanted.startswith("SHA-256 ")
    assert any(mismatch.file.startswith("tables/table.csv, line ") for mismatch in seen.mismatches)


def test_a_changed_score_with_its_hash_is_not_the_mean_of_its_frames(change: Callable[..., Bundle]) -> None:
    seen = change(lambda content: edit_record(content, raise_psnr), hashed=True)
    assert seen.mismatches[0].file == "bistnet on dog: psnr"
    assert "the mean of its frames" in seen.mismatches[0].wanted


def test_changed_frames_with_their_mean_and_hash_do_not_give_the_tables(change: Callable[..., Bundle]) -> None:
    seen = change(lambda content: edit_record(content, raise_psnr_of_frames), hashed=True)
    assert all(name.startswith("tables/") for name in found(seen))
    assert {name.split(",")[0] for name in found(seen)} == {"tables/clips.csv", "tables/frames.csv", "tables/table.csv"}


def test_a_changed_record_breaks_its_checksum(change: Callable[..., Bundle]) -> None:
    seen = change(
        lambda content: edit_json(content, unit(content), lambda value: value["record"].update(seconds=0.1)), hashed=True
    )
    assert any("does not fit its checksum" in mismatch.found for mismatch in seen.mismatches)


@pytest.mark.parametrize("of", ["paper", "licence", "summary"])
def test_a_fact_of_a_method_changed_in_run_json_is_found(change: Callable[..., Bundle], of: str) -> None:
    def edit(content: Content) -> None:
        edit_json(content, "run.json", lambda run: run["contents"]["methods"]["bistnet"].update({of: "mine"}))

    assert "run.json" in found(change(edit, hashed=True))


def test_the_summary_of_a_protocol_changed_in_run_json_is_found(change: Callable[..., Bundle]) -> None:
    def edit(content: Content) -> None:
        edit_json(content, "run.json", lambda run: run["identity"]["protocol"].update(summary="otherwise"))

    assert "run.json" in found(change(edit, hashed=True))


def test_changed_provenance_is_found_after_its_hash_was_made_anew(change: Callable[..., Bundle]) -> None:
    def edit(content: Content) -> None:
        name = next(name for name in content if name.startswith("provenance/"))
        edit_json(content, name, lambda facts: facts.update(commit="another"))

    seen = change(edit, hashed=True)
    assert {name.split("/")[0] for name in found(seen)} == {"provenance"}


def test_provenance_of_another_seed_is_found(change: Callable[..., Bundle]) -> None:
    def edit(content: Content) -> None:
        name = next(name for name in content if name.startswith("provenance/"))
        facts = json.loads(content[name]) | {"seed": 7}
        other = digest(facts)[:16]
        content[f"provenance/{other}.json"] = json.dumps(facts).encode()
        edit_record(content, lambda record: record.update(provenance=other))

    assert any(mismatch.found == "7" for mismatch in change(edit, hashed=True).mismatches)


@pytest.mark.parametrize("decimals", [10_000_000, -1, 10**4000])
def test_digits_beyond_what_a_number_has_are_refused_at_once(change: Callable[..., Bundle], decimals: int) -> None:
    def edit(content: Content) -> None:
        edit_json(content, "run.json", lambda run: run["contents"]["metrics"]["psnr"]["card"].update(decimals=decimals))

    seen = change(edit, hashed=True)
    assert any("decimals" in mismatch.found for mismatch in seen.mismatches)


def test_a_million_frames_with_as_many_exemplars_are_seen_through_in_time(change: Callable[..., Bundle]) -> None:
    def edit(record: dict[str, Any]) -> None:
        many = list(range(200_000))
        record.update(exemplars=many, scored=many, frame_count=200_000)

    start = time.monotonic()
    assert change(lambda content: edit_record(content, edit), hashed=True).mismatches
    assert time.monotonic() - start < 60


def test_what_unpacks_to_more_than_the_archive_is_no_bundle(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("run.json", b" " * (64 << 20))
    assert path.stat().st_size < 100_000
    with pytest.raises(StoreError, match="is no bundle"):
        verify_bundle(path, tables=tables)


def test_a_fifo_and_a_folder_in_a_bundles_place_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", tmp_path):
        with pytest.raises(UsageError, match="can't read"):
            verify_bundle(path, tables=tables)


def test_a_missing_unit_is_named(change: Callable[..., Bundle]) -> None:
    seen = change(lambda content: content.pop(unit(content)), hashed=False)
    assert seen.mismatches[0].file.startswith("units/dog/bistnet-")
    assert seen.mismatches[0].found == "no such file"


def test_a_unit_that_is_missing_from_the_manifest_too_does_not_give_the_tables(change: Callable[..., Bundle]) -> None:
    seen = change(lambda content: content.pop(unit(content)), hashed=True)
    assert not seen.complete
    assert {name.split(",")[0] for name in found(seen)} == {"tables/clips.csv", "tables/frames.csv", "tables/table.csv"}


def test_a_changed_table_is_named_with_its_line(change: Callable[..., Bundle]) -> None:
    def edit(content: Content) -> None:
        content["tables/clips.csv"] = content["tables/clips.csv"].replace(b"bear,psnr", b"bear,pear", 1)

    (mismatch,) = change(edit, hashed=True).mismatches
    assert mismatch.file == "tables/clips.csv, line 2"
    assert "bear,psnr" in mismatch.wanted
    assert "bear,pear" in mismatch.found


def test_another_protocol_leaves_no_unit_and_other_tables(change: Callable[..., Bundle]) -> None:
    def edit(content: Content) -> None:
        edit_json(content, "run.json", lambda run: run["identity"]["protocol"].update(score_exemplars=True))

    seen = change(edit, hashed=True)
    assert seen.mismatches
    assert not seen.complete


@pytest.mark.parametrize("name", ["tables/more.md", "units/dog/more.json", "readme"])
def test_a_file_too_many_is_named(change: Callable[..., Bundle], name: str) -> None:
    seen = change(lambda content: content.update({name: b"x"}), hashed=False)
    assert found(seen) == [name]


def test_a_table_that_nobody_makes_is_named(change: Callable[..., Bundle]) -> None:
    seen = change(lambda content: content.update({"tables/more.md": b"x"}), hashed=True)
    assert found(seen) == ["tables/more.md"]


@pytest.mark.parametrize(
    "junk",
    [b"", b"[]", b"{}", b"\xff\xfe", b'{"scores": 3}', b"[" * 100_000, b'{"format": "x", "identity": [], "contents": 1}'],
    ids=["empty", "list", "object", "bytes", "shape", "deep", "types"],
)
@pytest.mark.parametrize("name", ["run.json", "unit"])
def test_junk_does_not_fit_and_does_no_harm(change: Callable[..., Bundle], junk: bytes, name: str) -> None:
    seen = change(lambda content: content.update({unit(content) if name == "unit" else name: junk}), hashed=True)
    assert seen.mismatches


@pytest.mark.parametrize("junk", [b"", b"[]", b'{"format": 2}', b'{"format": 2, "made_with": {}, "files": {"run.json": 3}}'])
def test_a_broken_manifest_is_an_error(change: Callable[..., Bundle], junk: bytes) -> None:
    with pytest.raises(StoreError, match="manifest"):
        change(lambda content: content.update({MANIFEST: junk}), hashed=False)


def test_a_newer_bundle_asks_for_a_newer_colorbench(change: Callable[..., Bundle]) -> None:
    with pytest.raises(UsageError, match="format 2"):
        change(lambda content: edit_json(content, MANIFEST, lambda manifest: manifest.update(format=99)), hashed=False)


def test_other_versions_are_said(change: Callable[..., Bundle]) -> None:
    def edit(content: Content) -> None:
        edit_json(content, MANIFEST, lambda manifest: manifest["made_with"].update(numpy="0.1"))

    (other,) = change(edit, hashed=False).other_versions
    assert other.startswith("numpy 0.1 (here ")


@pytest.mark.parametrize("name", ["../outside.json", "/outside.json", "units/../../outside.json"])
def test_nothing_is_written_outside(change: Callable[..., Bundle], tmp_path: Path, name: str) -> None:
    before = sorted(tmp_path.rglob("outside*"))
    with pytest.raises(StoreError, match="outside its folder"):
        change(lambda content: content.update({name: b"{}"}), hashed=True)
    assert sorted(tmp_path.rglob("outside*")) == before


def test_what_is_no_bundle_is_an_error(tmp_path: Path, bundle: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        verify_bundle(tmp_path / "none.zip", tables=tables)
    text = tmp_path / "text.zip"
    text.write_text("hello")
    with pytest.raises(StoreError, match="is no bundle"):
        verify_bundle(text, tables=tables)
    bundle.write_bytes(bundle.read_bytes()[:-100])
    with pytest.raises(StoreError, match="is no bundle"):
        verify_bundle(bundle, tables=tables)


def test_a_flipped_bit_is_found(bundle: Path) -> None:
    data = bytearray(bundle.read_bytes())
    data[data.index(b'"psnr"') + 1] ^= 1
    bundle.write_bytes(data)
    with pytest.raises(StoreError, match="damaged"):
        verify_bundle(bundle, tables=tables)


def test_bundling_and_verifying_all_that_reports_make_takes_no_torch(run: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from colorbench.results.bundle import verify_bundle, write_bundle;"
        "from reports.documents import documents; run = Path(sys.argv[1]);"
        "made = write_bundle(run, run / 'bundle.zip', tables=documents);"
        "print(verify_bundle(made.path, tables=documents).mismatches);"
        "print(sorted({'torch', 'cv2', 'av', 'numba', 'baselines', 'colorbench.registry'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(run)], check=True, capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "()\n[]\n"
