"""The numbers of one colored film, taken frame by frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from colorbench.flow.optical_flow import Motion
from colorbench.inspection import bleeding, colors, flicker, luminance
from colorbench.inspection.agreement import chroma_quantiles
from colorbench.inspection.drift import BANDS, STEP_FIELDS, drift_step
from colorbench.inspection.motion import carried
from colorbench.inspection.view import View

FRAME_CARDS = (luminance.CARD, luminance.PEAK_CARD, flicker.CARD, bleeding.CARD, colors.CARD)
"""Measures with a value a frame."""


class FilmMeter:
    """Measures a film's frames in order. Of each it keeps 120 bytes, with ``keep_chroma`` 250, and of the last its colors.

    Args:
        n_frames: of the film.
        same_size: as the source's; then luminance is compared pixel by pixel, else at the working size.
        keep_chroma: whether there are references to be compared with.

    Attributes:
        frames: name of a measure to (N,) values, NaN where there is none. That of flicker is the change since the frame before.
        steps: (N, BANDS, STEP_FIELDS) of drift, since the frame before.
        chroma: (N, 2, 32) quantiles; None without ``keep_chroma``.
    """

    def __init__(self, n_frames: int, *, same_size: bool, keep_chroma: bool) -> None:
        self._same_size = same_size
        self.frames = {card.name: np.full(n_frames, np.nan, np.float32) for card in FRAME_CARDS}
        self.steps = np.full((n_frames, BANDS, STEP_FIELDS), np.nan, np.float32)
        self.chroma: NDArray[np.float16] | None = np.zeros((n_frames, *_chroma_shape()), np.float16) if keep_chroma else None
        self._before: NDArray[np.float32] | None = None

    def see(self, index: int, view: View, source: View, motion: Motion | None) -> None:
        """Takes the next frame.

        Args:
            index: its number.
            view: of the colored film.
            source: of the film before it was colored.
            motion: to the frame before; None where it is not to be judged.
        """
        pair = (source.sampled, view.sampled) if self._same_size else (source.l_star, view.l_star)
        mean, peak = luminance.luminance_change(*pair)
        self._set(index, luminance.CARD.name, mean)
        self._set(index, luminance.PEAK_CARD.name, peak)
        self._set(index, bleeding.CARD.name, bleeding.bleeding(source.l_star, view.ab))
        self._set(index, colors.CARD.name, colors.colorfulness(view.rgb))
        if motion is not None and self._before is not None:
            before = carried(self._before, motion)
            self._set(index, flicker.CARD.name, flicker.flicker(view.ab, before, motion.mask))
            self.steps[index] = drift_step(view.ab, before, source.l_star, motion.mask)
        if self.chroma is not None:
            self.chroma[index] = chroma_quantiles(view.ab)
        self._before = view.ab

    def forget_change(self, index: int) -> None:
        """Drops what was found between a frame and the one before, as there is a cut."""
        self.frames[flicker.CARD.name][index] = np.nan
        self.steps[index] = np.nan

    def _set(self, index: int, name: str, value: float | None) -> None:
        self.frames[name][index] = np.nan if value is None else value


def _chroma_shape() -> tuple[int, ...]:
    return chroma_quantiles(np.zeros((1, 1, 2), np.float32)).shape
