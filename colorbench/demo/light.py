"""Light that changes over a clip: a colored gain with a bent tone curve, and a bright band that crosses the frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from colorbench.demo.motion import Path
from colorbench.types import RgbFrame

_BAND = 120
"""Half the width of the band in frame pixels."""


@dataclass(frozen=True, slots=True)
class Light:
    """What happens to a frame's levels."""

    tint: Path | None = None
    """Gains of red, green and blue, and the bend of the tone curve (the middle level moves by a quarter of it), in 1/256."""
    band: Path | None = None
    """Center of the band in frame pixels, and its gain above one at the center in 1/256."""

    def fall_on(self, rgb: RgbFrame, frame: int) -> RgbFrame:
        """(H, W, 3) uint8 in, the same out; brighter than white is white."""
        if self.tint is not None:
            red, green, blue, bend = self.tint.at(frame)
            levels = np.arange(256, dtype=np.int64)
            bent = levels + bend * levels * (255 - levels) // (255 * 256)
            curves = [np.clip((bent * gain + 128) >> 8, 0, 255).astype(np.uint8) for gain in (red, green, blue)]
            rgb = np.stack([curve[rgb[..., channel]] for channel, curve in enumerate(curves)], axis=-1)
        if self.band is not None:
            center, strength = self.band.at(frame)
            away = np.minimum(np.abs(np.arange(rgb.shape[1], dtype=np.int64) - center), _BAND)
            rest = _BAND - away
            gain = 256 + strength * rest * rest * (3 * _BAND - 2 * rest) // _BAND**3
            rgb = np.clip((rgb.astype(np.uint32) * gain.astype(np.uint32)[None, :, None] + 128) >> 8, 0, 255).astype(np.uint8)
        return rgb


NO_LIGHT = Light()
"""The photograph's own light."""
