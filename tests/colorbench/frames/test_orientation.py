"""All eight ways in which a display matrix turns and mirrors a film."""

from __future__ import annotations

import struct
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from colorbench.errors import FramesError
from colorbench.frames.opening import open_frames

H, W = 32, 48
ONE = 1 << 16


def picture() -> NDArray[np.uint8]:
    """Four quarters of one color each, no two orientations of which are alike."""
    rgb = np.zeros((H, W, 3), np.uint8)
    rgb[: H // 2, : W // 2] = (200, 40, 40)
    rgb[: H // 2, W // 2 :] = (40, 180, 60)
    rgb[H // 2 :, : W // 2] = (40, 60, 200)
    rgb[H // 2 :, W // 2 :] = (210, 210, 60)
    return rgb


def film(path: Path, matrix: tuple[int, int, int, int]) -> Path:
    """A film whose track header says (a, b, c, d)."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "1"})
        stream.width, stream.height, stream.pix_fmt = W, H, "yuv444p"
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(), format="rgb24")))
        container.mux(stream.encode())
    data = bytearray(path.read_bytes())
    box = data.find(b"tkhd")
    at = box + 8 + (20 if data[box + 4] == 0 else 32) + 16
    a, b, c, d = (ONE * value for value in matrix)
    data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(bytes(data))
    return path


# By hand: a pixel at (x, y) is shown at (a x + c y, b x + d y), as ISO/IEC 14496-12 says.
SHOWN = [
    ((1, 0, 0, 1), lambda rgb: rgb),
    ((-1, 0, 0, 1), lambda rgb: rgb[:, ::-1]),
    ((1, 0, 0, -1), lambda rgb: rgb[::-1]),
    ((-1, 0, 0, -1), lambda rgb: rgb[::-1, ::-1]),
    ((0, 1, 1, 0), lambda rgb: rgb.transpose(1, 0, 2)),
    ((0, 1, -1, 0), lambda rgb: np.rot90(rgb, -1)),
    ((0, -1, 1, 0), lambda rgb: np.rot90(rgb, 1)),
    ((0, -1, -1, 0), lambda rgb: rgb.transpose(1, 0, 2)[::-1, ::-1]),
]


@pytest.mark.parametrize(("matrix", "shown"), SHOWN)
def test_a_film_is_turned_and_mirrored_as_players_show_it(tmp_path: Path, matrix: tuple[int, int, int, int], shown) -> None:  # type: ignore[no-untyped-def]
    source = open_frames(film(tmp_path / "film.mp4", matrix))
    wanted = shown(picture())
    assert (source.height, source.width) == wanted.shape[:2]
    for index in (0, 2):
        assert np.median(np.abs(source.read(index).astype(int) - wanted)) <= 3


def test_another_turn_is_refused(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4", (1, 1, -1, 1))
    with pytest.raises(FramesError, match="is to be rotated by"):
        open_frames(path)
