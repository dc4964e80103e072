"""What of a change between neighboring frames is not motion. The flow is the source's, so that all films are judged by one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from colorbench.flow.optical_flow import Motion

FEWEST = 0.1
"""Share of a frame's pixels whose motion must be trusted for the pair to be judged; across a cut less are."""


def carried(plane: NDArray[np.float32], motion: Motion) -> NDArray[np.float32]:
    """The frame before, its pixels moved to where the flow finds them now.

    Args:
        plane: (H, W) or (H, W, C) float32 of the frame before.
        motion: from the frame to the one before.

    Returns:
        The same shape, bilinear; of the border's pixel where the flow leads outside.
    """
    import cv2

    rows, columns = np.indices(motion.flow.shape[:2], dtype=np.float32)
    at = np.stack((columns, rows), axis=-1) + motion.flow
    moved: NDArray[np.float32] = cv2.remap(plane, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return moved


def is_judged(motion: Motion) -> bool:
    """Enough pixels have been found again."""
    return float(motion.mask.mean()) >= FEWEST
