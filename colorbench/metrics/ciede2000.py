"""CIEDE2000: how far apart two colors look, averaged over a frame."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from colorbench.metric import FramePair
from colorbench.scoring.frame_checks import checked_pair
from colorbench.scoring.lab import LabPlanes, lab_planes
from colorbench.system.compiled import compiled
from colorbench.types import MetricCard, RgbFrame

_compiled = compiled(error_model="numpy")
_Row = NDArray[np.float64]

_STEPS = 4096
"""Of the table of the rotation term, a quadrant; cubic interpolation is then within 1e-12 of the formula."""
_TINY = 1e-300
_BLOCK = 512
"""Pixels at a time: what is kept of them stays in the first cache."""


def ciede2000(truth: RgbFrame, prediction: RgbFrame) -> float:
    """Mean CIEDE2000 color difference of two frames.

    The formula of Sharma, Wu and Dalal 2005 (DOI 10.1002/col.20070) with k_L = k_C = k_H = 1, a pixel. It is evaluated without
    angles, so that it can run in vectors: hues are unit vectors, the mean hue bisects them, cosines of its multiples follow by
    addition, and the one term that needs the angle itself is a table over it.

    Args:
        truth: (H, W, 3) uint8 in [0, 255], sRGB.
        prediction: the same shape.

    Returns:
        The mean over pixels, 0 for equal frames; about 1 is just noticeable side by side.

    Raises:
        UsageError: a frame is something else, or the sizes differ.

    >>> ciede2000(np.full((4, 4, 3), (255, 0, 0), np.uint8), np.full((4, 4, 3), (250, 0, 0), np.uint8))
    1.04...
    """
    truth, prediction = checked_pair(truth, prediction)
    return mean_difference(lab_planes(truth), lab_planes(prediction))


def mean_difference(truth: LabPlanes, prediction: LabPlanes) -> float:
    """Mean CIEDE2000 of two frames as :func:`colorbench.scoring.lab.lab_planes` gives them."""
    return float(_differences(truth, prediction).mean())


def _differences(truth: LabPlanes, prediction: LabPlanes) -> NDArray[np.float64]:
    """(H * W,) of each pixel."""
    found = np.empty(truth.shape[1], np.float64)
    _compare(truth, prediction, _rotations(), found)
    return found


@lru_cache(maxsize=1)
def _rotations() -> NDArray[np.float64]:
    """(4, _STEPS + 1): sin(2 * 30 deg * exp(-((h - 275 deg) / 25 deg)^2)) over the mean hue h, a row a quadrant.

    Within a quadrant h runs with q = |far axis| / (|x| + |y|) of its direction (x, y), from 0 to 1, which takes no arc tangent.
    """
    q = np.linspace(0.0, 1.0, _STEPS + 1)
    inside = np.degrees(np.arctan2(q, 1.0 - q))
    hues = inside[None, :] + 90.0 * np.arange(4)[:, None]
    return np.asarray(np.sin(np.radians(60.0 * np.exp(-(((hues - 275.0) / 25.0) ** 2)))))


@_compiled
def _compare(
    truth: NDArray[np.float64], prediction: NDArray[np.float64], rotations: NDArray[np.float64], found: NDArray[np.float64]
) -> None:
    table, block = rotations.ravel(), np.empty((7, _BLOCK), np.float64)
    lightness, chroma, hue, cosine, sine, rotation, mean = block[0], block[1], block[2], block[3], block[4], block[5], block[6]
    l1, a1, b1, l2, a2, b2 = truth[0], truth[1], truth[2], prediction[0], prediction[1], prediction[2]
    for i in range(0, found.size, _BLOCK):
        j = min(i + _BLOCK, found.size)
        n = j - i
        _difference(
            l1[i:j], a1[i:j], b1[i:j], l2[i:j], a2[i:j], b2[i:j],
            lightness[:n], chroma[:n], hue[:n], cosine[:n], sine[:n], mean[:n],
        )  # fmt: skip
        _rotate(table, cosine[:n], sine[:n], rotation[:n])
        _weigh(lightness[:n], chroma[:n], hue[:n], cosine[:n], sine[:n], rotation[:n], mean[:n], found[i:j])


@_compiled
def _difference(
    l1s: _Row,
    a1s: _Row,
    b1s: _Row,
    l2s: _Row,
    a2s: _Row,
    b2s: _Row,
    lightness: _Row,
    chroma: _Row,
    hue: _Row,
    cosine: _Row,
    sine: _Row,
    means: _Row,
) -> None:
    """Weighted differences of lightness and chroma, the hue's unweighted, the mean hue's direction, the mean chroma."""
    limit = 25.0**7
    for i in range(l1s.size):
        b1, b2 = b1s[i], b2s[i]
        mean = 0.5 * (math.sqrt(a1s[i] * a1s[i] + b1 * b1) + math.sqrt(a2s[i] * a2s[i] + b2 * b2))
        power = mean * mean * mean
        power = power * power * mean
        stretch = 1.5 - 0.5 * math.sqrt(power / (power + limit))
        a1, a2 = stretch * a1s[i], stretch * a2s[i]
        c1, c2 = math.sqrt(a1 * a1 + b1 * b1), math.sqrt(a2 * a2 + b2 * b2)
        # Hues as unit vectors. Where a chroma is 0 its hue has no part in the result, as the hue's difference is 0.
        over1, over2 = 1.0 / (c1 + _TINY), 1.0 / (c2 + _TINY)
        x1, y1, x2, y2 = a1 * over1, b1 * over1, a2 * over2, b2 * over2
        sum_x, sum_y, gap_x, gap_y = x1 + x2, y1 + y2, x1 - x2, y1 - y2
        gap = math.sqrt(gap_x * gap_x + gap_y * gap_y)
        turn = math.copysign(1.0, x1 * y2 - y1 * x2)
        # The bisector of the smaller arc, from whichever of sum and difference is long enough to be exact.
        near = sum_x * sum_x + sum_y * sum_y >= 2.0
        x = sum_x if near else -turn * gap_y
        y = sum_y if near else turn * gap_x
        length = 1.0 / (math.sqrt(x * x + y * y) + _TINY)
        offset = 0.5 * (l1s[i] + l2s[i]) - 50.0
        offset = offset * offset
        means[i] = 0.5 * (c1 + c2)
        lightness[i] = (l2s[i] - l1s[i]) / (1.0 + 0.015 * offset / math.sqrt(20.0 + offset))
        chroma[i] = (c2 - c1) / (1.0 + 0.045 * means[i])
        hue[i] = math.sqrt(c1 * c2) * turn * gap
        cosine[i], sine[i] = x * length, y * length


@_compiled
def _rotate(table: _Row, cosine: _Row, sine: _Row, rotation: _Row) -> None:
    """The sine of the rotation term: four neighbors in the table of the direction's quadrant."""
    for i in range(rotation.size):
        c, s = cosine[i], sine[i]
        odd = (c < 0.0) != (s < 0.0)
        quadrant = (2 if c < 0.0 else 3) if s < 0.0 else (1 if c < 0.0 else 0)
        far = abs(c) if odd else abs(s)
        place = far / (abs(c) + abs(s) + _TINY) * _STEPS
        left = min(max(int(place) - 1, 0), _STEPS - 3)
        at = quadrant * (_STEPS + 1) + left
        t = place - left
        t1, t2, t3 = t - 1.0, t - 2.0, t - 3.0
        outer = (table[at + 3] * t * t1 * t2 - table[at] * t1 * t2 * t3) / 6.0
        rotation[i] = outer + (table[at + 1] * t * t2 * t3 - table[at + 2] * t * t1 * t3) / 2.0


@_compiled
def _weigh(lightness: _Row, chroma: _Row, hues: _Row, cosine: _Row, sine: _Row, rotation: _Row, means: _Row, found: _Row) -> None:
    """The hue's weight, and all terms together."""
    sin6, cos6 = math.sin(math.radians(6.0)), math.cos(math.radians(6.0))
    sin30, cos30 = math.sin(math.radians(30.0)), math.cos(math.radians(30.0))
    sin63, cos63 = math.sin(math.radians(63.0)), math.cos(math.radians(63.0))
    limit = 25.0**7
    for i in range(found.size):
        c, s, mean = cosine[i], sine[i], means[i]
        cos2, sin2 = c * c - s * s, 2.0 * c * s
        cos3, sin3 = cos2 * c - sin2 * s, sin2 * c + cos2 * s
        cos4, sin4 = cos2 * cos2 - sin2 * sin2, 2.0 * cos2 * sin2
        tone = 1.0 - 0.17 * (c * cos30 + s * sin30) + 0.24 * cos2
        tone += 0.32 * (cos3 * cos6 - sin3 * sin6) - 0.20 * (cos4 * cos63 + sin4 * sin63)
        power = mean * mean * mean
        power = power * power * mean
        hue = hues[i] / (1.0 + 0.015 * mean * tone)
        turned = 2.0 * math.sqrt(power / (power + limit)) * rotation[i] * chroma[i] * hue
        square = lightness[i] * lightness[i] + chroma[i] * chroma[i] + hue * hue - turned
        found[i] = math.sqrt(max(square, 0.0))


class _Ciede2000:
    card = MetricCard(
        name="ciede2000",
        summary="mean CIEDE2000 color difference",
        unit="CIE",
        direction="lower",
        needs_truth=True,
        per_frame=True,
        signature=(("input", "rgb8"), ("white", "d65"), ("weights", "1-1-1"), ("mean", "pixels")),
        version=1,
        reference="scikit-image's deltaE_ciede2000 of rgb2lab in float64; DOI 10.1002/col.20070",
        decimals=3,
        default=False,
    )

    def unavailable(self) -> str:
        return ""

    def open(self, *, device: str) -> _Ciede2000:  # noqa: ARG002 - computed on the CPU, wherever the method runs
        return self

    def score_frame(self, pair: FramePair) -> float:
        return mean_difference(pair.of_truth("lab", lab_planes), lab_planes(pair.prediction))


METRICS = (_Ciede2000(),)
