"""A clip's way through InsColor's released script: squashing, instances, fusion or the network alone, and back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from skimage.color import rgb2lab
from torch import Tensor

from baselines.inscolor_networks import coloring
from baselines.inscolor_networks.boxes import Box, Window, on_map
from baselines.inscolor_networks.coloring import SIDE, Networks, ReleasedColorizer
from baselines.inscolor_networks.colornet import TAPS, ColorNet
from baselines.inscolor_networks.fusion import FusionNet, instance_maps
from colorbench.color import luminance
from colorbench.method import GrayClip

from .conftest import alive


class Given:
    """Satisfies Boxes: two in the first frame, none in the second."""

    def of(self, clip: GrayClip, index: int) -> Sequence[Box]:
        return () if index == 1 else (Box(10.4, 20.0, 60.9, 90.7, 0.9), Box(40, 0, 128, 50, 0.8))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks see 32x32, where the size does not matter."""
    monkeypatch.setattr(coloring, "SIDE", 32)


@pytest.fixture(scope="module")
def networks() -> Networks:
    made = Networks(ColorNet(width=2, classes=3), FusionNet(width=2, classes=3), ColorNet(width=2, classes=3))
    for tag, network in (("G.", made.instances), ("GF.", made.fusion), ("GComp.", made.alone)):
        alive(network, tag=tag)
        network.float()
    return made


def gray_of(clip: Any, index: int) -> NDArray[np.uint8]:
    frame: NDArray[np.uint8] = clip.merge(index, np.zeros((clip.height, clip.width, 2), np.float32))
    return frame[..., 1]


def network_input(picture: NDArray[np.uint8]) -> Tensor:
    """As the authors': a color picture of it squashed by Pillow, its L* by scikit-image."""
    color = Image.fromarray(np.repeat(picture[..., None], 3, axis=2)).resize((256, 256), Image.Resampling.BILINEAR)
    return torch.from_numpy((rgb2lab(np.asarray(color))[..., 0] - 50.0) / 100.0).float()[None, None]


def test_a_clip_goes_the_released_script_s_way(networks: Networks, moving_clip: Callable[..., Any]) -> None:
    clip = moving_clip(2, height=96, width=128)
    found = list(ReleasedColorizer(networks, boxes=Given()).colorize(clip, ()))
    for index, frame in enumerate(found):
        gray = gray_of(clip, index)
        whole = network_input(gray)
        with torch.no_grad():
            if index == 1:
                ab = networks.alone(whole)
            else:
                crops = torch.cat([network_input(gray[20:90, 10:60]), network_input(gray[:50, 40:])])
                windows = (Window(10, 20, 50, 70), Window(40, 0, 88, 50))
                places = [[[on_map(window, 96, 128, SIDE // place.shrunk) for window in windows]] for place in TAPS]
                ab = networks.fusion.fused(whole, instance_maps(networks.instances, crops), places)
                assert (ab - networks.alone(whole)).abs().max() > 0.1
        back = F.interpolate(110.0 * ab, (96, 128), mode="bilinear", antialias=True)[0].permute(1, 2, 0).contiguous().numpy()
        expected = clip.merge(index, back)
        difference = np.abs(frame.astype(int) - expected)
        assert difference.max() <= 1
        assert difference.mean() < 0.01
        assert np.ptp(expected.astype(int), axis=2).max() > 20


def test_without_boxes_the_whole_frame_is_colored_alone(networks: Networks, small: None, moving_clip: Callable[..., Any]) -> None:
    clip = moving_clip(2, height=96, width=128)
    alone = list(ReleasedColorizer(networks, boxes=None).colorize(clip, ()))
    given = list(ReleasedColorizer(networks, boxes=Given()).colorize(clip, ()))
    assert np.array_equal(alone[1], given[1])
    assert not np.array_equal(alone[0], given[0])


@pytest.mark.parametrize("size", [(37, 53), (300, 20)])
def test_frames_come_back_at_their_size_with_their_luminance(
    networks: Networks, small: None, moving_clip: Callable[..., Any], size: tuple[int, int]
) -> None:
    clip = moving_clip(2, height=size[0], width=size[1])
    for index, frame in enumerate(ReleasedColorizer(networks, boxes=Given()).colorize(clip, ())):
        assert frame.shape == (*size, 3)
        assert np.median(np.abs(luminance(frame) - clip.luminance(index))) < 1.0


def test_a_clip_is_read_frame_by_frame_and_colored_alike_twice(
    networks: Networks, small: None, moving_clip: Callable[..., Any]
) -> None:
    clip = moving_clip(4, height=64, width=96)
    colorizer = ReleasedColorizer(networks, boxes=Given())
    whole = list(colorizer.colorize(clip, ()))
    asked: list[int] = []
    luminance_of = clip.luminance

    def noted(index: int) -> Any:
        asked.append(index)
        return luminance_of(index)

    clip.luminance = noted
    some = list(islice(colorizer.colorize(clip, ()), 2))
    assert max(asked) == 1
    assert not torch.is_inference_mode_enabled()
    assert all(np.array_equal(a, b) for a, b in zip(some, whole, strict=False))
