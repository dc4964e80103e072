"""Exemplar colors carried through the clip by optical flow: the control that a learned method has to beat. No training.

:mod:`colorbench.flow.carrying` is how.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

from colorbench.types import Exemplar, MethodCard, RgbFrame, Variant

if TYPE_CHECKING:
    from colorbench.method import GrayClip


class FlowCarrier:
    """Satisfies Colorizer; keeps nothing of a clip.

    Args:
        single: takes the first exemplar only.
    """

    def __init__(self, *, single: bool) -> None:
        self._single = single

    def colorize(self, clip: GrayClip, exemplars: Sequence[Exemplar]) -> Iterator[RgbFrame]:
        """See Colorizer. The frame of an exemplar gets its colors as they are.

        Raises:
            MethodError: there is no exemplar, or it shows no known frame of the clip.
        """
        return self.resume(clip, exemplars, 0)

    def resume(self, clip: GrayClip, exemplars: Sequence[Exemplar], start: int) -> Iterator[RgbFrame]:
        """See ResumableColorizer."""
        from colorbench.flow.carrying import carry
        from colorbench.flow.filling import smoothed

        for hints in carry(clip, exemplars[:1] if self._single else exemplars, start=start):
            exact = hints.exact
            yield clip.merge(hints.index, smoothed(*hints.blended(), clip.luminance(hints.index)) if exact is None else exact)


@dataclass(frozen=True, slots=True)
class Flow:
    """The registered method."""

    card: MethodCard

    def unavailable(self, variant: str) -> str:  # noqa: ARG002
        """See Method."""
        return ""

    def load(self, *, variant: str, device: str, settings: Mapping[str, str]) -> FlowCarrier:  # noqa: ARG002
        """See Method."""
        return FlowCarrier(single=variant == "single")

    def fingerprint(self, *, variant: str, settings: Mapping[str, str]) -> str:  # noqa: ARG002
        """See Method."""
        return f"opencv {version('opencv-python')}"


METHODS = (
    Flow(
        MethodCard(
            name="flow",
            kind="control",
            summary="exemplar colors carried by DIS optical flow, forward and backward, no training",
            variants=(
                Variant(name="double", summary="from the exemplar before and the one after", exemplars=(2, None)),
                Variant(name="single", summary="from the first exemplar", exemplars=(1, 1)),
            ),
            licence="MIT",
            paper="Kroeger et al., ECCV 2016 (the flow)",
        )
    ),
)
