"""Around DeepExemplar's networks: placement, smoothing against dense systems and OpenCV's numbers, and a clip's way through."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from skimage.color import rgb2lab
from skimage.transform import resize
from torch import Tensor

from baselines.deepexemplar_networks import smoothing
from baselines.deepexemplar_networks.coloring import ReleasedColorizer, Working, guide_of
from baselines.deepexemplar_networks.placement import Placement, place, prepared, returned
from baselines.deepexemplar_networks.recurrence import DeepExemplar
from baselines.deepexemplar_networks.smoothing import smoothed, smoother_name, solved
from colorbench.color import luminance
from colorbench.errors import MethodError
from colorbench.nets.encoders import CompactEncoder

Plane = NDArray[np.float32]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [
        (432, 768, Placement(432, 768, 0, 0)),
        (224, 384, Placement(448, 768, 8, 0)),
        (480, 640, Placement(576, 768, 72, 0)),
        (480, 854, Placement(432, 768, 0, 0)),
        (480, 910, Placement(432, 819, 0, 25)),
        (1080, 1920, Placement(432, 768, 0, 0)),
        (37, 53, Placement(536, 768, 52, 0)),
    ],
)
def test_a_picture_covers_the_size_and_its_center_is_kept(height: int, width: int, expected: Placement) -> None:
    assert place(height, width, (432, 768), "crop") == expected
    assert place(height, width, (432, 768), "stretch") == Placement(432, 768, 0, 0)


@pytest.mark.parametrize("shape", [(45, 60, 3), (45, 60), (20, 70, 3)])
def test_pictures_are_scaled_by_scikit_image_truncated_and_cut(shape: tuple[int, ...]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    size = (32, 64)
    placed = place(shape[0], shape[1], size, "crop")
    whole = resize(picture / 255.0, (placed.height, placed.width), mode="reflect", anti_aliasing=True) * 255.0
    expected = np.floor(whole + 1e-9)[placed.top : placed.top + 32, placed.left : placed.left + 64]
    found = prepared(picture, size, placed)
    assert found.dtype == np.uint8
    assert found.shape[:2] == size
    assert np.abs(found - expected).max() <= 1  # 8-bit truncation of two roundings of one number
    assert (found != expected).mean() < 0.01


def test_a_picture_of_the_size_is_left_as_it_is() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (32, 64, 3)).astype(np.uint8)
    assert np.array_equal(prepared(picture, (32, 64), place(32, 64, (32, 64), "crop")), picture)


def test_chroma_comes_back_and_margins_take_the_nearest() -> None:
    ab = torch.arange(32.0).repeat(2, 1)[:, :, None].expand(2, 32, 64)[None]  # rows 0 to 31
    placed = Placement(48, 64, 8, 0)
    whole = returned(ab, placed, 48, 64)
    assert whole[0, 0, :, 0].tolist() == [0.0] * 8 + [float(i) for i in range(32)] + [31.0] * 8
    shrunk = returned(ab, placed, 24, 32)
    assert shrunk.shape == (1, 2, 24, 32)
    padded = torch.tensor([0.0] * 8 + [float(i) for i in range(32)] + [31.0] * 8)
    # Antialiased halving: a triangle of four rows, 1 3 3 1 over 8.
    row = 10
    expected = (padded[2 * row - 1 : 2 * row + 3] * torch.tensor([1.0, 3.0, 3.0, 1.0])).sum() / 8.0
    assert float(shrunk[0, 1, row, 5]) == pytest.approx(float(expected), abs=1e-4)
    enlarged = returned(ab, placed, 96, 128)
    torch.testing.assert_close(enlarged, F.interpolate(whole, scale_factor=2.0, mode="bilinear"))


def dense(plane: NDArray[np.float64], guide: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The equations of the filter, a full matrix for each line."""

    def line(f: NDArray[np.float64], g: NDArray[np.uint8], scale: float) -> NDArray[np.float64]:
        matrix = np.eye(len(f))
        for p in range(len(f) - 1):
            weight = scale * np.exp(-abs(int(g[p]) - int(g[p + 1])) / 4.0)
            matrix[p : p + 2, p : p + 2] += weight * np.array([[1.0, -1.0], [-1.0, 1.0]])
        return np.linalg.solve(matrix, f).astype(np.float64)

    u = plane.copy()
    for scale in (500.0, 125.0, 31.25):
        for row in range(len(u)):
            u[row] = line(u[row], guide[row], scale)
        for column in range(u.shape[1]):
            u[:, column] = line(u[:, column], guide[:, column], scale)
    return u


def pattern() -> tuple[Plane, NDArray[np.uint8]]:
    """Chroma and a guide from integer arithmetic alone."""
    rows, columns = np.mgrid[0:13, 0:18]
    guide = ((rows * rows * 7 + columns * columns * 11) % 64 + (columns >= 9) * 90).astype(np.uint8)
    a = (columns >= 9) * 40.0 - 20.0 + (rows * 7 + columns * 11) % 13
    return np.stack((a, -0.5 * a + rows), axis=-1).astype(np.float32), guide


def test_smoothing_solves_the_equations() -> None:
    rng = np.random.default_rng(0)
    planes, made = pattern()
    for guide in (made, rng.integers(0, 256, made.shape).astype(np.uint8), np.full_like(made, 9)):
        found = solved(planes, guide)
        assert found.dtype == np.float32
        for channel in (0, 1):
            expected = dense(planes[..., channel].astype(np.float64), guide)
            np.testing.assert_allclose(found[..., channel], expected, rtol=0, atol=5e-6)


OPENCV = {
    (0, 0): (-13.94123, 8.04497),
    (6, 8): (-14.24568, 11.61175),
    (6, 9): (26.29583, -8.65114),
    (12, 17): (25.79284, -1.32007),
}
"""What cv2.ximgproc of opencv-contrib-python-headless 5.0.0.93 gives for ``pattern`` at these pixels."""


def test_smoothing_gives_opencv_s_numbers() -> None:
    found = solved(*pattern())
    for pixel, values in OPENCV.items():
        assert found[pixel].tolist() == pytest.approx(values, abs=1e-3)


@pytest.mark.parametrize("shape", [(2, 2), (1, 7), (7, 1)])
def test_smoothing_keeps_the_sum_and_takes_single_lines(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    planes = rng.normal(0, 30, (*shape, 2)).astype(np.float32)
    found = solved(planes, rng.integers(0, 40, shape).astype(np.uint8))
    np.testing.assert_allclose(found.sum(axis=(0, 1)), planes.sum(axis=(0, 1)), rtol=0, atol=1e-3)


def test_opencv_s_filter_is_taken_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    planes, guide = pattern()
    asked: list[Any] = []

    class Filter:
        def filter(self, plane: Plane) -> Plane:
            assert plane.flags.c_contiguous
            return 2.0 * plane

    def create(*arguments: Any) -> Filter:
        asked.append(arguments)
        return Filter()

    monkeypatch.setattr(cv2, "ximgproc", SimpleNamespace(createFastGlobalSmootherFilter=create), raising=False)
    assert smoother_name() == "opencv"
    assert np.array_equal(smoothed(planes, guide), 2.0 * planes)
    assert asked[0][0] is guide
    assert asked[0][1:] == (500.0, 4.0)
    monkeypatch.setattr(smoothing, "_opencv", lambda: None)
    assert smoother_name() == "own"
    assert np.array_equal(smoothed(planes, guide), solved(planes, guide))


SIZE = (64, 96)


@pytest.fixture(scope="module")
def network() -> DeepExemplar:
    """Untrained and small; its last layer is enlarged, as it would else give no color."""
    torch.manual_seed(0)
    made = DeepExemplar(CompactEncoder(2), width=4, color_width=4).eval()
    with torch.no_grad():
        made.color.body.head.weight.mul_(150.0)
    return made


def colorizer(network: DeepExemplar, **working: Any) -> ReleasedColorizer:
    return ReleasedColorizer(network, working=Working(size=SIZE, **working))


def lab_of(rgb: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(rgb2lab(rgb)).float().permute(2, 0, 1)[None]


@pytest.mark.parametrize("propagate", [False, True])
def test_a_clip_goes_the_released_script_s_way(network: DeepExemplar, moving_clip: Callable[..., Any], propagate: bool) -> None:
    """Step by step, at the working size, where nothing is scaled or cut."""
    clip = moving_clip(3, height=64, width=96)
    grays = [np.repeat(clip.merge(i, np.zeros((64, 96, 2), np.float32))[..., 1:2], 3, axis=2) for i in range(3)]
    found = list(colorizer(network, propagate=propagate).colorize(clip, clip.exemplars(1)))
    with torch.no_grad():
        lab = F.avg_pool2d(lab_of(clip.frames[1]), 2)
        reference = network.encode_reference(lab)
        before = torch.cat((lab[:, :1] - 50, lab[:, 1:]), dim=1) if propagate else torch.zeros(1, 3, 32, 48)
        for index, gray in enumerate(grays):
            large = lab_of(gray)[:, :1]
            l_star = F.avg_pool2d(large, 2)
            ab = network(l_star, network.match(l_star, reference), before)
            before = torch.cat((l_star - 50, ab), dim=1)
            doubled = F.interpolate(ab, (64, 96), mode="bilinear")[0].permute(1, 2, 0)
            guide = (large[0, 0].numpy() * 255 / 100).astype(np.uint8)
            expected = clip.merge(index, solved((1.25 * doubled).numpy(), guide))
            difference = np.abs(found[index].astype(int) - expected)
            assert difference.max() <= 1
            assert difference.mean() < 0.01
            assert np.ptp(expected.astype(int), axis=2).max() > 20


@pytest.mark.parametrize("fit", ["crop", "stretch"])
@pytest.mark.parametrize("size", [(37, 53), (70, 60), (50, 130)])
def test_frames_come_back_at_their_size_with_their_luminance(
    network: DeepExemplar, moving_clip: Callable[..., Any], size: tuple[int, int], fit: Any
) -> None:
    clip = moving_clip(2, height=size[0], width=size[1])
    for index, frame in enumerate(colorizer(network, fit=fit).colorize(clip, clip.exemplars(0))):
        assert frame.shape == (*size, 3)
        assert np.median(np.abs(luminance(frame) - clip.luminance(index))) < 0.5


def test_the_first_exemplar_of_any_size_is_taken(network: DeepExemplar, moving_clip: Callable[..., Any]) -> None:
    clip, other = moving_clip(2, height=64, width=96), moving_clip(1, height=50, width=40)
    one = list(colorizer(network).colorize(clip, clip.exemplars(0)))
    two = list(colorizer(network).colorize(clip, clip.exemplars(0, 1)))
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
    assert not np.array_equal(one[0], next(colorizer(network).colorize(clip, other.exemplars(0))))


def test_a_clip_is_read_frame_by_frame_and_colored_alike_twice(network: DeepExemplar, moving_clip: Callable[..., Any]) -> None:
    clip = moving_clip(4, height=64, width=96)
    whole = list(colorizer(network).colorize(clip, clip.exemplars(0)))
    asked: list[int] = []
    luminance_of = clip.luminance

    def noted(index: int) -> Any:
        asked.append(index)
        return luminance_of(index)

    clip.luminance = noted
    frames = colorizer(network).colorize(clip, clip.exemplars(0))
    some = list(islice(frames, 2))
    assert max(asked) == 1
    assert not torch.is_inference_mode_enabled()
    assert all(np.array_equal(a, b) for a, b in zip(some, whole, strict=False))


def test_a_clip_without_exemplars_is_refused(network: DeepExemplar, moving_clip: Callable[..., Any]) -> None:
    with pytest.raises(MethodError, match="without exemplars"):
        next(colorizer(network).colorize(moving_clip(1), ()))


def test_the_guide_is_truncated() -> None:
    assert guide_of(np.array([[0.0, 100.0, 50.0, 0.999 / 2.55]], np.float32)).tolist() == [[0, 255, 127, 0]]
