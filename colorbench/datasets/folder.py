"""Any footage of one's own: folders of pictures and video files, with or without reference pictures."""

from __future__ import annotations

import os
from pathlib import Path

from colorbench.errors import DatasetError, UnknownNameError
from colorbench.files.composed import find_name
from colorbench.frames.matching import some
from colorbench.frames.pictures import is_picture, is_picture_name, natural_key, picture_files
from colorbench.frames.video import VIDEO_SUFFIXES
from colorbench.types import Clip, DatasetCard

_FRAMES, _REFERENCES = "frames", "references"


class Folder:
    """A root that is a clip, or whose folders and video files are clips.

    A clip is a video file, a folder of pictures, a folder with ``frames/``, or a folder with one video file. Its name is the
    folder's name or the file's stem. Its references are the pictures in its own ``references/``, else those in
    ``references/CLIP/`` under the root, else, for the only clip, those in ``references/`` under the root. Folders with none
    of these are ignored.
    """

    card = DatasetCard(
        name="folder",
        summary="any folder: its folders of pictures and its video files are the clips",
        licence="your own",
        layout="CLIP/00000.png, CLIP/frames/00000.png, CLIP/film.mp4 or CLIP.mp4; CLIP/references/ or references/CLIP/",
        splits=("all",),
        obtain="name your own folder with --data-root PATH",
    )

    def missing(self, root: Path | None) -> str:
        """See Dataset."""
        if root is None:
            return "no folder named"
        if not root.exists():
            return "it does not exist"
        return "" if _found(root) else "no pictures, no folder of pictures and no video file"

    def clips(self, root: Path | None, *, split: str | None = None) -> tuple[Clip, ...]:
        """See Dataset.

        Raises:
            DatasetError: no clip, two of one name, several videos in one folder, or pictures beside clips.
        """
        if split not in {None, *self.card.splits}:
            raise UnknownNameError("split of dataset 'folder':", str(split), self.card.splits)
        if root is None or self.missing(root):
            reason = self.missing(root)
            raise DatasetError(f"no clip under {root}: {reason}", wanted=self.card.layout, remedy=self.card.obtain)
        sources: dict[str, Path] = {}
        for name, source in sorted(_found(root), key=lambda pair: natural_key(pair[0])):
            if name in sources:
                raise DatasetError(
                    f"{sources[name]} and {source} are both named {name!r}",
                    wanted="clips of different names",
                    remedy="rename one",
                )
            sources[name] = source
        only = len(sources) == 1
        return tuple(
            Clip(name=name, dataset=self.card.name, source=source, references=_references(root, name, source, only=only))
            for name, source in sources.items()
        )

    def left_out(self, root: Path | None) -> tuple[str, ...]:
        """What under the root is neither a clip nor references, each with the reason."""
        if root is None or not root.is_dir() or any(source in (root, root / _FRAMES) for _, source in _found(root)):
            return ()
        places = {source for _, source in _found(root)}
        known = {root / _REFERENCES, root / _FRAMES} | places | {place.parent for place in places if place.parent != root}
        return tuple(f"{entry.name}{_why_not(entry)}" for entry in _entries(root) if entry not in known)


def _why_not(entry: Path) -> str:
    """Why an entry is no clip."""
    if not entry.is_dir():
        return ", not a regular file" if entry.exists() and not entry.is_file() else ", no video or picture that can be read"
    inside = [path.name for path in _entries(entry)]
    return f"/, no picture and no video in it{f': {some(inside)}' if inside else ''}"


def _found(root: Path) -> list[tuple[str, Path]]:
    """Names and sources of the clips."""
    if root.is_file():
        known = _is_video(root) or is_picture_name(root.name)
        return [(root.stem, root)] if known else []
    clips = [(entry.stem, entry) for entry in _entries(root) if _is_video(entry)]
    for folder in _entries(root):
        if folder.is_dir() and folder.name not in {_REFERENCES, _FRAMES} and (source := _source(folder)) is not None:
            clips.append((folder.name, source))
    own = root if _has_pictures(root) else root / _FRAMES if _has_pictures(root / _FRAMES) else None
    if own is None:
        return clips
    if clips:
        raise DatasetError(
            f"{own} holds pictures, and beside them is the clip {clips[0][1]}",
            wanted="a folder of pictures, or a folder of clips",
            remedy="move the pictures into a folder of their own",
        )
    return [(root.resolve().name, own)]


def _source(folder: Path) -> Path | None:
    """What holds the frames of a clip folder; None if nothing does."""
    for place in (folder, folder / _FRAMES):
        if _has_pictures(place):
            return place
    videos = [entry for entry in _entries(folder) if _is_video(entry)]
    if len(videos) > 1:
        raise DatasetError(
            f"{folder} holds {len(videos)} videos, {videos[0].name} and {videos[1].name} among them",
            wanted="one video in a clip's folder",
            remedy=f"name {folder} itself with --data-root, or give each video its own folder",
        )
    return videos[0] if videos else None


def _references(root: Path, name: str, source: Path, *, only: bool) -> tuple[Path, ...]:
    if root.is_file():
        return ()
    own = source.parent if source.is_file() or source.name == _FRAMES else source
    places = [own / _REFERENCES] if own != root or only else []
    places += [root / _REFERENCES / found for found in [_named(name, root / _REFERENCES)] if found is not None]
    places += [root / _REFERENCES] if only else []
    return next((picture_files(place) for place in places if _has_pictures(place)), ())


def _named(name: str, folder: Path) -> str | None:
    """What is named so in a folder, however its accents are written."""
    return find_name(name, [entry.name for entry in _entries(folder)]) if folder.is_dir() else None


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted((f for f in folder.iterdir() if not f.name.startswith(".")), key=lambda f: natural_key(f.name))
    except OSError as error:
        raise DatasetError(
            f"can't list {folder}: {error.strerror or error}", wanted="a folder that can be read", remedy="check its permissions"
        ) from error


def _has_pictures(folder: Path) -> bool:
    if not folder.is_dir():
        return False
    with os.scandir(folder) as entries:
        return any(map(is_picture, entries))


def _is_video(path: Path) -> bool:
    return path.suffix.lower() in VIDEO_SUFFIXES and not path.is_dir()


DATASETS = (Folder(),)
