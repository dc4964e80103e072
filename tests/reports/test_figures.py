"""The figures of a run: what is in them, that they are the same each time, and that names can't break them or hide each other."""

from __future__ import annotations

import csv
import math
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from numpy.typing import NDArray
from scipy.stats import bootstrap

from colorbench.clips.protocol import PRESETS
from colorbench.results.reading import ClipFacts, MethodFacts, Results, read_results
from colorbench.results.summary import Row, Summary, frame_scores, summarize
from colorbench.runs.store import UnitRecord, safe_name
from colorbench.types import Kind, MetricCard, Score
from reports.figures import drawings, figure_data, write_all_figures, write_figures
from reports.figures.cost import cost
from reports.figures.curves import by_distance, by_frame
from reports.figures.drawing import write_drawing
from reports.figures.psnr_cdc import psnr_cdc
from reports.figures.style import WIDTH, looks
from reports.tables.csv_text import cell

HOSTILE = (
    "<script>alert(1)</script>",
    "$\\frac{1",
    "../../x",
    "a" * 200,
    "_hidden",
    "\u5f69\u8272\n\x1b[31m",
    "=1+1",
    "50% & #1 ~^",
)
ROOT = Path(__file__).resolve().parents[2]

MakeRow = Callable[..., Row]
MakeSummary = Callable[..., Summary]


@pytest.fixture
def points(make_row: MakeRow, make_summary: MakeSummary) -> Summary:
    return make_summary(
        make_row("truth", "truth", None, 0.0047),
        make_row("gray", "control", 24.09, 0.00484),
        make_row("flow", "control", 33.91, 0.00486),
        make_row("bistnet", "exemplar", 31.5, 0.0046),
        make_row("no cdc", "exemplar", 30.0, None),
        make_row("no psnr", "exemplar", None, 0.004),
    )


def method(label: str, kind: Kind = "exemplar") -> MethodFacts:
    return MethodFacts(
        label=label,
        method=label,
        variant="default",
        kind=kind,
        summary="",
        licence="",
        paper="",
        luminance="kept",
        exemplars=(0, None),
        trained_on=(),
        weights="",
        device="cpu",
        settings=(),
        identity="",
    )


def card(name: str, *, needs_truth: bool = True) -> MetricCard:
    return MetricCard(
        name=name,
        summary="",
        unit="dB" if name == "psnr" else "",
        direction="higher" if needs_truth else "none",
        needs_truth=needs_truth,
        per_frame=True,
        signature=(),
        version=1,
        reference="",
        decimals=2,
    )


def along(frames: dict[str, dict[str, list[float]]], exemplars: dict[str, tuple[int, ...]], *, metric: str = "psnr") -> Results:
    """A run of which frame i of each clip has the score given: label to clip to scores. The truth's own is 50."""
    metric_card = card(metric, needs_truth=metric == "psnr")
    clips = sorted({clip for values in frames.values() for clip in values})

    def score(values: list[float]) -> Score:
        return Score(metric=metric, value=math.fsum(values) / len(values), frames=tuple(values))

    return Results(
        folder=Path("run"),
        protocol=PRESETS["full"],
        dataset="demo",
        seed=0,
        methods=tuple(method(label) for label in frames),
        metrics=(metric_card,),
        clips=tuple(ClipFacts(name=clip, digest="", source="", references=()) for clip in clips),
        records=tuple(
            UnitRecord(
                key="",
                label=label,
                method=label,
                variant="default",
                clip=clip,
                status="done",
                exemplars=exemplars[label],
                scored=tuple(range(len(values))),
                frame_count=len(values),
                scores=(score(values),),
                truth=() if metric_card.needs_truth else (score([50.0] * len(values)),),
                seconds=len(values) / 4,
            )
            for label, of_clips in frames.items()
            for clip, values in of_clips.items()
        ),
        missing=(),
        provenance={},
    )


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def test_methods_with_both_scores_stand_at_them_in_the_tables_order(points: Summary) -> None:
    drawing = psnr_cdc(points)
    assert drawing
    assert list(drawing.data.label) == ["truth", "gray", "flow", "bistnet"]
    figure = drawing.draw()
    (axes,) = figure.axes
    markers = [line for line in axes.lines if line.get_marker() not in ("None", "")]
    drawn = [(float(np.asarray(line.get_xdata())[0]), float(np.asarray(line.get_ydata())[0])) for line in markers]
    assert drawn == [(0.00484, 24.09), (0.00486, 33.91), (0.0046, 31.5)]
    assert sorted(texts(figure)) == ["bistnet", "flow", "gray"]


def test_the_truths_cdc_and_the_psnr_of_gray_are_landmarks(points: Summary) -> None:
    drawing = psnr_cdc(points)
    assert drawing
    figure = drawing.draw()
    upright = [np.asarray(line.get_xdata()) for line in figure.axes[0].lines if line.get_linestyle() == "--"]
    level = [np.asarray(line.get_ydata()) for line in figure.axes[0].lines if line.get_linestyle() == ":"]
    assert [list(line) for line in upright] == [[0.0047, 0.0047]]
    assert [list(line) for line in level] == [[24.09, 24.09]]
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["with exemplars", "control", "CDC of the truth", "PSNR of gray"]


def test_cdcs_interval_is_that_of_its_difference_from_the_truths(store: Path) -> None:
    results = read_results(store)
    drawing = psnr_cdc(summarize(results), results)
    assert drawing
    off, truth = [], []
    for clip in results.clip_names:
        record = results.record("bistnet", clip)
        assert record
        own, of_truth = record.score("cdc"), next(score for score in record.truth if score.metric == "cdc")
        assert own
        assert own.value
        assert of_truth.value
        off.append(own.value - of_truth.value)
        truth.append(of_truth.value)
    expected = bootstrap((np.array(off),), np.mean, n_resamples=9999, rng=np.random.default_rng(0)).confidence_interval
    row = drawing.data.set_index("label").loc["bistnet"]
    assert row.cdc_low == pytest.approx(np.mean(truth) + expected.low, rel=1e-9)
    assert row.cdc_high == pytest.approx(np.mean(truth) + expected.high, rel=1e-9)
    assert row.cdc == pytest.approx(np.mean(truth) + np.mean(off), rel=1e-12)


def test_markers_grow_with_cost(points: Summary) -> None:
    def sizes(*frames_per_second: float | None) -> list[float]:
        rows = [replace(row, frames_per_second=speed) for row, speed in zip(points.rows[1:4], frames_per_second, strict=True)]
        drawing = psnr_cdc(replace(points, rows=tuple(rows)))
        assert drawing
        return [line.get_markersize() for line in drawing.draw().axes[0].lines if line.get_marker() not in ("None", "")]

    cheap, middle, dear = sizes(100.0, 10.0, 1.0)
    assert middle - cheap == pytest.approx(dear - middle)
    assert dear > 2 * cheap
    assert len(set(sizes(10.0, 10.0, 10.0))) == len(set(sizes(100.0, 1.0, None))) == 1


@pytest.mark.parametrize("kept", [[], ["truth"], ["perfect"]])
def test_nothing_to_draw_writes_nothing(points: Summary, make_row: MakeRow, tmp_path: Path, kept: list[str]) -> None:
    rows = [row for row in (*points.rows, make_row("perfect", "control", math.inf, 0.0)) if row.label in kept]
    assert write_figures(replace(points, rows=tuple(rows)), tmp_path) == ()
    assert list(tmp_path.iterdir()) == []


def test_a_line_is_the_mean_over_clips_as_far_as_half_of_them_go() -> None:
    """By hand: at frame 2 clip a has ended, at frame 3 only c of three is left."""
    frames = {"a": [10.0, 20.0], "b": [30.0, 40.0, 50.0], "c": [20.0, 30.0, 70.0, 99.0]}
    results = along({"m": frames, "lacks c": {"a": [1.0, 1.0], "b": [1.0, 1.0, 1.0]}}, {"m": (), "lacks c": ()})
    drawing = by_frame(results, frame_scores(results), results.metrics[0])
    assert drawing
    assert list(drawing.data.itertuples(index=False, name=None)) == [
        ("m", "exemplar", 0, 20.0, 3),
        ("m", "exemplar", 1, 30.0, 3),
        ("m", "exemplar", 2, 60.0, 2),
    ]
    axes = drawing.draw().axes[0]
    assert list(np.asarray(axes.lines[-1].get_xdata())) == [1, 1]
    assert axes.get_xlabel() == "frame\n(fewer than 3 clips after the line)"
    of_clip = by_frame(results, frame_scores(results), results.metrics[0], clip="c")
    assert of_clip
    assert of_clip.name == "psnr-frame-c"
    assert list(of_clip.data.value) == [20.0, 30.0, 70.0, 99.0]


def test_distance_is_to_the_nearest_exemplar_and_a_clips_frames_at_it_are_averaged_first() -> None:
    """Exemplars 0 and 4: frames 1 and 3 are at distance 1, frame 2 at 2. A method without exemplars has no line."""
    clips = {"a": [9.0, 10.0, 20.0, 30.0, 9.0], "b": [9.0, 40.0, 50.0, 60.0, 9.0]}
    results = along({"m": clips, "automatic": clips}, {"m": (0, 4), "automatic": ()})
    drawing = by_distance(results, frame_scores(results), results.metrics[0])
    assert drawing
    assert list(drawing.data.itertuples(index=False, name=None)) == [
        ("m", "exemplar", 0, 9.0, 2),
        ("m", "exemplar", 1, 35.0, 2),
        ("m", "exemplar", 2, 35.0, 2),
    ]
    assert by_distance(results.only(["automatic"]), frame_scores(results.only(["automatic"])), results.metrics[0]) is None


def test_an_infinite_score_leaves_a_gap_and_a_metric_without_truth_has_the_truths_line() -> None:
    results = along({"m": {"a": [10.0, math.inf, 30.0]}}, {"m": ()}, metric="colorfulness")
    drawing = by_frame(results, frame_scores(results), results.metrics[0])
    assert drawing
    assert list(drawing.data[drawing.data.label == "truth"].value) == [50.0] * 3
    line, truth = drawing.draw().axes[0].lines
    assert np.isnan(np.asarray(line.get_ydata(), float)).tolist() == [False, True, False]
    assert list(np.asarray(truth.get_ydata())) == [50.0] * 3


def test_cost_is_seconds_a_frame_and_the_front_is_of_the_methods_that_none_beats(
    points: Summary, make_row: MakeRow, store: Path
) -> None:
    speeds = {"a": (30.0, 10.0), "b": (29.0, 5.0), "c": (32.0, 2.0), "d": (32.0, 1.0), "e": (10.0, 20.0)}
    rows = [replace(make_row(name, "exemplar", psnr, None), frames_per_second=speed) for name, (psnr, speed) in speeds.items()]
    drawing = cost(replace(points, rows=tuple(rows)), read_results(store))
    assert drawing
    assert list(drawing.data.seconds_per_frame) == [0.1, 0.2, 0.5, 1.0, 0.05]
    assert dict(zip(drawing.data.label, drawing.data.unbeaten, strict=True)) == {
        "a": True,
        "b": False,
        "c": True,
        "d": True,
        "e": True,
    }


def test_files_are_the_same_in_another_process_and_the_csv_is_the_data(store: Path, tmp_path: Path) -> None:
    results = read_results(store)
    made = drawings(results)
    assert [drawing.name for drawing in made] == [
        "psnr-cdc",
        "cost-psnr",
        *(f"{name}-{of}" for name in ("psnr", "ssim", "colorfulness") for of in ("frame", "distance")),
    ]
    written = [path for drawing in made[:3] for path in write_drawing(drawing, tmp_path / "a", formats=("pdf", "svg", "png"))]
    assert [path.suffix for path in written] == [".pdf", ".svg", ".png", ".csv"] * 3
    code = """
import sys
from pathlib import Path
from colorbench.results.reading import read_results
from reports.figures import drawings
from reports.figures.drawing import write_drawing
for drawing in drawings(read_results(Path(sys.argv[1])))[:3]:
    write_drawing(drawing, Path(sys.argv[2]), formats=("pdf", "svg", "png"))
"""
    again = [sys.executable, "-c", code, str(store), str(tmp_path / "b")]
    subprocess.run(again, check=True, cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": "7", "MPLBACKEND": "svg"})
    assert {path.name for path in written if path.read_bytes() != (tmp_path / "b" / path.name).read_bytes()} == set()
    texts = figure_data(results)
    assert len(texts) == 8
    assert all(texts[path.name] == path.read_text() for path in written if path.suffix == ".csv")
    with (tmp_path / "a/psnr-cdc.csv").open(newline="") as stream:
        rows = {row["label"]: row for row in csv.DictReader(stream)}
    pooled = {row.label: row for row in summarize(results).rows}
    assert set(rows) == set(pooled)
    assert float(rows["tcvc"]["psnr"]) == pooled["tcvc"].scores["psnr"].value
    assert float(rows["tcvc"]["psnr_low"]) == pytest.approx(pooled["tcvc"].scores["psnr"].interval.low, rel=1e-5)
    assert rows["truth"]["psnr"] == ""
    picture = cv2.imread(str(tmp_path / "a/psnr-cdc.png"))
    assert picture is not None
    assert picture.shape[1] == pytest.approx(WIDTH * 300, abs=1)
    assert abs(WIDTH * 2.54 - 8) < 0.01


def test_the_users_own_style_changes_nothing(points: Summary, tmp_path: Path) -> None:
    import matplotlib as mpl

    first = write_figures(points, tmp_path / "a")
    with mpl.rc_context({"font.size": 20, "text.usetex": True, "axes.facecolor": "red", "svg.fonttype": "path"}):
        second = write_figures(points, tmp_path / "b")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def boxes(figure: Figure) -> tuple[list[NDArray[np.float64]], NDArray[np.float64]]:
    """(x0, y0, x1, y1) of each name and of the axes."""
    figure.draw_without_rendering()
    (axes,) = figure.axes
    names = [text for text in axes.texts if isinstance(text, Annotation)]
    return [np.asarray(text.get_window_extent().extents) for text in names], np.asarray(axes.get_window_extent().extents)


def test_names_of_a_dozen_methods_in_a_crowd_stand_apart_and_inside(points: Summary, make_row: MakeRow) -> None:
    rng = np.random.default_rng(5)
    rows = [
        make_row(f"method-{index}:compact", "exemplar", 30 + rng.normal(0, 1.0), 0.0046 + rng.normal(0, 0.0001))
        for index in range(12)
    ]
    drawing = psnr_cdc(replace(points, rows=tuple(rows)))
    assert drawing
    names, frame = boxes(drawing.draw())
    assert len(names) == 12
    for first, second in combinations(names, 2):
        apart = first[2] <= second[0] or second[2] <= first[0] or first[3] <= second[1] or second[3] <= first[1]
        assert apart, (first, second)
    for name in names:
        assert (name[:2] >= frame[:2] - 0.5).all()
        assert (name[2:] <= frame[2:] + 0.5).all()


def test_looks_differ_in_more_than_color() -> None:
    kinds = [(f"{kind}{index}", kind) for index in range(10) for kind in ("exemplar", "automatic")]
    found = list(looks(kinds).values())
    assert len({(look.color, look.marker) for look in found}) == 20
    assert len({(look.color, str(look.dash)) for look in found}) == 20
    assert all(look.hollow for look in looks([("gray", "control")]).values())


@pytest.mark.parametrize(
    "matrix",
    [
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    ],
    ids=["protanopia", "deuteranopia"],
)
def test_the_colors_differ_to_the_color_blind(matrix: list[list[float]]) -> None:
    """As Machado, Oliveira and Fernandes 2009 (DOI 10.1109/TVCG.2009.113) simulate it; 10 Lab units are seen at a glance."""
    from matplotlib.colors import to_rgb
    from skimage.color import rgb2lab

    colors = list(dict.fromkeys(look.color for look in looks([(str(i), "exemplar") for i in range(7)]).values()))
    rgb = np.array([to_rgb(color) for color in colors])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.array(matrix).T, 0, 1)
    lab = rgb2lab(np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055)[None])[0]
    assert len(colors) == 7
    assert min(float(np.linalg.norm(first - second)) for first, second in combinations(lab, 2)) > 10


def test_hostile_names_are_shown_as_they_are_and_harm_nothing(
    points: Summary, make_row: MakeRow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [make_row(name, "exemplar", 25.0 + 2 * index, 0.004 + index * 1e-4) for index, name in enumerate(HOSTILE)]
    svg, _, table = write_figures(replace(points, rows=tuple(rows)), tmp_path / "out")
    text = svg.read_text(encoding="utf-8")
    assert "<script>" not in text
    shown = {"".join(element.itertext()) for element in ElementTree.fromstring(text).iter("{http://www.w3.org/2000/svg}text")}
    assert shown >= {
        "<script>alert(1)</scrip\u2026",
        "$\\frac{1",
        "../../x",
        "a" * 23 + "\u2026",
        "_hidden",
        "\ufffd\ufffd\ufffd\ufffd[31m",
    }
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]
    with table.open(newline="") as stream:
        assert [row["label"] for row in csv.DictReader(stream)] == [cell(name) for name in HOSTILE]


def test_hostile_names_of_methods_and_metrics_in_curves(tmp_path: Path) -> None:
    clips = {"a": [10.0, 20.0, 30.0]}
    results = along(dict.fromkeys(HOSTILE, clips), dict.fromkeys(HOSTILE, (0,)))
    metric = replace(results.metrics[0], name="../$m", unit="$")
    records = tuple(replace(r, scores=tuple(replace(s, metric=metric.name) for s in r.scores)) for r in results.records)
    written = write_all_figures(replace(results, metrics=(metric,), records=records), tmp_path / "out")
    assert {path.parent for path in written} == {tmp_path / "out"}
    name = f"{safe_name('../$m-frame')}.svg"
    assert name in {path.name for path in written}
    ElementTree.parse(tmp_path / "out" / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]
