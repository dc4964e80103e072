"""The pictures of a clip as a run saw them: gray input, exemplars, each method's saved frames, the truth. All of one size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np

from colorbench.clips.footage import Footage
from colorbench.errors import FramesError, StoreError, UnknownNameError
from colorbench.frames.gray_picture import gray_picture
from colorbench.frames.opening import FrameSource, content_digest, open_frames
from colorbench.results.reading import ClipFacts, Results
from colorbench.runs.saved_frames import frames_mismatch
from colorbench.runs.store import digest, frames_path
from colorbench.scoring.clip_scores import NO_COLOR
from colorbench.types import Clip, Exemplar, RgbFrame

UNSAVED = "its frames are not saved"

MOST_EXEMPLARS = 8
"""Exemplars that are shown of a clip, the first ones."""

_DEFAULT_FPS = Fraction(25)


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture beside others."""

    title: str
    role: Literal["input", "exemplar", "method", "truth"]
    read: Callable[[int], RgbFrame]
    """Frame to (H, W, 3) uint8 in [0, 255], sRGB; an exemplar is the same for every frame."""


@dataclass(frozen=True, slots=True)
class ClipFrames:
    """What there is to see of a clip."""

    name: str
    count: int
    height: int
    width: int
    fps: Fraction
    """25 where the source has none."""
    panels: tuple[Panel, ...]
    """The input, exemplars, methods in the run's order, the truth if the clip has color. At least one is a method's."""


@contextmanager
def open_clip(results: Results, name: str) -> Iterator[ClipFrames]:
    """Opens a clip's source and saved frames; few frames are in memory at a time. In order is fastest.

    Raises:
        UnknownNameError: the run has no such clip.
        StoreError: no method's frames of it are saved.
        FramesError: its source is not there any more or was changed, or saved frames are not those of the clip.
    """
    facts = next((clip for clip in results.clips if clip.name == name), None)
    if facts is None:
        raise UnknownNameError(f"clip of {results.folder}:", name, results.clip_names)
    saved = {label: path for label in saved_labels(results, name) if (path := saved_path(results, label, name))}
    if not saved:
        raise StoreError(
            f"no colored frames of clip {name!r} are saved in {results.folder}",
            wanted="at least one method's",
            remedy="give the run's command again with --save-frames png",
        )
    with ThreadPoolExecutor(2) as executor:
        footage = Footage(_unchanged(facts, results), results.protocol, executor=executor, memory_bytes=0)
        try:
            methods = [Panel(label, "method", _checked(open_frames(path), footage).read) for label, path in saved.items()]
            truth = [Panel("ground truth", "truth", footage.rgb)] if has_truth(results, name) else []
            exemplars = [_still(exemplar) for exemplar in footage.exemplars(MOST_EXEMPLARS)]
            yield ClipFrames(
                name=name,
                count=len(footage),
                height=footage.height,
                width=footage.width,
                fps=footage.fps or _DEFAULT_FPS,
                panels=(Panel("input", "input", lambda index: _gray(footage, index)), *exemplars, *methods, *truth),
            )
        finally:
            footage.close()


def saved_labels(results: Results, clip: str) -> tuple[str, ...]:
    """The methods that are done with a clip and whose frames of it are saved, in the run's order."""
    return tuple(method.label for method in results.methods if saved_path(results, method.label, clip))


def saved_path(results: Results, label: str, clip: str) -> Path | None:
    """Where a unit's frames are saved, whole and unchanged; None where they are not, or what lies there is of another unit."""
    record = results.record(label, clip)
    if record is None or record.status != "done":
        return None
    return next((path for path in _places(results, label, clip) if not frames_mismatch(path, key=record.key)), None)


def why_unsaved(results: Results, label: str, clip: str) -> str:
    """Why :func:`saved_path` is None, in words."""
    record = results.record(label, clip)
    if record is None or record.status != "done":
        return "it is not done"
    found = (frames_mismatch(path, key=record.key) for path in _places(results, label, clip) if path.exists())
    return next(found, UNSAVED)


def has_truth(results: Results, clip: str) -> bool:
    """Whether the clip has color of its own to compare with."""
    records = [record for record in results.records if record.clip == clip]
    return not any(score.reason == NO_COLOR for record in records for score in (*record.scores, *record.truth))


def _places(results: Results, label: str, clip: str) -> tuple[Path, ...]:
    return tuple(frames_path(results.folder, label=label, clip=clip, video=video) for video in (False, True))


def _unchanged(facts: ClipFacts, results: Results) -> Clip:
    """The clip, if its files are still those that were scored."""
    clip = Clip(
        name=facts.name,
        dataset=results.dataset.partition(":")[0],
        source=Path(facts.source),
        references=tuple(Path(path) for path in facts.references),
    )
    if digest([clip.name, content_digest(clip.source), *map(content_digest, clip.references)]) != facts.digest:
        raise FramesError(
            f"{clip.source} is not as it was when clip {clip.name!r} was scored",
            wanted="the files that were scored",
            remedy="put them back, or give the run's command again",
        )
    return clip


def _checked(source: FrameSource, footage: Footage) -> FrameSource:
    found, wanted = (source.n_frames, source.width, source.height), (len(footage), footage.width, footage.height)
    if found != wanted:
        raise FramesError(
            "{} holds {} frames of {}x{}".format(source.path, *found),
            wanted="{} of {}x{}, as the clip has".format(*wanted),
            remedy="remove that folder and give the run's command again with --save-frames png",
        )
    return source


def _still(exemplar: Exemplar) -> Panel:
    place = exemplar.name if exemplar.index is None else f"frame {exemplar.index}"
    return Panel(f"exemplar, {place}", "exemplar", lambda _: exemplar.rgb)


def _gray(footage: Footage, index: int) -> RgbFrame:
    return np.repeat(gray_picture(footage, index)[..., None], 3, axis=-1)
