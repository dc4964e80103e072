"""Results made elsewhere: a folder or video of colored frames for each clip, scored as they are."""

from __future__ import annotations

import difflib
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast, get_args

from colorbench.errors import ColorbenchError, MethodError, UsageError
from colorbench.files.composed import composed
from colorbench.files.structured import read_json
from colorbench.frames.content_state import content_state
from colorbench.frames.matching import Rule, match_frames, some, surplus_names
from colorbench.frames.opening import VIDEO_SUFFIXES, FrameSource, content_digest, open_frames, read_ahead
from colorbench.frames.pictures import is_picture_name, picture_files
from colorbench.method import GrayClip
from colorbench.runs.saved_frames import changed_frames, read_note
from colorbench.runs.store import safe_name
from colorbench.types import Exemplar, MethodCard, RgbFrame, Setting, Variant

CHOICES = {"match": get_args(Rule), "resize": ("no", "yes")}
_DEPTH = 16


class Precomputed:
    """What the method needed and saw is not known here, so it is listed as exemplar-based and its luminance is measured only."""

    card = MethodCard(
        name="precomputed",
        kind="exemplar",
        summary="colored frames made elsewhere, a folder or video for each clip",
        variants=(Variant(name="default"),),
        luminance="own",
        settings=(
            Setting(name="folder", summary="the folder that holds CLIP/ or CLIP.mp4 for each clip"),
            Setting(
                name="match",
                summary="frames by file stem, by order, or auto: by stem, else by order",
                default="auto",
            ),
            Setting(name="resize", summary="yes brings results of another size to the protocol's", default="no"),
        ),
    )

    def unavailable(self, variant: str) -> str:  # noqa: ARG002
        """See Method."""
        return ""

    def fingerprint(self, *, variant: str, settings: Mapping[str, str]) -> str:  # noqa: ARG002
        """Names and bytes of all results.

        Raises:
            UsageError: they are saved frames of several methods, or not those of the run's method of that label.
        """
        folder = _folder(settings)
        _check_one_method(folder)
        total = hashlib.sha256()
        with ThreadPoolExecutor(_threads()) as executor:
            for path in _results(folder):
                total.update(f"{path.name} {content_digest(path, executor=executor)}\n".encode("utf-8", "surrogateescape"))
        return total.hexdigest()

    def load(self, *, variant: str, device: str, settings: Mapping[str, str]) -> Results:  # noqa: ARG002
        """See Method.

        Raises:
            UsageError: a setting has no such value, or the folder isn't there.
        """
        for name, known in CHOICES.items():
            if settings[name] not in known:
                raise UsageError(f"{name} = {settings[name]!r}", wanted=f"one of {', '.join(known)}", remedy=f"change {name}")
        folder = _folder(settings)
        states = {path: content_state(path) for path in _results(folder)}
        return Results(folder, match=cast(Rule, settings["match"]), resize=settings["resize"] == "yes", states=states)


@dataclass(frozen=True, slots=True)
class Results:
    """A folder of results; satisfies Colorizer."""

    folder: Path
    match: Rule = "auto"
    resize: bool = False
    states: Mapping[Path, str] = field(default_factory=dict)
    """Of each clip's results when they were hashed."""

    def colorize(self, clip: GrayClip, exemplars: Sequence[Exemplar]) -> Iterator[RgbFrame]:  # noqa: ARG002
        """The clip's results, in the order of its frames, decoded ahead in threads.

        Raises:
            MethodError: there are none for the clip, their number or size is another, stems don't match, or they changed.
            FramesError: one can't be read.
        """
        path = self._path(clip.name)
        state = content_state(path)
        _check_saved(path)
        source = open_frames(path, mixed_sizes="resize" if self.resize else "refuse")
        indices = self._indices(source, clip)
        if not self.resize and (source.width, source.height) != (clip.width, clip.height):
            raise MethodError(
                f"results in {source.path} are {source.width}x{source.height}",
                wanted=f"{clip.width}x{clip.height}, the protocol's size for clip {clip.name!r}",
                remedy="make them at that size, or allow resizing: resize=yes, on the command line --resize",
            )
        with ThreadPoolExecutor(_threads()) as executor:
            yield from read_ahead(source, indices, executor=executor, transform=lambda rgb: _resized(rgb, clip), depth=_DEPTH)
        if content_state(path) != state or state != self.states.get(path, state):
            raise MethodError(
                f"the results in {path} changed while they were scored",
                wanted="files that nobody writes to",
                remedy="give the same command again once they are finished",
            )

    def notes(self, clip: GrayClip, *, whole: bool) -> tuple[str, ...]:
        """See Noting: results that are of no frame."""
        if self.match == "order" or not whole:
            return ()
        path = self._path(clip.name)
        names = [file.stem for file in picture_files(path)] if path.is_dir() else open_frames(path).names
        left = surplus_names(names, clip.frame_names)
        return (f"{len(left)} of its results are named as no frame and left out: {some(left)}",) if left else ()

    def _path(self, name: str) -> Path:
        # The very name first: a clip in NFC may have another in NFD beside it.
        for form in (str, composed):
            known: dict[str, Path] = {}
            names = (form(name), safe_name(form(name)))
            for path in _results(self.folder):
                # What a run saved has a note: its name may be a clip's name made safe, or that of another clip.
                stem = form(note.clip if (note := read_note(path)) else path.name if path.is_dir() else path.stem)
                if stem in known and stem in names:
                    raise MethodError(
                        f"clip {name!r} has results in both {known[stem]} and {path}",
                        wanted="one folder or video a clip",
                        remedy="move one of them elsewhere",
                    )
                known[stem] = path
            for stem in names:
                if stem in known:
                    return known[stem]
        near = difflib.get_close_matches(name, known, n=1)
        raise MethodError(
            f"no results for clip {name!r} in {self.folder}" + (f", did you mean {near[0]!r}?" if near else ""),
            wanted=f"a folder {name}/ or a video {name}.mp4; there are {', '.join(sorted(known)) or 'none'}",
            remedy="name results as their clips are named, or leave the clip out with --clips",
        )

    def _indices(self, source: FrameSource, clip: GrayClip) -> Sequence[int]:
        """Which result belongs to each frame of the clip."""
        # The names of a video's frames are numbers; footage has a frame rate where it is one.
        named = source.fps is None and getattr(clip, "fps", None) is None
        return match_frames(source.names, clip.frame_names, rule=self.match, named=named, source=source.path, clip=clip.name)


def _check_one_method(folder: Path) -> None:
    """Frames that a run saved are of one method, the one that the run's table shows under that label."""
    notes = {path: note for path in _results(folder) if (note := read_note(path)) is not None}
    owners = {note.identity: (path, note) for path, note in notes.items()}
    try:
        declared = read_json(folder.parent.parent / "run.json")["contents"]["methods"] if notes else {}
    except (ColorbenchError, OSError, LookupError, TypeError):
        declared = {}
    for path, note in owners.values():
        now = declared.get(note.label, {}).get("identity", note.identity)
        if len(owners) > 1 or now != note.identity:
            raise UsageError(
                f"{path} holds frames of {note.method}:{note.variant}, saved under the label {note.label!r}; "
                + ("other clips beside it are of another method" if len(owners) > 1 else "the run has another method there now"),
                wanted="saved frames of one method, the run's own",
                remedy="give the run's command again with --save-frames, or score a copy of the folders that belong together",
            )


def _check_saved(path: Path) -> None:
    note = read_note(path)
    if note is not None and (wrong := changed_frames(path, note)):
        raise MethodError(
            f"saved frames are not as the run wrote them: {wrong}",
            wanted=f"the frames of {note.label!r} on {note.clip!r}",
            remedy="give the run's command again with --save-frames: they are made anew",
        )


def _folder(settings: Mapping[str, str]) -> Path:
    folder = Path(settings["folder"]).expanduser()
    if not folder.is_dir():
        raise UsageError(
            f"no folder of results at {folder}", wanted="a folder with a folder or video for each clip", remedy="check the path"
        )
    return folder


def _results(folder: Path) -> list[Path]:
    """Folders of pictures and videos in a folder of results, by name."""
    found = (path for path in folder.iterdir() if not path.name.startswith("."))
    return sorted(path for path in found if path.suffix.lower() in VIDEO_SUFFIXES or _holds_pictures(path))


def _holds_pictures(path: Path) -> bool:
    return path.is_dir() and any(is_picture_name(inside.name) for inside in path.iterdir())


def _resized(rgb: RgbFrame, clip: GrayClip) -> RgbFrame:
    if rgb.shape[:2] == (clip.height, clip.width):
        return rgb
    import cv2

    shrinks = rgb.shape[0] * rgb.shape[1] > clip.height * clip.width
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    resized: RgbFrame = cv2.resize(rgb, (clip.width, clip.height), interpolation=interpolation)
    return resized


def _threads() -> int:
    return os.cpu_count() or 1


METHODS = (Precomputed(),)
