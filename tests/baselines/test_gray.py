from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from baselines.gray import Gray


def test_gray_is_the_luminance_without_color(moving_clip: Callable[..., Any]) -> None:
    clip = moving_clip(3)
    for index, frame in enumerate(Gray().colorize(clip, ())):
        assert np.array_equal(frame, clip.merge(index, np.zeros((clip.height, clip.width, 2), np.float32)))
        assert np.ptp(frame.astype(int), axis=-1).max() <= 1
