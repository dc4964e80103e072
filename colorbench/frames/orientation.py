"""How a film's display matrix turns and mirrors its frames: all eight ways, as players show them."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from colorbench.errors import FramesError

if TYPE_CHECKING:
    from av import VideoFrame

T = TypeVar("T", bound=np.generic)

_MATRIX = "<9i"


@dataclass(frozen=True, slots=True)
class Orientation:
    """What is done to the frames as coded, in this order."""

    transposed: bool = False
    """Rows become columns."""
    rows_reversed: bool = False
    columns_reversed: bool = False

    def applied(self, levels: NDArray[T]) -> NDArray[T]:
        """(H, W, C) as coded -> as shown, contiguous."""
        if self.transposed:
            levels = levels.transpose(1, 0, 2)
        if self.rows_reversed:
            levels = levels[::-1]
        if self.columns_reversed:
            levels = levels[:, ::-1]
        return np.ascontiguousarray(levels)


UPRIGHT = Orientation()


def orientation_of(frame: VideoFrame, *, name: str) -> Orientation:
    """Of a decoded frame.

    The matrix (ISO/IEC 14496-12, tkhd) moves a pixel at (x, y) to (a x + c y, b x + d y).

    Args:
        frame: as PyAV decodes it.
        name: of the frame, for messages.

    Raises:
        FramesError: it is turned by something else than quarter turns.
    """
    from av.sidedata.sidedata import Type

    # The type stubs of PyAV 18 know its keys as names alone.
    matrix = frame.side_data.get(Type.DISPLAYMATRIX)  # type: ignore[call-overload]
    if matrix is None:
        return UPRIGHT
    a, b, _, c, d, *_ = struct.unpack(_MATRIX, bytes(matrix)[: struct.calcsize(_MATRIX)])
    if a and d and not b and not c:
        return Orientation(rows_reversed=d < 0, columns_reversed=a < 0)
    if b and c and not a and not d:
        return Orientation(transposed=True, rows_reversed=b < 0, columns_reversed=c < 0)
    raise FramesError(
        f"{name} is to be rotated by {frame.rotation} degrees", wanted="quarter turns and mirroring", remedy="convert the video"
    )
