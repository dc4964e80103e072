"""A clip's way through FAVC's released scripts: cutting, levels, chroma, margins, and the second stage from frame to frame."""

from __future__ import annotations

import logging
from collections.abc import Callable
from itertools import islice
from typing import Any

import numpy as np
import pytest
import torch
from imageio.core.util import image_as_uint
from numpy.typing import NDArray
from skimage.color import rgb2lab
from torch import Tensor, nn

from baselines.favc_networks import coloring
from baselines.favc_networks.coloring import (
    ReleasedColorizer,
    Working,
    fitted,
    stretched_levels,
    truncated_levels,
    working_size,
)
from baselines.favc_networks.networks import AveragedVgg19, ImageNetwork, VideoNetwork
from baselines.favc_networks.refinement import CHANNELS, refined
from baselines.favc_networks.unet import UNet, legacy_resize
from colorbench.color import luminance
from colorbench.flow.optical_flow import dis


@pytest.mark.parametrize(
    ("size", "crop", "pad"),
    [((480, 854), (480, 832), (480, 864)), ((224, 384), (224, 384), (224, 384)), ((31, 33), (32, 32), (32, 64))],
)
def test_sides_are_multiples_of_32(size: tuple[int, int], crop: tuple[int, int], pad: tuple[int, int]) -> None:
    assert working_size(*size, "crop") == crop
    assert working_size(*size, "pad") == pad


def test_a_picture_is_cut_at_the_upper_left_and_padded_with_its_edge() -> None:
    picture = np.arange(35 * 20, dtype=np.int64).reshape(35, 20).astype(np.uint8)
    found = fitted(picture, (32, 32))
    assert np.array_equal(found[:, :20], picture[:32])
    assert (found[:, 20:] == picture[:32, 19:]).all()
    assert np.array_equal(fitted(picture, (32, 20)), picture[:32])


def test_levels_of_the_video_script_are_clipped_and_truncated() -> None:
    rgb = np.array([[[-0.5, 1.7, 0.999], [0.5, 1.0, 0.0]]], np.float32)
    assert truncated_levels(rgb).tolist() == [[[0, 255, 254], [127, 255, 0]]]


@pytest.mark.parametrize(("least", "greatest"), [(0.1, 0.9), (0.0, 1.0), (-0.2, 0.8), (0.3, 1.4), (-0.1, 1.2)])
def test_levels_of_the_image_script_are_imageio_s(least: float, greatest: float, caplog: pytest.LogCaptureFixture) -> None:
    """Which stretches a picture that has a value outside [0, 1]."""
    rgb = np.random.default_rng(0).uniform(least, greatest, (20, 30, 3)).astype(np.float32)
    rgb[0, 0], rgb[1, 1] = least, greatest
    with caplog.at_level(logging.ERROR):
        expected = image_as_uint(rgb, bitdepth=8)  # type: ignore[no-untyped-call]
    assert np.array_equal(stretched_levels(rgb), expected)


def test_levels_of_a_flat_picture_outside_the_range_are_finite() -> None:
    assert stretched_levels(np.full((2, 2, 3), 1.5, np.float32)).max() == 0


class Painter(nn.Module):
    """Features and U-Net in one: hypothesis k is gray, with k + 1 tenths of a colored pattern."""

    hypotheses = 4

    def forward(self, gray: Tensor) -> Tensor:
        self.seen = gray
        rows = torch.linspace(-0.5, 0.5, gray.shape[2])[:, None].expand(gray.shape[2:])
        columns = torch.linspace(-0.5, 0.5, gray.shape[3]).expand(gray.shape[2:])
        tint = torch.stack((rows, columns, -rows - columns))
        return torch.stack([gray + 0.1 * (k + 1) * tint for k in range(4)], dim=1)


def colorizer(**working: Any) -> ReleasedColorizer:
    return ReleasedColorizer(Painter(), working=Working(**working))  # type: ignore[arg-type]


def gray_of(clip: Any, index: int) -> NDArray[np.uint8]:
    frame: NDArray[np.uint8] = clip.merge(index, np.zeros((clip.height, clip.width, 2), np.float32))
    return frame[..., 1]


@pytest.mark.parametrize("hypothesis", [0, 3])
def test_a_clip_goes_the_video_script_s_way(moving_clip: Callable[..., Any], hypothesis: int) -> None:
    clip = moving_clip(3, height=64, width=96)
    painter = Painter()
    frames = ReleasedColorizer(painter, working=Working(hypothesis=hypothesis)).colorize(clip, ())  # type: ignore[arg-type]
    for index, frame in enumerate(frames):
        gray = gray_of(clip, index)
        assert np.abs(painter.seen[0, 0].numpy() * 255.0 - gray).max() < 1e-4
        rgb = painter(torch.from_numpy(gray / 255.0).float()[None, None])[0, hypothesis].permute(1, 2, 0).numpy()
        saved = np.uint8(np.maximum(np.minimum(rgb * 255.0, 255.0), 0.0))
        expected = clip.merge(index, rgb2lab(saved)[..., 1:].astype(np.float32))
        difference = np.abs(frame.astype(int) - expected)
        assert difference.max() <= 1
        assert difference.mean() < 0.01
        assert np.ptp(expected.astype(int), axis=2).max() > 10 * (hypothesis + 1)


def test_the_image_script_stretches_each_frame(moving_clip: Callable[..., Any], narrow_vgg: None) -> None:
    torch.manual_seed(0)
    network = ImageNetwork(AveragedVgg19(), width=2)
    network.conv10_2.weight.data *= 200.0
    clip = moving_clip(2, height=32, width=64)
    for index, frame in enumerate(ReleasedColorizer(network, working=Working()).colorize(clip, ())):
        with torch.no_grad():
            rgb = network(torch.from_numpy(gray_of(clip, index) / 255.0).float()[None, None])[0, 0].permute(1, 2, 0).numpy()
        assert rgb.min() < 0.0
        stretched = ((rgb - rgb.min()) / (rgb.max() - rgb.min()) * 255.0 + 0.499999999).astype(np.uint8)
        expected = clip.merge(index, rgb2lab(stretched)[..., 1:].astype(np.float32))
        assert np.abs(frame.astype(int) - expected).mean() < 0.05


def chroma(frame: NDArray[np.uint8]) -> NDArray[np.float64]:
    lab: NDArray[np.float64] = rgb2lab(frame)
    return lab[..., 1:]


def test_margins_take_the_nearest_chroma_or_are_padded_in(moving_clip: Callable[..., Any]) -> None:
    clip = moving_clip(1, height=40, width=70)
    clip.frames = [np.full((40, 70, 3), 130, np.uint8)]
    cropped, padded = (chroma(next(colorizer(hypothesis=3, fit=fit).colorize(clip, ()))) for fit in ("crop", "pad"))
    assert np.abs(cropped[:, 64:] - cropped[:, 63:64]).max() == 0.0
    assert np.abs(cropped[32:] - cropped[31:32]).max() == 0.0
    assert np.abs(cropped[31, 63] - cropped[16, 31]).max() > 5.0
    assert np.abs(padded[:, 69] - padded[:, 63]).max() > 1.0


@pytest.mark.parametrize("size", [(37, 53), (20, 30), (64, 33)])
@pytest.mark.parametrize("fit", ["crop", "pad"])
def test_frames_come_back_at_their_size_with_their_luminance(
    moving_clip: Callable[..., Any], size: tuple[int, int], fit: str
) -> None:
    clip = moving_clip(2, height=size[0], width=size[1])
    frames = list(colorizer(fit=fit).colorize(clip, ()))
    assert len(frames) == 2
    for index, frame in enumerate(frames):
        assert frame.shape == (*size, 3)
        assert np.median(np.abs(luminance(frame) - clip.luminance(index))) < 0.5


def test_a_clip_is_read_frame_by_frame_and_colored_alike_twice(moving_clip: Callable[..., Any]) -> None:
    clip = moving_clip(4, height=32, width=64)
    whole = list(colorizer().colorize(clip, ()))
    asked: list[int] = []
    luminance_of = clip.luminance

    def noted(index: int) -> Any:
        asked.append(index)
        return luminance_of(index)

    clip.luminance = noted
    some = list(islice(colorizer().colorize(clip, ()), 2))
    assert max(asked) == 1
    assert not torch.is_inference_mode_enabled()
    assert all(np.array_equal(a, b) for a, b in zip(some, whole, strict=False))


def test_the_second_stage_sees_what_came_out_for_the_frame_before(
    moving_clip: Callable[..., Any], narrow_vgg: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Step by step, at every second pixel; the released script would show it the first pair's output each time."""
    torch.manual_seed(0)
    first, second = VideoNetwork(AveragedVgg19(), width=2).eval(), UNet(CHANNELS, 3, width=2).eval()
    first.unet.get_parameter("conv9_2.weight").data.mul_(10.0)
    clip = moving_clip(4, height=64, width=96)
    flows = [np.full((64, 96, 2), 2.0 * index, np.float32) for index in range(3)]
    asked: list[tuple[NDArray[np.uint8], NDArray[np.uint8]]] = []

    def flow(gray: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.float32]:
        asked.append((gray, other))
        return flows[len(asked) - 1]

    monkeypatch.setattr(coloring, "dis", flow)
    grays = [gray_of(clip, index) for index in range(4)]
    halves = [torch.from_numpy(gray[::2, ::2] / 255.0).float()[None, None] for gray in grays]
    found = list(ReleasedColorizer(first, working=Working(), refinement=second).colorize(clip, ()))
    out = None
    for index, half in enumerate(halves):
        with torch.no_grad():
            rgb = first(half)[:, 0]
            if out is not None:
                motion = torch.full((1, 2, 32, 48), index - 1.0)
                rgb = refined(second, rgb, half, before=out, gray_before=halves[index - 1], flow=motion)
        out = rgb
        whole = legacy_resize(rgb, (64, 96))[0].permute(1, 2, 0).numpy()
        expected = clip.merge(index, rgb2lab(truncated_levels(whole))[..., 1:].astype(np.float32))
        assert np.abs(found[index].astype(int) - expected).mean() < 0.05
    assert len(asked) == 3
    for index, (gray, other) in enumerate(asked):
        assert np.array_equal(gray, grays[index + 1])
        assert np.array_equal(other, grays[index])


def test_flow_leads_from_the_frame_to_the_one_before(moving_clip: Callable[..., Any]) -> None:
    """What moving_clip shows at a column lay ``step`` columns to the right before."""
    clip = moving_clip(2, height=96, width=128, step=3)
    found = dis(gray_of(clip, 1), gray_of(clip, 0))
    assert np.median(found[16:-16, 16:-16, 0]) == pytest.approx(3.0, abs=0.3)
