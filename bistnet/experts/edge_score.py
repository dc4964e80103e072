r"""Edge maps against several annotators' boundaries: F at the best threshold, as the Berkeley benchmark has it.

The benchmark (Martin, Fowlkes and Malik, TPAMI 2004, DOI 10.1109/TPAMI.2004.1273918; code at
http://www.eecs.berkeley.edu/Research/Projects/CS/vision/bsds) matches edge pixels one to one with those of each annotator, no
farther apart than 0.0075 of the diagonal. Recall is the matched share of all annotators' pixels, precision that of the edge
pixels matched with any annotator. Counts are summed over pictures; F = 2 P R / (P + R).

How ours differs, as only the mean of the annotators' maps is at hand, so a pixel's number k of annotators and not who they are:

- **Recall.** The largest number of annotators' pixels that can be matched when a boundary pixel counts k times and an edge
  pixel takes one for each annotator who drew near it. That number is estimated: all k within the tolerance, divided by the
  width of that disk, which a straight line fills once, rounded up, at most n.
- **Precision.** The largest number of edge pixels that can be matched when each takes one boundary pixel and a boundary pixel is
  taken once, however many drew it. Annotators whose lines run beside each other leave more room than any single one does.
- **Thinning** is done once, by :func:`thinned`; the benchmark thins again after each threshold.

On the 200 test pictures this gives, as ODS / OIS / AP, 0.62 / 0.64 / 0.57 for Canny (published: 0.60 / 0.63 / 0.58) and
0.74 / 0.77 / 0.74 for the published maps of gPb-owt-ucm (0.73 / 0.76 / 0.73, Arbelaez et al., TPAMI 2011, DOI
10.1109/TPAMI.2010.161): about 0.01 is to be taken off before a comparison.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ParamSpec, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

from colorbench.errors import UsageError

TOLERANCE = 0.0075
"""Of the picture's diagonal: 4.3 pixels for 481x321."""

MOST_ANNOTATORS = 20

_SMOOTHING = 2.0
"""Deviation in pixels of the Gaussian before the direction of an edge is taken."""

_P = ParamSpec("_P")
_R = TypeVar("_R")
Map = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeScore:
    """Scores over all pictures."""

    ods: float
    """F at the one threshold that is best for the whole set ("optimal dataset scale")."""
    ois: float
    """F with each picture's own best threshold ("optimal image scale")."""
    ap: float
    """Area under precision over recall."""
    threshold: float
    """That of ``ods``."""
    precision: tuple[float, ...]
    """At every threshold, ascending."""
    recall: tuple[float, ...]


def score_edges(pairs: Iterable[tuple[Map, Map]], *, thresholds: int = 99, thin: bool = True) -> EdgeScore:
    """Scores edge maps.

    Args:
        pairs: of each picture the edges, (H, W) in [0, 1], and the share of annotators, (H, W) in [0, 1].
        thresholds: T; they are i / (T + 1) for i = 1..T, and an edge is a pixel that reaches one.
        thin: apply :func:`thinned` to the edges.

    Raises:
        UsageError: sizes differ, values are outside [0, 1], shares are not multiples of 1 / n, or there is no picture.
    """
    counts = [edge_counts(thinned(edges) if thin else edges, share, thresholds=thresholds) for edges, share in pairs]
    if not counts:
        raise UsageError("no pictures to score", wanted="at least one")
    return summarized(np.stack(counts))


def edge_counts(edges: Map, share: Map, *, thresholds: int = 99, tolerance: float = TOLERANCE) -> NDArray[np.int64]:
    """A picture's counts at each threshold.

    Args:
        edges: (H, W) in [0, 1], one pixel wide.
        share: (H, W) in [0, 1].
        thresholds: see :func:`score_edges`.
        tolerance: of the diagonal.

    Returns:
        (T, 4), thresholds ascending: annotators' pixels matched, annotators' pixels, edge pixels matched, edge pixels.

    Raises:
        UsageError: see :func:`score_edges`.
    """
    if edges.shape != share.shape or edges.ndim != 2:
        raise UsageError(f"edges of {edges.shape} for boundaries of {share.shape}", wanted="(H, W) twice")
    if not ((edges >= 0) & (edges <= 1)).all():
        raise UsageError(f"edges from {edges.min()} to {edges.max()}", wanted="probabilities in [0, 1]")
    annotators = count_annotators(share)
    marks = np.rint(share * annotators).astype(np.int32)
    # The highest threshold that each pixel reaches, from 1; 0: none.
    level = np.floor(edges.astype(np.float64) * (thresholds + 1) + 1e-6).clip(0, thresholds).astype(np.int32)
    places = np.flatnonzero(level)
    places = places[np.argsort(-level.reshape(-1)[places], kind="stable")]
    levels = level.reshape(-1)[places]
    offsets = _disk(tolerance * math.hypot(*edges.shape))
    width = edges.shape[1]
    y, x = (places // width).astype(np.int32), (places % width).astype(np.int32)
    one = np.ones(len(places), np.int32)
    recalled = _matched(y, x, _near(marks, offsets)[y, x].clip(1, annotators), marks, offsets)
    precise = _matched(y, x, one, np.minimum(marks, 1), offsets)

    def at_least(amounts: NDArray[np.int32]) -> NDArray[np.int64]:
        sums: NDArray[np.float64] = np.bincount(levels, weights=amounts, minlength=thresholds + 1)[:0:-1].cumsum()[::-1]
        return sums.astype(np.int64)

    counts = np.empty((thresholds, 4), np.int64)
    counts[:, 0], counts[:, 1] = at_least(recalled), marks.sum()
    counts[:, 2], counts[:, 3] = at_least(precise), at_least(one)
    return counts


def summarized(counts: NDArray[np.int64]) -> EdgeScore:
    """Scores from counts of (pictures, T, 4), see :func:`edge_counts`."""
    precision, recall = _precision_recall(counts.sum(axis=0))
    f = _f_measure(precision, recall)
    best = int(f.argmax())
    own = np.stack([_f_measure(*_precision_recall(picture)).argmax() for picture in counts])
    own_precision, own_recall = _precision_recall(counts[np.arange(len(counts)), own].sum(axis=0))
    order = np.argsort(recall, kind="stable")
    # As the benchmark: precision between the measured recalls is linear, beyond them it is 0.
    grid = np.linspace(0.0, 1.0, 101)
    area = np.interp(grid, recall[order], precision[order], left=0.0, right=0.0).sum() / 100
    return EdgeScore(
        ods=float(f[best]),
        ois=float(_f_measure(own_precision, own_recall)),
        ap=float(area),
        threshold=(best + 1) / (counts.shape[1] + 1),
        precision=tuple(precision.tolist()),
        recall=tuple(recall.tolist()),
    )


def count_annotators(share: Map) -> int:
    """The least n such that all shares, stored in 8 bits, are multiples of 1 / n.

    >>> count_annotators(np.float32([[0, 42], [85, 255]]) / 255)
    6

    Raises:
        UsageError: there is none up to MOST_ANNOTATORS.
    """
    levels = np.unique(share)
    for count in range(1, MOST_ANNOTATORS + 1):
        if (np.abs(levels - np.rint(levels * count) / count) <= 1.0 / 255.0).all():
            return count
    raise UsageError(
        f"shares of {len(levels)} kinds, such as {levels[1]:.3f}",
        wanted="a mean of a few boundary maps of 0 and 1",
        remedy="check them",
    )


def thinned(edges: Map) -> Map:
    """Edges where they are not less than a pixel away on either side, 0 elsewhere; what is left is thinned to lines.

    "Across" is the direction in which the map, smoothed by a Gaussian of 2 pixels, curves most, up or down: the eigenvector
    whose eigenvalue of the second derivatives is largest in magnitude. Values a pixel away are bilinear. The rule is Canny's
    (TPAMI 1986, DOI 10.1109/TPAMI.1986.4767851) for a map of edges. That of Dollar and Zitnick (ICCV 2013,
    DOI 10.1109/ICCV.2013.231), which published scores use, smooths by a triangle of 4 pixels and fades 5 pixels of border.
    """
    import cv2
    from skimage.morphology import thin

    smooth = cv2.GaussianBlur(edges, (0, 0), _SMOOTHING, borderType=cv2.BORDER_REFLECT_101)
    xx, yy, xy = (cv2.Sobel(smooth, cv2.CV_32F, dx, dy, ksize=5) for dx, dy in ((2, 0), (0, 2), (1, 1)))
    # The first term is the direction of the larger eigenvalue, at a right angle to the other; their sum is the trace.
    angle = 0.5 * np.arctan2(2.0 * xy, xx - yy) + np.where(xx + yy < 0, np.float32(np.pi / 2), np.float32(0.0))
    step_x, step_y = np.cos(angle), np.sin(angle)
    height, width = edges.shape
    x, y = np.arange(width, dtype=np.float32)[None], np.arange(height, dtype=np.float32)[:, None]
    ahead, behind = (
        cv2.remap(edges, x + sign * step_x, y + sign * step_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        for sign in (np.float32(1), np.float32(-1))
    )
    kept = thin((edges >= ahead) & (edges >= behind) & (edges > 0))
    result: Map = np.where(kept, edges, np.float32(0.0))
    return result


def _precision_recall(counts: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    matched_marks, marks, matched_edges, edges = counts.T.astype(np.float64)
    return matched_edges / np.maximum(edges, 1.0), matched_marks / np.maximum(marks, 1.0)


def _f_measure(precision: NDArray[np.float64], recall: NDArray[np.float64]) -> NDArray[np.float64]:
    return 2.0 * precision * recall / np.maximum(precision + recall, 1e-12)


def _disk(radius: float) -> NDArray[np.int32]:
    """Offsets (dy, dx) no longer than a radius, nearest first."""
    reach = int(radius)
    offsets = [(dy, dx) for dy in range(-reach, reach + 1) for dx in range(-reach, reach + 1) if math.hypot(dy, dx) <= radius]
    return np.array(sorted(offsets, key=lambda offset: (math.hypot(*offset), offset)), np.int32)


def _near(marks: NDArray[np.int32], offsets: NDArray[np.int32]) -> NDArray[np.int32]:
    """About how many annotators drew within a disk around each pixel: (H, W), 0 where none did."""
    import cv2

    reach = int(offsets.max())
    disk = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    disk[offsets[:, 0] + reach, offsets[:, 1] + reach] = 1.0
    total = cv2.filter2D(marks.astype(np.float32), cv2.CV_32F, disk, borderType=cv2.BORDER_CONSTANT)
    # Sums may have been taken by a Fourier transform.
    rounded: NDArray[np.int32] = np.rint(total).astype(np.int32)
    return np.asarray(-(-rounded // (2 * reach + 1)), np.int32)


def _compiled(kernel: Callable[_P, _R]) -> Callable[_P, _R]:
    """Compiles on the first call; the machine code is kept beside the file or in numba's cache folder."""
    return cast("Callable[_P, _R]", numba.njit(nogil=True, cache=True)(kernel))


@_compiled
def _matched(
    ys: NDArray[np.int32], xs: NDArray[np.int32], units: NDArray[np.int32], room: NDArray[np.int32], offsets: NDArray[np.int32]
) -> NDArray[np.int32]:
    """How many units of each edge pixel find room, when pixels come in order and what came before may be moved, not dropped.

    Sums over any first pixels are maximum flows, as an augmenting path never takes from a pixel what it has. Boundary pixels
    that a failed search saw are full for good: nothing leads from them to room, and later paths can't enter.

    Args:
        ys, xs: (E,) edge pixels.
        units: (E,) of each edge pixel.
        room: (H, W) units that a boundary pixel takes.
        offsets: (D, 2) to the boundary pixels that an edge pixel may use.

    Returns:
        (E,) from 0 to units.
    """
    height, width = room.shape
    most = max(1, room.max())
    users = np.full((height * width, most), -1, np.int32)
    used = np.zeros(height * width, np.int32)
    dead = np.zeros(height * width, np.bool_)
    seen = np.full(height * width, -1, np.int32)
    before = np.zeros(height * width, np.int32)  # the full boundary pixel, and the slot of it, that a search came through
    slot = np.zeros(height * width, np.int32)
    queue = np.zeros(height * width, np.int32)
    found = np.zeros(len(ys), np.int32)
    search = 0
    for edge in range(len(ys)):
        for _ in range(units[edge]):
            search += 1
            head, tail, end = 0, 0, -1
            source, origin, origin_slot = edge, -1, 0
            while True:
                for d in range(len(offsets)):
                    y, x = ys[source] + offsets[d, 0], xs[source] + offsets[d, 1]
                    if y < 0 or x < 0 or y >= height or x >= width or room[y, x] == 0:
                        continue
                    place = y * width + x
                    if dead[place] or seen[place] == search:
                        continue
                    seen[place] = search
                    before[place], slot[place] = origin, origin_slot
                    if used[place] < room[y, x]:
                        end = place
                        break
                    queue[tail] = place
                    tail += 1
                if end >= 0:
                    break
                origin_slot += 1
                if origin < 0 or origin_slot >= used[origin]:
                    if head == tail:
                        break
                    origin, origin_slot = queue[head], 0
                    head += 1
                source = users[origin, origin_slot]
            if end < 0:
                for index in range(tail):
                    dead[queue[index]] = True
                break
            # The last one on the path takes a free slot; each slot left behind goes to the one before.
            place, target = end, used[end]
            used[end] += 1
            while before[place] >= 0:
                users[place, target] = users[before[place], slot[place]]
                place, target = before[place], slot[place]
            users[place, target] = edge
            found[edge] += 1
    return found
