"""Runs at a URL, by fsspec's store in memory, and by one whose writes fail."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from click.testing import CliRunner, Result
from fsspec.implementations.memory import MemoryFileSystem

from cli import main
from colorbench.errors import StoreError
from colorbench.runs.remote import Mirror
from colorbench.runs.run_folder import run_folder, working_copy

MakeClips = Callable[..., Path]
URL = "memory://bucket/runs/ä b"
RESULTS = ("table.md", "results.json", "clips.csv", "frames.csv")


class Failing(MemoryFileSystem):  # type: ignore[misc]
    """Takes so many files, then no more."""

    protocol = "failing"
    left = 0

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        return super()._strip_protocol(path.replace("failing://", "memory://"))

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **options: Any) -> None:
        if not Failing.left:
            raise PermissionError("the quota is used up")
        Failing.left -= 1
        super().pipe_file(path, value, mode, **options)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    fsspec.register_implementation("failing", Failing, clobber=True)
    monkeypatch.chdir(tmp_path)
    yield
    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]


@pytest.fixture
def options(make_clips: MakeClips) -> list[str]:
    return ["--dataset", "folder", "--data-root", str(make_clips(one=5, two=4)), "--protocol", "full", "--methods", "gray"]


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def stored(url: str = URL) -> dict[str, bytes]:
    system, root = fsspec.core.url_to_fs(url)
    return {name.removeprefix(root + "/"): system.cat_file(name) for name in system.find(root)}


def test_a_run_at_a_url_is_that_of_a_folder_and_any_machine_goes_on_with_it(options: list[str]) -> None:
    here, there = call("run", *options, "--out", "here"), call("run", *options, "--out", URL)
    assert (here.exit_code, there.exit_code) == (0, 0), there.output
    assert f"done already, in {URL}" in there.stderr
    files = stored()
    assert {name.split("/")[0] for name in files} == {"run.json", "units", "provenance", *RESULTS}
    assert files["frames.csv"] == Path("here/frames.csv").read_bytes()

    shutil.rmtree("runs")
    again = call("run", *options, "--out", URL)
    assert "2 of them done already" in again.stderr
    assert again.stdout == there.stdout
    assert {name: content for name, content in stored().items() if name.startswith("units")} == {
        name: content for name, content in files.items() if name.startswith("units")
    }


def test_what_is_gone_from_the_url_is_made_again_whatever_the_copy_holds(options: list[str]) -> None:
    call("run", *options, "--out", URL)
    system, root = fsspec.core.url_to_fs(URL)
    system.rm(next(name for name in system.find(root) if "/units/one/" in name))
    again = call("run", *options, "--out", URL)
    assert "1 of them done already" in again.stderr
    assert sum(name.startswith("units/") for name in stored()) == 2


def test_a_name_that_leads_out_of_the_copy_is_left_where_it_is(tmp_path: Path) -> None:
    system, root = fsspec.core.url_to_fs(URL)
    for name in ("units/one/a.json", "units/../../evil.json", "frames/x.png"):
        system.store[f"{root}/{name}"] = system.open(f"{root}/made", "wb")
        system.store[f"{root}/{name}"].write(b"{}")
    Mirror(URL, tmp_path / "copy").pull()
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["a.json"]


@pytest.mark.filterwarnings("always")
def test_a_torn_record_is_made_again(options: list[str]) -> None:
    call("run", *options, "--out", URL)
    system, root = fsspec.core.url_to_fs(URL)
    torn = next(name for name in system.find(root) if "/units/one/" in name)
    system.pipe_file(torn, system.cat_file(torn)[:100])
    said = call("run", *options, "--out", URL).stderr
    assert "set aside" in said
    assert "1 of them done already" in said
    json.loads(system.cat_file(torn))


def test_a_url_that_takes_no_more_ends_the_run_and_what_it_took_counts(options: list[str]) -> None:
    url = "failing://bucket/run"
    Failing.left = 3  # run.json, a provenance, a unit
    failed = call("run", *options, "--out", url)
    assert failed.exit_code == 1
    assert "failing://bucket/run: PermissionError: the quota is used up" in failed.stderr
    assert "goes on where it stopped" in failed.stderr
    Failing.left = 1000
    done = call("run", *options, "--out", url)
    assert done.exit_code == 0, done.output
    assert "1 of them done already" in done.stderr


def test_reports_gates_and_bundles_read_urls(options: list[str]) -> None:
    call("run", *options, "--out", "here")
    call("run", *options, "--out", URL)
    shutil.rmtree("runs")
    assert call("report", URL, "--format", "md", "--out", "report").exit_code == 0
    assert "gray" in Path("report/table.md").read_text()
    assert call("gate", URL, "--update", "baseline.json").exit_code == 0
    assert call("gate", URL, "--against", "baseline.json").exit_code == 0
    assert call("bundle", URL, "--out", "run.zip").exit_code == 0
    compared = call("compare", f"{URL}@gray", "here")
    assert compared.exit_code == 0, compared.output


def test_a_url_without_a_run_is_an_error() -> None:
    missing = call("report", "memory://bucket/none")
    assert missing.exit_code == 1
    assert "wanted: the folder of a run" in missing.stderr


def test_frames_need_a_folder(options: list[str]) -> None:
    refused = call("run", *options, "--out", URL, "--save-frames", "png")
    assert refused.exit_code == 2
    assert URL in refused.stderr


@pytest.mark.parametrize(("url", "said"), [("nonsense://x/y", "Protocol not known: nonsense"), ("abfs://x/y", "install it")])
def test_urls_of_unknown_kinds_are_errors(url: str, said: str) -> None:
    with pytest.raises(StoreError, match=said):
        Mirror(url, Path("copy"))


def test_folders_are_left_alone(tmp_path: Path) -> None:
    assert run_folder(tmp_path) == tmp_path
    assert working_copy("s3://b/x/") == working_copy("s3://b/x")
