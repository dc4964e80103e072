"""The page as a file: what is in it, that names stay text, that nothing outside its folder is needed, and how it is replaced."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from colorbench.errors import StoreError, UsageError
from colorbench.results.reading import read_results
from colorbench.types import Score
from reports.page import write_page
from reports.page.pictures import map_colors

ROOT = Path(__file__).resolve().parents[3]
VOID = {"meta", "img", "input", "path", "rect", "stop"}


class Page(HTMLParser):
    """A page taken apart as a browser does: elements with attributes and own text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.open: list[int] = []
        self.folder = path.parent
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        self.texts.append("")
        if tag not in VOID:
            self.open.append(len(self.elements) - 1)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.elements[self.open.pop()][0] == tag, f"{tag} closes another element"

    def handle_data(self, data: str) -> None:
        for place in self.open:
            self.texts[place] += data

    def of(self, tag: str, **attributes: str) -> Iterator[tuple[dict[str, str], str]]:
        """(attributes, text) of the elements that have these attributes."""
        for (name, own), text in zip(self.elements, self.texts, strict=True):
            if name == tag and attributes.items() <= own.items():
                yield own, text

    def data(self) -> list[dict[str, Any]]:
        """Each clip's JSON, strictly read."""

        def refuse(text: str) -> None:
            raise AssertionError(f"{text} is no JSON")

        return [json.loads(text, parse_constant=refuse) for _, text in self.of("script", type="application/json")]


@pytest.fixture(scope="module")
def hostile_page(site: Path) -> Page:
    return Page(site)


@pytest.fixture(scope="module")
def bare_page(bare_site: Path) -> Page:
    return Page(bare_site)


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_elements_are_closed_in_order_and_ids_are_unique(hostile_page: Page, bare_page: Page) -> None:
    for page in (hostile_page, bare_page):
        assert page.open == []
        ids = [own["id"] for _, own in page.elements if "id" in own]
        assert len(ids) == len(set(ids))
        assert {own["href"][1:] for own, _ in page.of("a") if own["href"].startswith("#")} <= set(ids)


def test_hostile_names_are_text(hostile_page: Page, framed: Path) -> None:
    results = read_results(framed)
    assert len(list(hostile_page.of("script"))) == 1 + len(results.clips)
    assert not any(name.startswith("on") for _, own in hostile_page.elements for name in own)
    assert {own["src"].split("/")[0] for own, _ in hostile_page.of("img")} <= {"pictures", "figures"}
    headings = [text for _, text in hostile_page.of("h3")]
    for name in results.clip_names:
        assert name[:40] in "\n".join(headings)
    whole = [text for _, text in hostile_page.of("dt")]
    for name in (*results.clip_names, *(method.label for method in results.methods)):
        assert name in whole


def test_names_are_not_in_file_names(site: Path) -> None:
    for path in (site.parent / "pictures").rglob("*"):
        assert re.fullmatch(r"[a-z0-9-]+(\.webp)?", path.name)


def test_all_that_it_names_is_in_its_folder(hostile_page: Page) -> None:
    addresses = [own["src"] for own, _ in hostile_page.of("img")]
    addresses += [own["href"] for own, _ in hostile_page.of("a") if not own["href"].startswith("#")]
    for clip in hostile_page.data():
        for track in clip["tracks"]:
            addresses += [f"{track['folder']}/{step:05d}.webp" for step in clip["steps"]]
            addresses += [f"{track['folder']}/{step:05d}-ab.webp" for step in clip["steps"] if track["map"]]
    for address in addresses:
        assert ":" not in address
        assert (hostile_page.folder / unquote(address)).is_file(), address
    linked = {str((hostile_page.folder / unquote(address)).relative_to(hostile_page.folder)) for address in addresses}
    assert set(files_of(hostile_page.folder)) == linked | {"index.html"}


def test_pictures_load_as_they_come_into_view(hostile_page: Page) -> None:
    pictures = [own for own, _ in hostile_page.of("img")]
    assert pictures
    assert all(own["loading"] == "lazy" and own["alt"] for own in pictures)
    assert all(own["width"] == "48" and own["height"] == "32" for own in pictures if own["src"].startswith("pictures"))


def test_only_its_own_script_and_style_may_run(hostile_page: Page) -> None:
    policy = next(own["content"] for own, _ in hostile_page.of("meta") if own.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; ")
    for tag in ("style", "script"):
        text = next(text for own, text in hostile_page.of(tag) if not own)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert not any("style" in own for _, own in hostile_page.elements)


def test_curves_are_the_scores_of_frames(bare_page: Page, store: Path) -> None:
    results = read_results(store)
    for clip, data in zip(results.clip_names, bare_page.data(), strict=True):
        assert [curve["name"] for curve in data["curves"]] == ["psnr", "ssim", "colorfulness"]
        assert data["steps"] == data["scored"] == [1, 2, 3, 4, 5, 6]
        assert (data["count"], data["exemplars"], data["tracks"]) == (8, [0, 7], [])
        for curve in data["curves"]:
            for row, method in enumerate(results.methods):
                record = results.record(method.label, clip)
                assert record is not None
                score = record.score(curve["name"])
                assert score is not None
                assert curve["rows"][str(row)] == pytest.approx(score.frames, abs=1e-4)
        assert "-1" not in data["curves"][0]["rows"]
        assert len(data["curves"][2]["rows"]["-1"]) == 6


def test_figures_stand_beside_their_data(bare_page: Page) -> None:
    assert [own["src"] for own, _ in bare_page.of("img")] == ["figures/psnr-cdc.svg"]
    text = (bare_page.folder / "figures" / "psnr-cdc.csv").read_text(encoding="utf-8")
    assert len(text.splitlines()) > 1
    assert [own["href"] for own, _ in bare_page.of("a") if not own["href"].startswith("#")] == ["figures/psnr-cdc.csv"]


def test_steps_are_the_frames_with_pictures(hostile_page: Page) -> None:
    for data in hostile_page.data():
        assert {0, 4, 8} <= set(data["steps"])
        assert data["steps"][data["start"]] in data["scored"]


def test_the_worst_frames_have_pictures(hostile_page: Page) -> None:
    links = [own for own, _ in hostile_page.of("a") if "data-frame" in own]
    assert len(links) == 3
    data = dict(zip(["#clip-1", "#clip-2"], hostile_page.data(), strict=True))
    assert all(int(own["data-frame"]) in data[own["href"]]["steps"] for own in links)


def test_infinite_and_missing_values_are_told_apart(store: Path, tmp_path: Path) -> None:
    results = read_results(store)
    first = results.records[0]
    endless = Score(metric="psnr", value=math.inf, frames=(30.0, math.inf, 31.0, 32.0, 33.0, 34.0))
    changed = replace(first, scores=(endless, *first.scores[1:]))
    gone = tuple(record for record in results.records[1:] if (record.label, record.clip) != ("tcvc", "dog"))
    page = Page(write_page(replace(results, records=(changed, *gone), missing=(("tcvc", "dog"),)), tmp_path))
    bear, _, dog = page.data()
    assert bear["curves"][0]["rows"]["0"][:2] == [30.0, "inf"]
    assert "3" not in dog["curves"][0]["rows"]
    assert any(text == "∞" and own == {"data-value": "inf"} for own, text in page.of("td"))
    warning = next(text for own, text in page.of("section") if own.get("class") == "warning")
    assert "tcvc was not run on dog" in " ".join(warning.split())
    assert any("1 not run" in text for own, text in page.of("ul") if own.get("class") == "notes")


def test_failures_are_said_with_their_error(store: Path, tmp_path: Path) -> None:
    results = read_results(store)
    failed = replace(results.records[0], status="failed", error="<b>wrong</b>\n  wanted: right", scores=(), truth=())
    page = Page(write_page(replace(results, records=(failed, *results.records[1:])), tmp_path))
    warning = next(text for own, text in page.of("section") if own.get("class") == "warning")
    assert "<b>wrong</b>\n  wanted: right" in warning
    assert not list(page.of("section", **{"class": "warning"}))[1:]


def test_signatures_and_provenance_are_there(bare_page: Page, store: Path) -> None:
    results = read_results(store)
    codes = [text for _, text in bare_page.of("code")]
    for card in results.metrics:
        assert results.signature(card) in codes
    assert results.signature(short=True) in codes
    assert all(clip.digest in codes for clip in results.clips)
    assert all(method.identity in codes for method in results.methods)
    assert all(name in codes for name in results.provenance)


def test_without_frames_it_says_how_to_get_them(bare_page: Page) -> None:
    assert bare_page.source.count("--save-frames png") == 1
    assert not list(bare_page.of("button", **{"class": "tile"}))
    assert not (bare_page.folder / "pictures").exists()


def test_the_scale_of_differences_is_that_of_the_maps(hostile_page: Page) -> None:
    shades = [own["stop-color"] for own, _ in hostile_page.of("stop")]
    ends = ["#{:02x}{:02x}{:02x}".format(*map_colors()[place]) for place in (0, 255)]
    assert [shades[0], shades[-1]] == ends
    assert len(shades) == 9


def test_the_same_run_gives_the_same_bytes(framed: Path, site: Path, tmp_path: Path) -> None:
    again = write_page(read_results(framed), tmp_path, frames=3)
    assert files_of(again.parent) == files_of(site.parent)


def test_a_page_replaces_the_one_before(store: Path, tmp_path: Path) -> None:
    path = write_page(read_results(store), tmp_path)
    (path.parent / "stale.webp").touch()
    path.write_text(path.read_text(encoding="utf-8") + "<!-- from before -->", encoding="utf-8")
    assert write_page(read_results(store), tmp_path) == path
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["figures", "index.html"]
    assert "from before" not in path.read_text(encoding="utf-8")
    assert [entry.name for entry in tmp_path.iterdir()] == ["page", "store"]


@pytest.mark.parametrize("name", ["index.html", "notes.txt"])
def test_what_is_not_a_page_of_ours_is_left_alone(store: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / name).write_text("mine", encoding="utf-8")
    with pytest.raises(StoreError, match="not a page of colorbench"):
        write_page(read_results(store), tmp_path)
    assert (tmp_path / "page" / name).read_text(encoding="utf-8") == "mine"


def test_a_number_of_frames_is_not_negative(store: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="-1 frames"):
        write_page(read_results(store), tmp_path, frames=-1)


def test_all_frames_may_be_shown(framed: Path, tmp_path: Path) -> None:
    page = Page(write_page(read_results(framed), tmp_path, frames=None))
    assert [data["steps"] for data in page.data()] == [list(range(9))] * 2


def test_names_that_are_no_unicode_are_shown_all_the_same(store: Path, tmp_path: Path) -> None:
    results = read_results(store)
    odd = "b\udce9ar\x00\u202e"
    clips = tuple(replace(clip, name=odd) if clip.name == "bear" else clip for clip in results.clips)
    records = tuple(replace(record, clip=odd) if record.clip == "bear" else record for record in results.records)
    page = Page(write_page(replace(results, clips=clips, records=records), tmp_path))
    assert any(text == "b\\udce9ar\ufffd\ufffd" for _, text in page.of("h3"))


def test_a_run_without_a_finished_unit_has_a_page(store: Path, tmp_path: Path) -> None:
    results = read_results(store)
    units = tuple((record.label, record.clip) for record in results.records)
    page = Page(write_page(replace(results, records=(), missing=units), tmp_path))
    assert all(data["steps"] == [] for data in page.data())
    assert not list(page.of("input", **{"class": "steps"}))


def test_a_run_without_frames_needs_no_torch(store: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; import reports.page as page; from colorbench.results.reading import read_results;"
        "page.drawings = lambda _: [];"
        "page.write_page(read_results(Path(sys.argv[1])), Path(sys.argv[2]));"
        "print(sorted({'torch', 'numba', 'cv2', 'baselines', 'colorbench.registry'} & set(sys.modules)))"
    )
    shutil.rmtree(tmp_path / "out", ignore_errors=True)
    done = subprocess.run(
        [sys.executable, "-c", code, str(store), str(tmp_path / "out")], check=True, capture_output=True, text=True, cwd=ROOT
    )
    assert done.stdout == "[]\n"
