"""Codecs, quality and samples of a film that is written."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from colorbench.errors import ColorbenchError, UnknownNameError, UsageError
from colorbench.film.encoding import CODECS, PIX_FMTS, Encoding
from colorbench.film.pieces import join_pieces, write_piece
from colorbench.film.timeline import even_timeline, look_of_pictures, read_look, read_timecode, read_timeline
from colorbench.frames.opening import open_frames

LOOK = look_of_pictures(48)
TIMELINE = even_timeline(12, Fraction(25))
SUFFIX = {"h264": ".mp4", "hevc": ".mp4", "prores": ".mov", "ffv1": ".mkv"}


def ramp(number: int) -> NDArray[np.uint16]:
    """A slow gradient of 16 bits that differs from frame to frame."""
    y, x = np.mgrid[:48, :64]
    channels = (20000 + 40 * x, 30000 + 60 * y, 25000 + 900 * number + 0 * x)
    return np.stack(channels, axis=-1).astype(np.uint16)


def written(folder: Path, encoding: Encoding, *, name: str = "out", timecode: str | None = None) -> Path:
    frames = [ramp(number) if encoding.deep else (ramp(number) / 257).round().astype(np.uint8) for number in range(12)]
    pieces = [folder / f"{name}-{start}" for start in (0, 5)]
    for path, part in zip(pieces, (frames[:5], frames[5:]), strict=True):
        write_piece(path, part, TIMELINE, look=LOOK, encoding=encoding)
    path = folder / f"{name}{SUFFIX[encoding.codec]}"
    join_pieces(path, pieces, TIMELINE, sound=None, tags={}, timecode=timecode)
    return path


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("pix_fmt", [None, "yuv444p10le"])
def test_each_codec_makes_a_film_of_every_frame_in_order(tmp_path: Path, codec: str, pix_fmt: str | None) -> None:
    encoding = Encoding(codec=codec, pix_fmt=pix_fmt)
    encoding.check(SUFFIX[codec], 48, 64)
    path = written(tmp_path, encoding)
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.name == codec
        assert container.streams.video[0].pix_fmt == encoding.samples(48, 64)
    source = open_frames(path)
    assert source.n_frames == 12
    for number in range(12):
        wanted = ramp(number).astype(np.float64) / 257
        assert np.abs(np.median(source.read(number) - wanted, axis=(0, 1))).max() < 2.0
    times = read_timeline(path, 12)
    assert [float((time - times.times[0]) * times.time_base) for time in times.times] == pytest.approx(
        [number / 25 for number in range(12)], abs=0.0006
    )
    assert read_look(path).matrix == LOOK.matrix


def test_hevc_has_the_tag_that_all_players_know(tmp_path: Path) -> None:
    with av.open(str(written(tmp_path, Encoding(codec="hevc")))) as container:
        assert container.streams.video[0].codec_context.codec_tag == "hvc1"


def test_ten_bits_hold_more_levels_than_eight(tmp_path: Path) -> None:
    levels = {}
    for pix_fmt in ("yuv420p", "yuv420p10le"):
        path = written(tmp_path, Encoding(crf=0, pix_fmt=pix_fmt), name=pix_fmt)
        with av.open(str(path)) as container:
            frame = next(container.decode(video=0))
            levels[pix_fmt] = len(np.unique(frame.to_ndarray()[:48]))
    assert levels["yuv420p10le"] > 2 * levels["yuv420p"]


def test_a_lower_crf_is_nearer_to_the_frames(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 256, (48, 64, 3)).astype(np.uint8) for _ in range(3)]
    sizes = []
    for crf in (4, 40):
        write_piece(tmp_path / f"{crf}", frames, even_timeline(3, Fraction(25)), look=LOOK, encoding=Encoding(crf=crf))
        sizes.append((tmp_path / f"{crf}").stat().st_size)
    assert sizes[0] > 2 * sizes[1]


@pytest.mark.parametrize("codec", ["h264", "prores", "ffv1"])
def test_the_timecode_of_the_first_frame_is_kept(tmp_path: Path, codec: str) -> None:
    assert read_timecode(written(tmp_path, Encoding(codec=codec), timecode="10:00:00:05")) == "10:00:00:05"
    assert read_timecode(written(tmp_path, Encoding(codec=codec), name="none")) is None


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"codec": "h265"}, "unknown codec 'h265', did you mean"),
        ({"pix_fmt": "yuv420p10"}, "unknown pix_fmt 'yuv420p10', did you mean 'yuv420p10le'"),
        ({"crf": 52}, "crf 52"),
        ({"codec": "ffv1", "crf": 3}, "crf 3 with ffv1"),
    ],
)
def test_values_that_mean_nothing_are_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        Encoding(**fields)  # type: ignore[arg-type]
    assert caught.value.wanted or isinstance(caught.value, UnknownNameError)


@pytest.mark.parametrize(
    ("encoding", "suffix", "size", "message"),
    [
        (Encoding(codec="ffv1"), ".mp4", (48, 64), r"a \.mp4 file does not hold ffv1"),
        (Encoding(codec="prores"), ".mp4", (48, 64), r"a \.mp4 file does not hold prores"),
        (Encoding(codec="prores", pix_fmt="yuv420p10le"), ".mov", (48, 64), "prores_ks has no samples yuv420p10le"),
        (Encoding(pix_fmt="yuv420p"), ".mp4", (47, 64), "samples yuv420p for frames of 64x47"),
        (Encoding(pix_fmt="yuv422p10le"), ".mkv", (47, 63), "samples yuv422p10le for frames of 63x47"),
    ],
)
def test_what_can_not_be_written_is_refused_in_three_parts(
    encoding: Encoding, suffix: str, size: tuple[int, int], message: str
) -> None:
    with pytest.raises(ColorbenchError, match=message) as caught:
        encoding.check(suffix, *size)
    assert caught.value.wanted
    assert caught.value.remedy


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize("pix_fmt", PIX_FMTS)
def test_the_samples_that_are_offered_are_there(codec: str, pix_fmt: str) -> None:
    Encoding(codec=codec, pix_fmt=pix_fmt).check(".mp4", 48, 64)


def test_hevc_of_frames_too_narrow_for_its_encoder_is_refused() -> None:
    with pytest.raises(UsageError, match="hevc for frames of 48x64"):
        Encoding(codec="hevc").check(".mp4", 64, 48)
    Encoding(codec="h264").check(".mp4", 64, 48)
