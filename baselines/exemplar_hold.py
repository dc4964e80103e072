"""The nearest exemplar's colors, held still: what copying is worth where nothing moves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from colorbench.method import GrayClip, require_exemplars
from colorbench.types import Exemplar, MethodCard, RgbFrame, Variant


class ExemplarHold:
    """Both the method and its colorizer, as there is nothing to load."""

    card = MethodCard(
        name="exemplar-hold",
        kind="control",
        summary="the nearest exemplar's a* and b*, not moved, with each frame's own luminance",
        variants=(Variant(name="default", exemplars=(1, None)),),
        licence="MIT",
    )

    def unavailable(self, variant: str) -> str:  # noqa: ARG002
        """See Method."""
        return ""

    def fingerprint(self, *, variant: str, settings: Mapping[str, str]) -> str:  # noqa: ARG002
        """See Method."""
        return ""

    def load(self, *, variant: str, device: str, settings: Mapping[str, str]) -> ExemplarHold:  # noqa: ARG002
        """See Method."""
        return self

    def colorize(self, clip: GrayClip, exemplars: Sequence[Exemplar]) -> Iterator[RgbFrame]:
        """See Colorizer.

        Raises:
            MethodError: there is no exemplar.
        """
        from torch import from_numpy

        from colorbench.color import rgb_to_lab

        require_exemplars(clip, exemplars)
        chroma = [rgb_to_lab(from_numpy(exemplar.rgb))[..., 1:].contiguous().numpy() for exemplar in exemplars]
        for index in range(len(clip)):
            yield clip.merge(index, chroma[nearest(exemplars, index)])


def nearest(exemplars: Sequence[Exemplar], index: int) -> int:
    """Which exemplar is nearest to frame ``index``; of two as near the earlier, where no place is known the first."""
    placed = [
        (abs(exemplar.index - index), exemplar.index, at) for at, exemplar in enumerate(exemplars) if exemplar.index is not None
    ]
    return min(placed)[2] if placed else 0


METHODS = (ExemplarHold(),)
