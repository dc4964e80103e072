"""What a source has beside its pictures: what a copy keeps of it, and what it names as lost before any work is done."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from colorbench.errors import FramesError

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.container.core import Chapter
    from av.stream import Stream
    from av.video.stream import VideoStream

FORMATS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}
"""FFmpeg's names of the kinds of film that are written."""

FILM_SUFFIXES = frozenset(FORMATS)

_FIELDS = {2: "top field first", 3: "bottom field first", 4: "top field first", 5: "bottom field first"}
"""FFmpeg's AVFieldOrder; 0 is unknown, 1 progressive."""
_LOOKED_AT = 10
_BYTE = 8


def check_sound(path: Path, source: Path) -> None:
    """Refuses an output that can't hold the source's sound, before any work is done.

    Raises:
        FramesError: naming the codec and a kind of file that can.
    """
    import av

    with av.open(str(source)) as container:
        for track in container.streams.audio:
            if not _holds(path, track):
                raise FramesError(
                    f"{path.name} can't hold the source's sound ({track.codec_context.name})",
                    wanted="a kind of file that holds it as it is",
                    remedy="give the output the suffix .mkv, or convert the source's sound first",
                )


def kept_tracks(source: InputContainer, path: Path) -> tuple[Stream, ...]:
    """The sound of a source, and its subtitles as far as a film of this name holds them."""
    return (*source.streams.audio, *(track for track in source.streams.subtitles if _holds(path, track)))


def moved_chapters(source: InputContainer, origin: Fraction) -> list[Chapter]:
    """The chapters of a source, counted from its film's origin."""
    return [
        {**chapter, "start": chapter["start"] - start, "end": chapter["end"] - start}
        for chapter in source.chapters()
        if chapter["time_base"] is not None
        for start in [round(origin / chapter["time_base"])]
    ]


def lost(source: Path, path: Path, *, deep: bool) -> tuple[str, ...]:
    """What a source has and its copy will not have, a sentence each, with what to do about it.

    Args:
        source: a video.
        path: of the copy, which decides what it can hold.
        deep: the copy has more than 8 bits a sample.
    """
    import av
    from av.stream import Disposition

    found = []
    with av.open(str(source)) as container:
        pictures = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
        stream = pictures[0]
        if (order := _fields(container, pictures[0])) is not None:
            found.append(
                f"the film is interlaced ({order}) and is written as whole frames; colors are best made of one that is "
                "deinterlaced first: ffmpeg -i IN -vf bwdif -c:v ffv1 -c:a copy OUT.mkv"
            )
        bits = max(component.bits for component in stream.format.components)
        if bits > _BYTE:
            wider = "" if deep else "; --pix-fmt yuv420p10le keeps more of its chroma"
            found.append(f"the film has {bits} bits a sample, its luminance is read in 8{wider}")
        if any(component.is_alpha for component in stream.format.components):
            found.append("the film's transparency is not kept")
        if len(pictures) > 1:
            found.append(f"only the first of {len(pictures)} video tracks is colored and kept")
        if len(container.streams.video) > len(pictures):
            found.append("the picture that is attached as a cover is not kept")
        unheld = [track for track in container.streams.subtitles if not _holds(path, track)]
        if unheld:
            names = ", ".join(sorted({track.codec_context.name for track in unheld}))
            found.append(f"{path.suffix} does not hold the film's subtitles ({names}); give the output the suffix .mkv")
        data = [track for track in container.streams.data if track.metadata.get("timecode") is None]
        if data or container.streams.attachments:
            found.append(f"{len(data) + len(container.streams.attachments)} tracks of data or attachments are not kept")
    return tuple(found)


def _fields(container: InputContainer, stream: VideoStream) -> str | None:
    """The order of an interlaced film's fields; None of a progressive one."""
    # The type stubs of PyAV 18 lack it.
    order = _FIELDS.get(int(getattr(stream.codec_context, "field_order", 0)))
    if order is not None:
        return order
    frames = (frame for _, frame in zip(range(_LOOKED_AT), container.decode(stream), strict=False))
    return "the order of its fields is not said" if any(frame.interlaced_frame for frame in frames) else None


def _holds(path: Path, track: Stream) -> bool:
    """A film of this name takes a track as it is."""
    import av
    import av.error

    try:
        with av.open(io.BytesIO(), "w", format=FORMATS[path.suffix.lower()]) as out:
            out.add_stream_from_template(track)
            out.start_encoding()
    except (ValueError, av.error.FFmpegError):
        return False
    return True
