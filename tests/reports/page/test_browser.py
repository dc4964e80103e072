"""The page in a real browser: Chromium through Playwright, from file://, offline."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from colorbench.types import RgbFrame
from reports.tables.cells import DASH

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Dialog, Locator, Page

pytestmark = pytest.mark.browser

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
COLORED = "#clip-1"
"""The clip with the hostile name; #clip-2 is the gray film."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install 'colorbench[test]'")
    program = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
    if program is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    with api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        yield opened
        opened.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Page]]:
    """``visit(index, width=1280)`` opens a page; at the end it must not have complained, nor asked for anything but its files."""
    wrong: list[str] = []
    pages: list[Page] = []

    def refuse(dialog: Dialog) -> None:
        wrong.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def open_page(index: Path, *, width: int = 1280, height: int = 900, **options: Any) -> Page:
        page = browser.new_page(viewport={"width": width, "height": height}, **options)
        pages.append(page)
        own = index.parent.as_uri() + "/"
        page.on("console", lambda message: wrong.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", refuse)
        page.on("request", lambda request: wrong.extend([] if request.url.startswith(own) else [f"request: {request.url}"]))
        page.on("requestfailed", lambda request: wrong.append(f"failed: {request.url}"))
        page.goto(index.as_uri())
        return page

    yield open_page
    for page in pages:
        page.close()
    assert wrong == []


def texts(page: Page, selector: str) -> list[str]:
    return [text.strip() for text in page.locator(selector).all_text_contents()]


def values(page: Page, table: str, column: int) -> list[float]:
    cells = page.locator(f"{table} tbody tr td:nth-child({column})")
    return [float(value) for value in cells.evaluate_all("cells => cells.map(cell => cell.dataset.value ?? 'nan')")]


def clip_of(page: Page, selector: str = COLORED) -> Locator:
    """A clip, in view, so that its numbers are read."""
    article = page.locator(selector)
    article.evaluate("article => article.scrollIntoView()")
    page.locator(f"{selector}[style*='--frame']").wait_for()
    return article


def data_of(article: Locator) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(article.locator("script").text_content() or "")
    return data


def pixels(article: Locator) -> RgbFrame:
    """The stage as it is painted."""
    stage = article.locator(".stage")
    stage.evaluate("stage => Promise.all([...stage.querySelectorAll('img')].map(image => image.decode()))")
    painted = cv2.imdecode(np.frombuffer(stage.screenshot(), np.uint8), cv2.IMREAD_COLOR_RGB)
    return np.asarray(painted, np.uint8)


def chroma(part: RgbFrame) -> float:
    """How far from gray, 0 to 255."""
    return float((part.max(axis=-1).astype(int) - part.min(axis=-1)).mean())


def wipe_of(article: Locator) -> float:
    return float(article.locator(".stage").evaluate("stage => stage.style.getPropertyValue('--wipe')"))


def show_gray_on_the_right(article: Locator) -> None:
    article.locator("select.left").select_option("0")
    article.locator("select.right").select_option("1")


def test_a_table_sorts_by_mouse(visit: Callable[..., Page], bare_site: Path) -> None:
    page = visit(bare_site)
    table = "#scores > figure table"
    order = texts(page, f"{table} tbody th")
    head = page.locator(f"{table} thead th").nth(2)
    head.get_by_role("button").click()
    psnr = values(page, table, 3)
    assert head.get_attribute("aria-sort") == "descending"
    assert psnr[:-1] == sorted(psnr[:-1], reverse=True)
    assert np.isnan(psnr[-1])
    assert texts(page, f"{table} tbody th")[-1] == "truth"
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    assert values(page, table, 3)[:-1] == sorted(psnr[:-1])
    assert np.isnan(values(page, table, 3)[-1])
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") is None
    assert texts(page, f"{table} tbody th") == order


def test_a_table_sorts_by_keyboard_and_the_focus_is_seen(visit: Callable[..., Page], bare_site: Path) -> None:
    page = visit(bare_site)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the scores"
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('#scores thead') !== null"):
            break
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    names = texts(page, "#scores > figure table tbody th")
    assert names == sorted(names)
    page.keyboard.press("Space")
    assert texts(page, "#scores > figure table tbody th") == sorted(names, reverse=True)


def test_another_metric_by_clip(visit: Callable[..., Page], bare_site: Path) -> None:
    page = visit(bare_site)
    shown = page.locator("#by-clip .metric:visible")
    assert shown.count() == 1
    page.locator("#metric").select_option(label="CDC")
    assert shown.count() == 1
    assert "CDC" in (shown.locator("figcaption").text_content() or "")
    assert [cell.strip() for cell in shown.locator("thead th").all_text_contents()][1] == "truth"


def test_the_wipe_follows_the_mouse(visit: Callable[..., Page], site: Path) -> None:
    page = visit(site)
    article = clip_of(page)
    show_gray_on_the_right(article)
    box = article.locator(".stage").bounding_box()
    assert box is not None

    def at(part: float) -> tuple[float, float]:
        return box["x"] + part * box["width"], box["y"] + 0.7 * box["height"]

    page.mouse.move(*at(0.5))
    page.mouse.down()
    page.mouse.move(*at(0.25))
    page.mouse.up()
    assert wipe_of(article) == pytest.approx(0.25, abs=0.005)
    painted = pixels(article)
    width = painted.shape[1]
    assert chroma(painted[40:, : int(0.2 * width)]) > 25
    assert chroma(painted[40:, int(0.3 * width) :]) < 3
    page.mouse.move(*at(0.9))
    assert wipe_of(article) == pytest.approx(0.25, abs=0.005)
    page.mouse.down()
    page.mouse.move(*at(2.0))
    page.mouse.up()
    assert wipe_of(article) == 1
    assert chroma(pixels(article)[40:, : int(0.95 * width)]) > 25


def test_the_wipe_follows_the_keyboard(visit: Callable[..., Page], site: Path) -> None:
    page = visit(site)
    article = clip_of(page)
    before = article.locator("output").text_content()
    article.locator(".wipe").focus()
    for _ in range(10):
        page.keyboard.press("ArrowLeft")
    assert wipe_of(article) == pytest.approx(0.4)
    page.keyboard.press("End")
    assert wipe_of(article) == 1
    assert article.locator("output").text_content() == before


def test_any_two_may_be_compared(visit: Callable[..., Page], site: Path) -> None:
    page = visit(site)
    article = clip_of(page)
    tracks = data_of(article)["tracks"]
    sides = article.locator(".stage img")

    def folders() -> list[str]:
        return [(sides.nth(side).get_attribute("src") or "").rpartition("/")[0] for side in (0, 1)]

    assert folders() == [tracks[0]["folder"], tracks[2]["folder"]]
    article.locator(".tile").nth(4).click()
    article.locator(".tile").nth(3).click(modifiers=["Shift"])
    assert folders() == [tracks[3]["folder"], tracks[4]["folder"]]
    assert [tile.get_attribute("data-side") for tile in article.locator(".tile").all()] == ["", "", "", "L", "R"]
    page.keyboard.press("x")
    assert folders() == [tracks[4]["folder"], tracks[3]["folder"]]
    assert texts(page, f"{COLORED} .tag") == [
        article.locator(".tile bdi").nth(4).text_content(),
        article.locator(".tile bdi").nth(3).text_content(),
    ]


def test_stepping_moves_pictures_cursor_and_values(visit: Callable[..., Page], site: Path) -> None:
    page = visit(site)
    article = clip_of(page)
    data = data_of(article)
    steps, psnr = data["steps"], data["curves"][0]

    def check(place: int) -> None:
        frame = steps[place]
        assert (article.locator("output").text_content() or "").split(",")[0] == f"frame {frame}"
        assert article.locator(".steps").input_value() == str(place)
        for picture in article.locator(".stage img, .tile img").all():
            assert (picture.get_attribute("src") or "").endswith(f"/{frame:05d}.webp")
        plot = article.locator(".plot").first.bounding_box()
        cursor = article.locator(".plot .cursor").first.bounding_box()
        assert plot is not None
        assert cursor is not None
        assert cursor["x"] == pytest.approx(plot["x"] + plot["width"] * frame / (data["count"] - 1), abs=1.5)
        for row, own in psnr["rows"].items():
            shown = article.locator(f"tr[data-row='{row}'] td[data-curve='psnr']").text_content()
            value = own[data["scored"].index(frame)] if frame in data["scored"] else None
            assert shown == (DASH if value is None else "∞" if value == "inf" else f"{value:.2f}")

    place = data["start"]
    check(place)
    page.keyboard.press("ArrowRight")
    check(place + 1)
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    check(place - 1)
    for _ in steps:
        page.keyboard.press("ArrowLeft")
    check(0)
    assert article.locator("output").text_content() == "frame 0, an exemplar"
    article.get_by_label("Next frame").click()
    check(1)
    article.locator(".steps").focus()
    page.keyboard.press("End")
    check(len(steps) - 1)


def test_a_click_on_a_curve_goes_to_the_nearest_frame(visit: Callable[..., Page], site: Path) -> None:
    page = visit(site)
    article = clip_of(page)
    data = data_of(article)
    plot = article.locator(".plot").first
    box = plot.bounding_box()
    assert box is not None
    for frame in (data["steps"][-1], data["steps"][1]):
        plot.click(position={"x": min(box["width"] * frame / (data["count"] - 1) + 2, box["width"] - 1), "y": 5})
        assert (article.locator("output").text_content() or "").split(",")[0] == f"frame {frame}"


def test_differences_are_shown_with_their_scale(visit: Callable[..., Page], site: Path) -> None:
    page = visit(site)
    article = clip_of(page)
    legend = article.locator(".legend")
    assert not legend.is_visible()
    page.keyboard.press("d")
    assert legend.is_visible()
    assert [text.strip() for text in legend.locator("span").all_text_contents()] == ["0", "20", "40 and more"]
    for place, picture in enumerate(article.locator(".tile img").all()):
        assert (picture.get_attribute("src") or "").endswith("-ab.webp") == (place > 0)
    right = article.locator(".stage img").nth(1)
    assert (right.get_attribute("src") or "").endswith("-ab.webp")
    assert right.evaluate("image => image.decode().then(() => image.naturalWidth)") == 48
    page.keyboard.press("d")
    assert not legend.is_visible()


def test_a_worst_frame_leads_to_its_clip(visit: Callable[..., Page], site: Path) -> None:
    page = visit(site)
    link = page.locator(".worst li:visible a").nth(1)
    frame, row = link.get_attribute("data-frame"), int(link.get_attribute("data-row") or "")
    link.click()
    article = page.locator(COLORED)
    assert (article.locator("output").text_content() or "").split(",")[0] == f"frame {frame}"
    assert data_of(article)["tracks"][int(article.locator("select.right").input_value())]["row"] == row
    assert page.evaluate("document.activeElement.id") == COLORED[1:]
    box = article.bounding_box()
    assert box is not None
    assert -5 < box["y"] < 200


def test_worst_frames_of_one_method(visit: Callable[..., Page], bare_site: Path) -> None:
    page = visit(bare_site)
    names = ".worst li:visible a > span bdi"
    assert set(texts(page, names)) == {"bistnet", "tcvc", "bear", "cows", "dog"}
    page.locator("#whose").select_option(label="gray")
    assert set(texts(page, names)) == {"gray", "bear", "cows", "dog"}
    page.locator("#whose").select_option(label="all methods")
    assert len(texts(page, ".worst li:visible")) == 12
    assert not page.locator("#more").is_visible()


def test_keys_go_from_clip_to_clip(visit: Callable[..., Page], bare_site: Path) -> None:
    page = visit(bare_site)
    for key, wanted in (("]", "clip-1"), ("]", "clip-2"), ("]", "clip-3"), ("]", "clip-3"), ("[", "clip-2")):
        page.keyboard.press(key)
        assert page.evaluate("document.activeElement.id") == wanted
    page.keyboard.press("ArrowRight")
    assert page.locator("#clip-2 output").text_content() == "frame 5"
    page.locator("#jump").select_option(label="dog")
    assert page.evaluate("document.activeElement.id") == "clip-3"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_the_window(visit: Callable[..., Page], site: Path, width: int, scheme: str) -> None:
    page = visit(site, width=width, color_scheme=scheme)
    for selector in (COLORED, "#clip-2"):
        clip_of(page, selector)
    page.locator("#scores details").evaluate("details => details.open = true")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(22, 22, 22)"}[scheme]


def test_hostile_names_do_nothing(visit: Callable[..., Page], site: Path) -> None:
    page = visit(site)
    for selector in (COLORED, "#clip-2"):
        clip_of(page, selector)
    scripts = page.locator("script").evaluate_all("scripts => scripts.map(script => script.type)")
    assert sorted(scripts) == ["", "application/json", "application/json"]
    heading = page.locator(f"{COLORED} h3 bdi")
    assert (heading.text_content() or "").startswith("<script>alert(1)<")
    assert page.locator("b script, bdi *").count() == 0


def test_it_prints_without_what_is_for_the_screen(visit: Callable[..., Page], bare_site: Path) -> None:
    page = visit(bare_site)
    page.emulate_media(media="print")
    assert not page.locator("nav").is_visible()
    assert not page.locator(".time").first.is_visible()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator(".curve").count() == 9
