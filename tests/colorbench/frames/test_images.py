"""One picture to (H, W, 3) uint8 sRGB, whatever the file holds; one that is not whole is refused."""

from __future__ import annotations

import errno
import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from colorbench.errors import FramesError, StoreError
from colorbench.frames.images import read_image, to_8_bit, write_png

GRAY = np.arange(12 * 20, dtype=np.uint8).reshape(12, 20)
RGBA = np.dstack([GRAY, GRAY // 2, 255 - GRAY, GRAY[::-1]])
RGB = np.ascontiguousarray(RGBA[..., :3])
DEEP = np.random.default_rng(0).integers(0, 65536, (12, 20, 3)).astype(np.uint16)
PALETTE = np.random.default_rng(1).integers(0, 256, (256, 3)).astype(np.uint8)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def encoded(suffix: str, bgr: NDArray[np.generic], *options: int) -> bytes:
    done, data = cv2.imencode(suffix, bgr, options)
    assert done
    return bytes(data.tobytes())


def three(gray: NDArray[np.generic]) -> NDArray[np.generic]:
    return np.dstack([gray] * 3)


def indexed() -> Image.Image:
    image = Image.fromarray(GRAY, "L").copy()
    image.putpalette(PALETTE.tobytes())
    return image


def deep_expected() -> NDArray[np.generic]:
    return np.round(DEEP / 257).astype(np.uint8)


LOSSLESS: dict[str, tuple[bytes, NDArray[np.generic]]] = {
    "rgb.png": (saved(Image.fromarray(RGB), "PNG"), RGB),
    "gray.png": (saved(Image.fromarray(GRAY), "PNG"), three(GRAY)),
    "gray-alpha.png": (saved(Image.fromarray(np.dstack([GRAY, 255 - GRAY])), "PNG"), three(GRAY)),
    "rgb-alpha.png": (saved(Image.fromarray(RGBA), "PNG"), RGB),
    "palette.png": (saved(indexed(), "PNG"), PALETTE[GRAY]),
    "palette-transparent.png": (saved(indexed(), "PNG", transparency=bytes(range(256))), PALETTE[GRAY]),
    "one-bit.png": (saved(Image.fromarray(GRAY > 99), "PNG"), three((GRAY > 99) * np.uint8(255))),
    "gray16.png": (encoded(".png", DEEP[..., 0]), three(deep_expected()[..., 0])),
    "rgb16.png": (encoded(".png", DEEP[..., ::-1].copy()), deep_expected()),
    "rgb.bmp": (saved(Image.fromarray(RGB), "BMP"), RGB),
    "palette.bmp": (saved(indexed(), "BMP"), PALETTE[GRAY]),
    "rgb.webp": (saved(Image.fromarray(RGB), "WEBP", lossless=True), RGB),
    "rgb-alpha.webp": (saved(Image.fromarray(RGBA), "WEBP", lossless=True, exact=True), RGB),
    "rgb.tif": (saved(Image.fromarray(RGB), "TIFF"), RGB),
    "rgb-lzw.tiff": (saved(Image.fromarray(RGB), "TIFF", compression="tiff_lzw"), RGB),
    "rgb-alpha.tif": (saved(Image.fromarray(RGBA), "TIFF"), RGB),
    "palette.tif": (saved(indexed(), "TIFF"), PALETTE[GRAY]),
    "one-bit.tif": (saved(Image.fromarray(GRAY > 99), "TIFF"), three((GRAY > 99) * np.uint8(255))),
    "gray16.tif": (encoded(".tiff", DEEP[..., 0]), three(deep_expected()[..., 0])),
    "rgb16.tif": (encoded(".tiff", DEEP[..., ::-1].copy()), deep_expected()),
    "rgb16-plain.tif": (encoded(".tiff", DEEP[..., ::-1].copy(), cv2.IMWRITE_TIFF_COMPRESSION, 1), deep_expected()),
    "upper-case.PNG": (saved(Image.fromarray(RGB), "PNG"), RGB),
    "png under another suffix.jpg": (saved(Image.fromarray(RGB), "PNG"), RGB),
    "ünïcode 日本 name.png": (saved(Image.fromarray(RGB), "PNG"), RGB),
}


@pytest.mark.parametrize("name", LOSSLESS)
def test_lossless_pictures_are_read_to_the_level(tmp_path: Path, name: str) -> None:
    data, expected = LOSSLESS[name]
    path = tmp_path / name
    path.write_bytes(data)
    rgb = read_image(path)
    assert rgb.dtype == np.uint8
    assert rgb.flags.c_contiguous
    np.testing.assert_array_equal(rgb, expected)


def test_alpha_of_16_bit_tiff_is_dropped(tmp_path: Path) -> None:
    bgra = np.dstack([DEEP[..., ::-1], DEEP[..., 1]])
    (tmp_path / "a.tif").write_bytes(encoded(".tiff", bgra))
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), deep_expected())


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}])
def test_jpeg_is_what_imread_gives(tmp_path: Path, options: dict[str, object]) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(saved(Image.fromarray(RGB), "JPEG", quality=90, **options))
    expected = cv2.imread(str(path))
    assert expected is not None
    np.testing.assert_array_equal(read_image(path), expected[..., ::-1])


def test_gray_jpeg_has_three_equal_channels(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(saved(Image.fromarray(GRAY), "JPEG"))
    rgb = read_image(tmp_path / "a.jpg")
    assert (rgb == rgb[..., :1]).all()


def test_cmyk_jpeg_is_converted_within_two_levels(tmp_path: Path) -> None:
    data = saved(Image.fromarray(RGB).convert("CMYK"), "JPEG", quality=100)
    (tmp_path / "a.jpg").write_bytes(data)
    expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)
    assert np.abs(read_image(tmp_path / "a.jpg") - expected).max() <= 2


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_orientation_is_applied(tmp_path: Path, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    half = np.zeros((16, 32, 3), np.uint8)
    half[:, :16] = 250
    path = tmp_path / f"a.{kind.lower()}"
    path.write_bytes(saved(Image.fromarray(half), kind, exif=exif))
    rgb = read_image(path)
    assert rgb.shape == (32, 16, 3)
    assert rgb[4].min() > 200 > 50 > rgb[-4].max()


def test_exif_orientation_of_16_bit_tiff_is_applied(tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, DEEP, photometric="rgb", extratags=[(274, "H", 1, 6, True)])
    np.testing.assert_array_equal(read_image(path), np.rot90(deep_expected(), -1))


@given(st.integers(0, 65535), st.integers(9, 16))
def test_depth_is_reduced_by_correct_rounding(value: int, bits: int) -> None:
    value >>= 16 - bits
    assert to_8_bit(np.array([value], np.uint16), bits=bits)[0] == int(value * 255 / (2**bits - 1) + 0.5)


CUT = {
    "a.png": saved(Image.fromarray(RGB), "PNG"),
    "a.jpg": saved(Image.fromarray(RGB), "JPEG"),
    "b.jpg": saved(Image.fromarray(RGB), "JPEG", progressive=True),
    "a.webp": saved(Image.fromarray(RGB), "WEBP"),
    "a.tif": saved(Image.fromarray(RGB), "TIFF"),
    "b.tif": saved(Image.fromarray(RGB), "TIFF", compression="tiff_lzw"),
    "c.tif": encoded(".tiff", DEEP),
    "a.bmp": saved(Image.fromarray(RGB), "BMP"),
}


@pytest.mark.parametrize("name", CUT)
@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.6, 0.9, 0.99])
def test_a_picture_that_is_cut_off_is_refused_by_name(tmp_path: Path, name: str, share: float) -> None:
    path = tmp_path / name
    path.write_bytes(CUT[name][: int(len(CUT[name]) * share)])
    with pytest.raises(FramesError, match=name) as raised:
        read_image(path)
    assert raised.value.wanted
    assert raised.value.remedy


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "b.jpg", "a.webp"])
def test_truncation_is_seen_before_the_decoder_prints_to_the_terminal(
    tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / name
    path.write_bytes(CUT[name][:-9])
    with pytest.raises(FramesError, match="cut off"):
        read_image(path)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp"])
def test_bytes_after_the_end_of_a_picture_are_allowed(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(CUT[name])
    whole = read_image(tmp_path / name)
    (tmp_path / name).write_bytes(CUT[name] + b"appended by a camera")
    np.testing.assert_array_equal(read_image(tmp_path / name), whole)


def test_a_thumbnail_does_not_hide_a_cut(tmp_path: Path) -> None:
    thumbnail = saved(Image.fromarray(RGB[:4, :4].copy()), "JPEG")
    picture = CUT["a.jpg"]
    comment = b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
    with_thumbnail = picture[:2] + comment + picture[2:]
    (tmp_path / "a.jpg").write_bytes(with_thumbnail)
    assert read_image(tmp_path / "a.jpg").shape == RGB.shape
    (tmp_path / "a.jpg").write_bytes(with_thumbnail[:-20])
    with pytest.raises(FramesError, match="cut off"):
        read_image(tmp_path / "a.jpg")


def frames_of(kind: str) -> bytes:
    return saved(Image.fromarray(RGB), kind, save_all=True, append_images=[Image.fromarray(255 - RGB)])


REFUSED = {
    "float.tif": (encoded(".tiff", GRAY.astype(np.float32)), "32 bits"),
    "float-rgb.tif": (encoded(".tiff", RGB.astype(np.float32)), "8 or 16 bit"),
    "int32.tif": (saved(Image.fromarray(GRAY.astype(np.int32)), "TIFF"), "8 or 16 bit"),
    "pages.tif": (frames_of("TIFF"), "2 pages"),
    "animated.png": (frames_of("PNG"), "animation"),
    "animated.webp": (frames_of("WEBP"), "animation"),
    "text.png": (b"this is a text", "this is"),
    "empty.png": (b"", "empty"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_one_8_or_16_bit_picture_is_refused(tmp_path: Path, name: str) -> None:
    data, said = REFUSED[name]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(FramesError, match=said) as raised:
        read_image(tmp_path / name)
    assert name in str(raised.value)
    assert raised.value.remedy


@pytest.mark.parametrize("options", [{"planarconfig": "separate"}, {"photometric": "miniswhite"}])
def test_16_bit_tiffs_that_opencv_misreads_are_refused(tmp_path: Path, options: dict[str, str]) -> None:
    tifffile = pytest.importorskip("tifffile")
    pixels = DEEP[..., 0] if "photometric" in options else DEEP.transpose(2, 0, 1)
    tifffile.imwrite(tmp_path / "a.tif", pixels, **({"photometric": "rgb"} | options))
    with pytest.raises(FramesError, match="interleaved"):
        read_image(tmp_path / "a.tif")


def test_a_missing_picture_is_an_error_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(FramesError, match=r"gone\.png"):
        read_image(tmp_path / "gone.png")


def test_png_comes_back_to_the_level(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "日本.png"
    write_png(path, RGB)
    np.testing.assert_array_equal(read_image(path), RGB)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("wrong", [RGB.astype(np.float32), GRAY, RGBA])
def test_only_rgb_bytes_are_written(tmp_path: Path, wrong: NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match="uint8"):
        write_png(tmp_path / "a.png", wrong)


def test_a_full_disk_leaves_the_old_file_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    write_png(path, RGB)

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StoreError, match="disk full") as raised:
        write_png(path, 255 - RGB)
    monkeypatch.undo()
    assert "free space" in raised.value.remedy
    np.testing.assert_array_equal(read_image(path), RGB)
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_a_folder_that_cannot_be_made_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="can't write"):
        write_png(tmp_path / "file" / "a.png", RGB)
