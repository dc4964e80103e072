r"""Boxes without a detector: what stands out in a frame's luminance, by the spectral residual.

After Hou and Zhang, Saliency Detection: A Spectral Residual Approach (CVPR 2007). Of the frame at 64 pixels along its longer
side, with A and P the logarithm of amplitude and the phase of its Fourier transform F,

    S = g * |F^-1( exp(A - h * A + i P) )|^2

h is the mean over 3x3 and g a Gaussian. A box goes around each connected part of S > 1.5 mean(S); the sum of S over it is its
score. Nothing is learned, and nothing but the frame counts. These are no instances: a box may hold a part of a thing, or several.

How it differs from the paper: g is of 4 pixels and the threshold 1.5 times the mean, where they have 3 times and find parts of
things more often; of all boxes the best three count, and none that is narrower than an eighth of the frame's shorter side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from baselines.inscolor_networks.boxes import Box

if TYPE_CHECKING:
    from colorbench.method import GrayClip

MOST = 3
"""Boxes a frame."""

_LONGER_SIDE = 64
_SPREAD = 4.0
_THRESHOLD = 1.5
_LEAST_SIDE = 1 / 8
_LEAST_CONTRAST = 1.0
"""Of L*; a frame of less has phases of rounding alone."""


class SalientBoxes:
    """Satisfies Boxes."""

    def of(self, clip: GrayClip, index: int) -> list[Box]:
        """See Boxes."""
        return salient_boxes(clip.luminance(index))


def salient_boxes(l_star: NDArray[np.float32]) -> list[Box]:
    """The best MOST boxes of a frame, best first.

    Args:
        l_star: (H, W) in [0, 100].

    Returns:
        In pixels of the frame; none for a frame without contrast.
    """
    import cv2

    height, width = l_star.shape
    scale = max(height, width) / _LONGER_SIDE
    size = max(2, round(width / scale)), max(2, round(height / scale))
    small = cv2.resize(l_star.astype(np.float64), size, interpolation=cv2.INTER_AREA)
    if np.ptp(small) < _LEAST_CONTRAST:
        return []
    salient = saliency(small)
    mask = (salient > _THRESHOLD * salient.mean()).astype(np.uint8)
    count, parts, facts, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    x, y = width / size[0], height / size[1]
    found = []
    for part in range(1, count):
        left, top, across, down = (int(fact) for fact in facts[part, :4])
        if min(across * x, down * y) >= _LEAST_SIDE * min(height, width):
            score = float(salient[parts == part].sum())
            found.append(Box(left * x, top * y, (left + across) * x, (top + down) * y, score))
    return sorted(found, key=lambda box: -box.score)[:MOST]


def saliency(gray: NDArray[np.float64]) -> NDArray[np.float64]:
    """S of a picture: (h, w) -> (h, w), from 0."""
    import cv2

    spectrum = np.fft.fft2(gray)
    amplitude = np.log(np.abs(spectrum) + np.finfo(np.float64).tiny)
    residual = amplitude - cv2.blur(amplitude, (3, 3))
    energy = np.square(np.abs(np.fft.ifft2(np.exp(residual + 1j * np.angle(spectrum)))))
    smooth: NDArray[np.float64] = cv2.GaussianBlur(energy, (0, 0), _SPREAD)
    return smooth
