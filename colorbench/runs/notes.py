"""What a reader of a unit's scores should know, a sentence each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from colorbench.clips.footage import Footage
from colorbench.frames.matching import some
from colorbench.frames.numbering import numbering
from colorbench.method import Colorizer, Noting
from colorbench.scoring.clip_scores import ClipScores
from colorbench.scoring.luminance import LUMINANCE_TOLERANCE
from colorbench.types import Exemplar


def unit_notes(footage: Footage, exemplars: Sequence[Exemplar], scores: ClipScores, colorizer: Colorizer) -> tuple[str, ...]:
    """Of the exemplars, of the luminance, and what the method itself says."""
    own = colorizer.notes(footage, whole=footage.whole) if isinstance(colorizer, Noting) else ()
    return (*_of_exemplars(footage, exemplars), *_of_luminance(scores), *own)


def _of_exemplars(footage: Footage, exemplars: Sequence[Exemplar]) -> Iterator[str]:
    from colorbench.color import is_gray

    if gray := [exemplar.name for exemplar in exemplars if is_gray(exemplar.rgb)]:
        yield f"exemplars without color: {some(gray)}"
    given = footage.clip.references if footage.protocol.exemplars == "given" else ()
    lost = [path.stem for path, index in zip(given, footage.exemplar_positions, strict=False) if index is None]
    known = numbering([*footage.frame_names, *lost])
    if past := [name for name in lost if known.numbers and name not in known.strays]:
        span = f"{footage.frame_names[0]} to {footage.frame_names[-1]}"
        yield f"exemplars numbered as no frame, whose place is not known: {some(past)} (the frames are {span})"


def _of_luminance(scores: ClipScores) -> Iterator[str]:
    error, offset = scores.luminance_error, scores.frame_offset
    if error is None or (error <= LUMINANCE_TOLERANCE and not offset):
        return
    text = f"its luminance differs from the input's by {error:.1f} L* in the median"
    if offset:
        count = f"{abs(offset)} frame{'s' if abs(offset) > 1 else ''}"
        text += f"; its frames come {count} {'late' if offset < 0 else 'early'}, each fits the clip best {count} "
        text += "earlier" if offset < 0 else "later"
    yield text
