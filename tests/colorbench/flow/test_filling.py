"""Colors that are not trusted come from their neighbors."""

from __future__ import annotations

import numpy as np

from colorbench.flow.filling import smoothed


def test_a_pixel_without_trust_takes_the_color_of_neighbors_of_like_luminance() -> None:
    l_star = np.full((32, 32), 20, np.float32)
    l_star[:, 16:] = 80
    ab = np.zeros((32, 32, 2), np.float32)
    ab[:, :16, 0], ab[:, 16:, 0] = 40, -40
    truth, trust = ab.copy(), np.ones((32, 32), np.float32)
    hole = np.s_[12:15, 13:16]
    ab[hole], trust[hole] = (-40, 30), 1e-3
    filled = smoothed(ab, trust, l_star)
    assert np.abs(filled[hole] - truth[hole]).max() < 8
    assert np.abs(smoothed(truth, np.ones_like(trust), l_star) - truth).max() < 1
