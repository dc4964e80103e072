"""The gray input itself: the paper's Input row. A method that scores below it has done harm."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from colorbench.method import GrayClip
from colorbench.types import Exemplar, MethodCard, RgbFrame, Variant


class Gray:
    """L* of each frame with a* = b* = 0. Both the method and its colorizer, as there is nothing to load."""

    card = MethodCard(
        name="gray",
        kind="control",
        summary="the gray input, no color (the paper's Input row)",
        variants=(Variant(name="default"),),
        licence="MIT",
    )

    def unavailable(self, variant: str) -> str:  # noqa: ARG002
        """See Method."""
        return ""

    def fingerprint(self, *, variant: str, settings: Mapping[str, str]) -> str:  # noqa: ARG002
        """See Method."""
        return ""

    def load(self, *, variant: str, device: str, settings: Mapping[str, str]) -> Gray:  # noqa: ARG002
        """See Method."""
        return self

    def colorize(self, clip: GrayClip, exemplars: Sequence[Exemplar]) -> Iterator[RgbFrame]:  # noqa: ARG002
        """See Colorizer."""
        no_color = np.zeros((clip.height, clip.width, 2), np.float32)
        return (clip.merge(index, no_color) for index in range(len(clip)))


METHODS = (Gray(),)
