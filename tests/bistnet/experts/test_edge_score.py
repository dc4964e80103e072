"""Edge scores against scipy's matchings and flows, threshold by threshold, and against counts made by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching, maximum_flow

from bistnet.experts.edge_score import count_annotators, edge_counts, score_edges, summarized, thinned
from colorbench.errors import UsageError

Map = NDArray[np.float32]


def pixels(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    return np.argwhere(mask)


def near(edges: NDArray[np.int64], marks: NDArray[np.int64], radius: float) -> NDArray[np.bool_]:
    """(E, B): no farther apart than the radius."""
    distance = np.sqrt(((edges[:, None] - marks[None]) ** 2).sum(-1))
    result: NDArray[np.bool_] = distance <= radius
    return result


def matched_edges(edges: NDArray[np.bool_], marks: NDArray[np.int64], radius: float) -> int:
    graph = near(pixels(edges), pixels(marks > 0), radius)
    return int((maximum_bipartite_matching(csr_array(graph.astype(np.int8)), perm_type="column") >= 0).sum())


def matched_marks(edges: NDArray[np.bool_], marks: NDArray[np.int64], annotators: int, radius: float) -> int:
    """The maximum flow source -> edge pixels -> boundary pixels -> sink."""
    left, right = pixels(edges), pixels(marks > 0)
    within = near(left, right, radius)
    there = within @ marks[marks > 0]
    graph = np.zeros((2 + len(left) + len(right),) * 2, np.int32)
    graph[0, 2 : 2 + len(left)] = np.clip(np.ceil(there / (2 * int(radius) + 1)), 1, annotators)
    graph[2 : 2 + len(left), 2 + len(left) :] = annotators * within
    graph[2 + len(left) :, 1] = marks[marks > 0]
    return int(maximum_flow(csr_array(graph), 0, 1).flow_value)


def scattered(seed: int, height: int = 24, width: int = 30) -> tuple[Map, NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    edges = np.where(rng.random((height, width)) < 0.3, rng.random((height, width)), 0.0).astype(np.float32)
    marks = np.where(rng.random((height, width)) < 0.15, rng.integers(1, 6, (height, width)), 0)
    marks[0, 0] = 1
    return edges, marks


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("radius", [1.0, 1.5, 2.9])
def test_counts_are_maximum_matchings_at_every_threshold(seed: int, radius: float) -> None:
    edges, marks = scattered(seed)
    tolerance = radius / float(np.hypot(*edges.shape))
    counts = edge_counts(edges, (marks / 5).astype(np.float32), thresholds=4, tolerance=tolerance * 1.0001)
    for index, threshold in enumerate((0.2, 0.4, 0.6, 0.8)):
        mask = edges >= threshold
        expected = (matched_marks(mask, marks, 5, radius), marks.sum(), matched_edges(mask, marks, radius), mask.sum())
        assert tuple(counts[index]) == expected


def line(column: int, *, value: float = 1.0, height: int = 300, width: int = 400) -> Map:
    """A vertical line; 0.0075 of the diagonal is 3.75 pixels."""
    result = np.zeros((height, width), np.float32)
    result[:, column] = value
    return result


def test_a_line_within_the_tolerance_is_found_and_one_beyond_is_not() -> None:
    assert score_edges([(line(103), line(100))], thresholds=9, thin=False).ods == 1.0
    assert score_edges([(line(104), line(100))], thresholds=9, thin=False).ods == 0.0


def test_a_doubled_line_is_half_wrong() -> None:
    both = np.maximum(line(99), line(101))
    score = score_edges([(both, line(100))], thresholds=9, thin=False)
    assert score.precision[-1] == 0.5
    assert score.recall[-1] == 1.0


def test_missing_what_one_of_four_drew_costs_a_fifth_of_the_recall() -> None:
    # 4 annotators drew the first line, 1 of them the second.
    share = line(100) + line(200, value=0.25)
    score = score_edges([(line(100), share)], thresholds=9, thin=False)
    # Disks that reach over the border hold fewer marks than annotators: 4 pixels are lost there.
    assert score.recall[-1] == pytest.approx(4 / 5 - 4 / 1500)
    assert score.precision[-1] == 1.0


def test_annotators_who_disagree_by_a_pixel_are_all_recalled_by_one_line() -> None:
    share = line(99, value=1 / 3) + line(100, value=1 / 3) + line(101, value=1 / 3)
    score = score_edges([(line(100), share)], thresholds=9, thin=False)
    assert score.precision[-1] == 1.0
    assert score.recall[-1] == pytest.approx(1 - 2 / 900)


def test_an_edge_pixel_does_not_stand_for_the_neighbors_along_one_annotator_s_line() -> None:
    # All five drew the first line, one of them the second, of which every third pixel is found.
    share = line(100) + line(200, value=0.2)
    found = line(100)
    found[::3, 200] = 1
    score = score_edges([(found, share)], thresholds=9, thin=False)
    assert score.recall[-1] == pytest.approx((300 * 5 + 100) / 1800, abs=0.004)


def test_every_other_pixel_of_a_line_recalls_half_of_it_where_all_agree() -> None:
    dotted = line(100)
    dotted[1::2] = 0
    score = score_edges([(dotted, line(100))], thresholds=9, thin=False)
    assert score.recall[-1] == 0.5
    assert score.precision[-1] == 1.0


def test_scores_of_counts_made_by_hand() -> None:
    # Two thresholds: matched and all annotators' pixels, matched and all edge pixels.
    first = [(80, 100, 60, 120), (40, 100, 45, 50)]
    second = [(30, 50, 40, 40), (10, 50, 10, 10)]
    score = summarized(np.array([first, second]))
    p0, r0, p1, r1 = 100 / 160, 110 / 150, 55 / 60, 50 / 150
    assert score.precision == pytest.approx((p0, p1))
    assert score.recall == pytest.approx((r0, r1))
    assert score.ods == pytest.approx(2 * p0 * r0 / (p0 + r0))
    assert score.threshold == pytest.approx(1 / 3)
    # Both pictures are best at the first threshold: F is 0.615 and 0.554 for the first, 0.75 and 0.333 for the second.
    assert score.ois == pytest.approx(score.ods)
    grid = [step / 100 for step in range(101) if r1 <= step / 100 <= r0]
    assert score.ap == pytest.approx(sum(p1 + (p0 - p1) * (r - r1) / (r0 - r1) for r in grid) / 100)


def test_each_picture_may_have_its_own_threshold() -> None:
    first = [(90, 100, 90, 100), (10, 100, 10, 10)]
    second = [(90, 100, 90, 900), (90, 100, 90, 100)]
    assert summarized(np.array([first, second])).ois == pytest.approx(0.9)


@pytest.mark.parametrize("count", range(1, 10))
@pytest.mark.parametrize("rounded", [np.floor, np.rint])
def test_annotators_are_counted_from_8_bit_means(count: int, rounded: np.ufunc) -> None:
    levels = rounded(255 * np.arange(count + 1) / count)
    assert count_annotators((levels / 255).astype(np.float32)[None]) == count


@pytest.mark.parametrize("degrees", [0, 20, 45, 70, 90, 135, 170])
def test_thinning_leaves_the_crest_of_a_ridge(degrees: float) -> None:
    y, x = np.mgrid[-40:41, -40:41]
    across = x * np.cos(np.radians(degrees)) + y * np.sin(np.radians(degrees))
    ridge = np.exp(-((across / 3) ** 2) / 2).astype(np.float32)
    kept = thinned(ridge) > 0.05
    inside = np.hypot(x, y) < 30
    assert np.abs(across[kept & inside]).max() < 0.75
    # The pixels of a digital line 60 long, up to the corners of its stairs.
    expected = 60 * max(abs(np.cos(np.radians(degrees))), abs(np.sin(np.radians(degrees))))
    assert 0.95 * expected <= (kept & inside).sum() <= 1.45 * expected


def test_thinning_changes_no_value_it_keeps() -> None:
    edges = np.random.default_rng(0).random((20, 30)).astype(np.float32)
    kept = thinned(edges)
    assert ((kept == 0) | (kept == edges)).all()
    assert 0.1 < (kept > 0).mean() < 0.7


@pytest.mark.parametrize(
    ("edges", "share"),
    [
        (np.zeros((4, 5), np.float32), np.zeros((5, 4), np.float32)),
        (np.full((4, 5), 1.5, np.float32), np.zeros((4, 5), np.float32)),
        (np.full((4, 5), np.nan, np.float32), np.zeros((4, 5), np.float32)),
        (np.zeros((4, 5), np.float32), np.linspace(0, 1, 20, dtype=np.float32).reshape(4, 5) ** 2),
    ],
)
def test_what_can_t_be_scored_is_refused(edges: Map, share: Map) -> None:
    with pytest.raises(UsageError):
        score_edges([(edges, share)], thin=False)


def test_no_pictures_are_refused() -> None:
    with pytest.raises(UsageError, match="no pictures"):
        score_edges([])


def canny_strength(l_star: Map) -> Map:
    """The highest of 19 thresholds at which Canny keeps a pixel; the lower threshold of its hysteresis is 0.4 of the upper."""
    from scipy import ndimage
    from skimage.feature import canny
    from skimage.filters import apply_hysteresis_threshold

    image = l_star / 100
    smooth = ndimage.gaussian_filter(image, 2.0)
    strength = np.hypot(ndimage.sobel(smooth, 0), ndimage.sobel(smooth, 1))
    strength *= canny(image, sigma=2.0, low_threshold=0, high_threshold=0)
    edges = np.zeros_like(l_star)
    for step in range(1, 20):
        edges[apply_hysteresis_threshold(strength, 0.4 * step / 20, step / 20)] = step / 20
    return edges


@pytest.mark.data
@pytest.mark.slow
def test_canny_scores_about_what_is_published(data_root: Path) -> None:
    """0.60 on the 200 test pictures by the benchmark's own rule (Arbelaez et al. 2011, DOI 10.1109/TPAMI.2010.161)."""
    from bistnet.experts.edges_data import find_bsds, read_split

    pictures = read_split(find_bsds(data_root), "test")
    assert len(pictures) == 200
    score = score_edges(((canny_strength(p.l_star), p.share) for p in pictures), thresholds=19, thin=False)
    assert 0.58 <= score.ods <= 0.64
