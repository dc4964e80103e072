"""The Method protocol: what a colorization method must offer, and what it is given.

A method sees luminance and exemplars, nothing else. A file in ``baselines/`` (or a module named by an entry point of the
group ``colorbench.methods``) offers ``METHODS``, a tuple of objects with a ``card`` and a ``load``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from colorbench.errors import MethodError
from colorbench.types import Exemplar, LStar, MethodCard, RgbFrame


class GrayClip(Protocol):
    """What a method sees of a clip. Frames may be asked for in any order, in bounded memory; in order is fastest."""

    @property
    def name(self) -> str: ...

    @property
    def frame_names(self) -> Sequence[str]:
        """File stems of the source's frames, or zero-padded indices for a video; one for each frame."""
        ...

    @property
    def height(self) -> int: ...

    @property
    def width(self) -> int: ...

    def __len__(self) -> int: ...

    def luminance(self, index: int) -> LStar:
        """Frame ``index`` as (H, W) float32 CIE L* in [0, 100]."""
        ...

    def merge(self, index: int, ab: NDArray[np.float32]) -> RgbFrame:
        """The luminance of frame ``index`` with chroma ``ab`` (H, W, 2) as (H, W, 3) uint8 sRGB, rounded as the protocol says."""
        ...


class Colorizer(Protocol):
    """A loaded method, ready for any number of clips."""

    def colorize(self, clip: GrayClip, exemplars: Sequence[Exemplar]) -> Iterator[RgbFrame]:
        """Yields one (H, W, 3) uint8 sRGB frame for each frame of the clip, in order."""
        ...


@runtime_checkable
class ResumableColorizer(Protocol):
    """A colorizer that can begin in the middle of a clip, as what it does for a frame needs no state of the frames before it.

    Offering ``resume`` is optional: a film that was interrupted in a shot is then gone on with where it stopped.
    """

    def resume(self, clip: GrayClip, exemplars: Sequence[Exemplar], start: int) -> Iterator[RgbFrame]:
        """What ``colorize`` yields from frame ``start`` on, to the bit, without coloring the frames before it."""
        ...


@runtime_checkable
class Noting(Protocol):
    """A colorizer that has something to say of a clip beside its frames."""

    def notes(self, clip: GrayClip, *, whole: bool) -> Sequence[str]:
        """What a reader of the clip's scores should know, a sentence each; ``whole`` is False where the protocol cut the clip."""
        ...


class Method(Protocol):
    """A registered method. Importing its module must be cheap: heavy imports go inside ``load``."""

    card: MethodCard

    def unavailable(self, variant: str) -> str:
        """Why this variant can't run on this machine (missing weights, say) and what to do; empty if it can."""
        ...

    def load(self, *, variant: str, device: str, settings: Mapping[str, str]) -> Colorizer:
        """Builds the method. ``settings`` has a value for each of the card's settings, checked and defaulted."""
        ...

    def fingerprint(self, *, variant: str, settings: Mapping[str, str]) -> str:
        """Identity of everything outside the source code that decides the output (weights, folders of results); may be empty."""
        ...


def require_exemplars(clip: GrayClip, exemplars: Sequence[Exemplar]) -> None:
    """What every exemplar-based method refuses.

    Raises:
        MethodError: there is none.
    """
    if not exemplars:
        raise MethodError(
            f"clip {clip.name!r} comes without exemplars", wanted="at least one", remedy="use --override exemplars=ends"
        )
