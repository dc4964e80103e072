"""Where chroma lies: what a stream says is honored, and what is written is what the stream says."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
import pytest
from av.video.stream import VideoStream
from numpy.typing import NDArray

from colorbench.film.encoding import Encoding
from colorbench.film.pieces import write_piece
from colorbench.film.timeline import Look, even_timeline
from colorbench.frames.opening import open_frames
from colorbench.frames.rescaling import Rescaler, Samples
from colorbench.frames.siting import CENTER, LEFT, Siting, stream_siting
from colorbench.types import RgbFrame

H, W = 48, 96


def edges() -> NDArray[np.uint8]:
    """Saturated colors whose borders lie on odd columns and rows."""
    rgb = np.full((H, W, 3), 120, np.uint8)
    rgb[:, 33:63] = (200, 60, 60)
    rgb[:, 63:] = (50, 70, 190)
    rgb[17:31, 11:23] = (60, 170, 70)
    return rgb


def psnr(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    return float(10 * np.log10(255**2 / np.square(first.astype(float) - second).mean()))


def film(path: Path, siting: Siting, encoder: str, options: dict[str, str]) -> Path:
    """Chroma made for ``siting``; the options say what the stream tells of it."""
    frame = av.VideoFrame.from_ndarray(edges(), format="rgb24")
    target = Samples("yuv420p", full=False, matrix=6, siting=siting)
    converted = Rescaler().convert(frame, Samples("rgb24", full=True), target)
    with av.open(str(path), "w") as container:
        stream = cast(VideoStream, container.add_stream(encoder, rate=25, options=options))
        stream.width, stream.height, stream.pix_fmt = W, H, "yuv420p"
        container.mux(stream.encode(converted))
        container.mux(stream.encode())
    return path


CASES = [
    ("libx264", {"crf": "1"}, "film.mp4", LEFT),
    ("libx264", {"crf": "1", "x264-params": "chromaloc=1"}, "film.mp4", CENTER),
    ("libx264", {"crf": "1", "x264-params": "chromaloc=2"}, "film.mkv", Siting(0, 0)),
    ("libx265", {"crf": "1", "x265-params": "log-level=none:bframes=0:chromaloc=1"}, "film.ts", CENTER),
    ("libx265", {"crf": "1", "x265-params": "log-level=none:bframes=0"}, "film.mp4", LEFT),
    ("mpeg2video", {"qmin": "1", "qmax": "1"}, "film.mpg", LEFT),
    ("ffv1", {}, "film.mkv", LEFT),
]


@pytest.mark.parametrize(("encoder", "options", "name", "siting"), CASES)
def test_chroma_is_read_from_where_the_stream_says_it_lies(
    tmp_path: Path, encoder: str, options: dict[str, str], name: str, siting: Siting
) -> None:
    path = film(tmp_path / name, siting, encoder, options)
    with av.open(str(path)) as container:
        assert stream_siting(container.streams.video[0]) == siting
    ours = psnr(open_frames(path).read(0), edges())
    other = CENTER if siting.across == 0 else LEFT
    with av.open(str(film(tmp_path / f"other-{name}", other, encoder, options))) as container:
        assert ours > psnr(open_frames(Path(container.name)).read(0), edges()) + 1.0


@pytest.mark.parametrize("codec", ["h264", "hevc", "ffv1"])
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p"])
def test_what_is_written_agrees_with_what_the_stream_says(tmp_path: Path, codec: str, pix_fmt: str) -> None:
    encoding = Encoding(codec=codec, crf=None if codec == "ffv1" else 1, pix_fmt=pix_fmt)
    piece = tmp_path / "piece.mkv"
    write_piece(piece, [edges()] * 2, even_timeline(2, Fraction(25)), look=Look(6, 6, 6), encoding=encoding)
    with av.open(str(piece)) as container:
        frame = next(container.decode(video=0))
        scores = {}
        for siting in (LEFT, CENTER):
            source = Samples(pix_fmt, full=False, matrix=6, siting=siting)
            shown = cast(RgbFrame, Rescaler().convert(frame, source, Samples("rgb24", full=True)).to_ndarray())
            scores[siting] = psnr(shown, edges())
    assert scores[LEFT] > scores[CENTER] + 1.0
