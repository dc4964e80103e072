"""swscale with every choice named: matrix, range, accuracy, and where the samples of chroma lie."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, cast

from colorbench.frames.siting import Siting

if TYPE_CHECKING:
    from av import VideoFrame
    from av.filter import Graph

MATRICES = {1: "bt709", 4: "fcc", 5: "bt470", 6: "smpte170m", 7: "smpte240m", 9: "bt2020"}
"""ISO/IEC 23091-2 matrix coefficients to FFmpeg's names. Absent: YCgCo, constant luminance, ICtCp."""

_FLAGS = "flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp+bitexact"
_TICK = Fraction(1, 25)


@dataclass(frozen=True, slots=True)
class Samples:
    """One side of a conversion."""

    format: str
    """FFmpeg's name."""
    full: bool
    """Full range; else limited."""
    matrix: int | None = None
    """Of MATRICES; None for RGB and gray."""
    siting: Siting | None = None
    """None where chroma is not subsampled."""

    def options(self, side: str) -> str:
        """As FFmpeg's filter "scale" wants them; ``side`` is "in" or "out"."""
        parts = [f"{side}_range={'full' if self.full else 'limited'}"]
        if self.matrix is not None:
            parts.append(f"{side}_color_matrix={MATRICES[self.matrix]}")
        if self.siting is not None:
            parts.append(f"{side}_h_chr_pos={self.siting.across}:{side}_v_chr_pos={self.siting.down}")
        return ":".join(parts)


class Rescaler:
    """Converts frames one after the other; set up anew where size or samples change. For one thread at a time."""

    def __init__(self) -> None:
        self._made: tuple[int, int, Samples, Samples] | None = None
        self._graph: Graph | None = None

    def convert(self, frame: VideoFrame, source: Samples, target: Samples) -> VideoFrame:
        """A frame of ``source`` as one of ``target``, of the same size."""
        asked = (frame.width, frame.height, source, target)
        if self._graph is None or self._made != asked:
            self._graph, self._made = _graph(*asked), asked
        frame.pts, frame.time_base = 0, _TICK
        self._graph.push(frame)
        return cast("VideoFrame", self._graph.pull())


def _graph(width: int, height: int, source: Samples, target: Samples) -> Graph:
    from av import VideoFormat
    from av.filter import Graph

    graph = Graph()
    enters = graph.add_buffer(width=width, height=height, format=VideoFormat(source.format), time_base=_TICK)
    scales = graph.add("scale", f"{_FLAGS}:{source.options('in')}:{target.options('out')}")
    leaves = graph.add("format", f"pix_fmts={target.format}")
    sink = graph.add("buffersink")
    for one, other in ((enters, scales), (scales, leaves), (leaves, sink)):
        one.link_to(other)
    graph.configure()
    return graph
