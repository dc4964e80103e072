"""DeepRemaster at a size that trains in an hour: the network that colors, narrow.

How it differs from the release beyond its widths: there is no restoration network, as no film is degraded here; the last layers
keep 8 channels, where an eighth of so small a width would be one; L* / 100 goes in, where the authors' see gamma-encoded gray;
the clip comes at its own size, up to a short side, and references are scaled to that size, without margins; chroma is not cut;
at least one reference is needed, as it was trained with references alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from baselines.compact_networks import loading
from baselines.compact_networks.frames import SHORT_SIDE
from baselines.deepremaster_networks.colornet import MULTIPLE, ColorNet, References, joined
from colorbench.method import GrayClip, require_exemplars
from colorbench.nets.working import chroma_picture, luminance_planes, scaled, working_size
from colorbench.training.losses.chroma import exact
from colorbench.types import Exemplar, RgbFrame

BLOCK = 5
"""Frames that are seen together; blocks share none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """All that decides the graph."""

    width: int = 11
    """Channels of the first layer, 64 in the release."""
    least: int = 8
    """Fewest channels of the last layers; 8 in the release, an eighth of its width."""


def build_compact(shape: Shape) -> ColorNet:
    """The network with random weights: 1,612,837 parameters as a rule."""
    return ColorNet(width=shape.width, least=shape.least)


def load_compact(path: Path) -> ColorNet:
    """The network of a file that ``colorbench train deepremaster`` wrote.

    Raises:
        WeightsError: it is missing, damaged, of another method, or does not hold exactly what its card says.
    """
    return loading.load_compact(path, method="deepremaster", build=lambda shape: build_compact(Shape(**shape)))


def chroma(network: ColorNet, l_star: Tensor, references: References) -> Tensor:
    """(N, 1, T, H, W) L* in [0, 100], sides multiples of 16 -> (N, 2, T, H, W) a* and b* in CIE units, from -128 to 127."""
    ab: Tensor = 255.0 * exact(network(l_star / 100.0, references)) - 128.0
    return ab


class CompactColorizer:
    """Satisfies Colorizer; keeps nothing of a clip.

    Args:
        network: with weights; moved to the device.
        device: "cpu" or "cuda".
    """

    def __init__(self, network: ColorNet, *, device: str = "cpu") -> None:
        self.device = torch.device(device)
        self.network = network.to(self.device).eval()

    def colorize(self, clip: GrayClip, exemplars: Sequence[Exemplar]) -> Iterator[RgbFrame]:
        """See Colorizer. Takes any number of exemplars; a block and all exemplars' features are in memory.

        Raises:
            MethodError: there is no exemplar.
        """
        require_exemplars(clip, exemplars)
        size = working_size(clip.height, clip.width, short_side=SHORT_SIDE, multiples=(MULTIPLE, MULTIPLE))
        references = self._remembered(exemplars, size)
        for start in range(0, len(clip), BLOCK):
            indices = range(start, min(start + BLOCK, len(clip)))
            frames = torch.cat([luminance_planes(clip.luminance(index), size) for index in indices])  # (T, 1, h, w)
            for index, ab in zip(indices, self._block(frames, references), strict=True):
                yield clip.merge(index, chroma_picture(ab[None], clip.height, clip.width))

    @torch.inference_mode()
    def _remembered(self, exemplars: Sequence[Exemplar], size: tuple[int, int]) -> References:
        """One exemplar is encoded at a time."""
        pictures = (torch.from_numpy(one.rgb).permute(2, 0, 1)[None].float() / 255.0 for one in exemplars)
        return joined([self.network.encode_references(scaled(x, size)[:, :, None].to(self.device)) for x in pictures])

    @torch.inference_mode()
    def _block(self, frames: Tensor, references: References) -> list[Tensor]:
        """(T, 1, h, w) L* -> (2, h, w) a* and b* each."""
        ab = chroma(self.network, frames.transpose(0, 1)[None].to(self.device), references)
        return list(ab[0].transpose(0, 1))
