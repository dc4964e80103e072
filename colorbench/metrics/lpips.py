"""Learned perceptual image patch similarity (LPIPS), as the ``lpips`` package computes it.

A random backbone would give numbers that are not LPIPS, so without the ImageNet weights on this machine the metric says what is
missing and how to get it. The weights are verified before use and nothing is downloaded.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from colorbench.errors import MetricError
from colorbench.metric import FramePair
from colorbench.metrics.perceptual import BACKBONES, Features, Net, PerceptualDistance
from colorbench.types import MetricCard, RgbFrame
from colorbench.weights.backbones import Missing, find_backbone
from colorbench.weights.tensors import tensors_digest

if TYPE_CHECKING:
    from torch import Tensor


class LpipsScorer:
    """LPIPS of pairs of frames; the truth's features are computed once for all methods of a run.

    Args:
        distance: the network.
        key: under which the truth's features are remembered.
    """

    def __init__(self, distance: PerceptualDistance, key: str) -> None:
        self.distance, self.key = distance, key

    def score_frame(self, pair: FramePair) -> float:
        """NaN where a side of the frame is too short for the backbone."""
        if min(pair.truth.shape[:2]) < BACKBONES[self.distance.net].least_side:
            return math.nan
        truth: Features = pair.of_truth(self.key, self.distance.features)
        return self.distance.distance(truth, self.distance.features(pair.prediction))


class Lpips:
    """LPIPS with one of its three backbones."""

    def __init__(self, name: str, net: Net, *, default: bool) -> None:
        self.net = net
        self.card = MetricCard(
            name=name,
            summary=f"learned perceptual distance, {BACKBONES[net].model} backbone",
            unit="",
            direction="lower",
            needs_truth=True,
            per_frame=True,
            signature=(
                ("input", "rgb8-as-minus1-to-1"),
                ("net", net),
                ("weights", _identity(net)),
                ("heads", "lpips-0.1"),
                ("size", "as-scored"),
                ("precision", "float32"),
            ),
            version=1,
            reference="Zhang et al. 2018, DOI 10.1109/CVPR.2018.00068; the lpips package, version 0.1 heads",
            decimals=4,
            default=default,
        )

    def unavailable(self) -> str:
        found = find_backbone(BACKBONES[self.net].file_name)
        return str(found) if isinstance(found, Missing) else ""

    def open(self, *, device: str) -> LpipsScorer:
        """Loads the verified weights.

        Raises:
            MetricError: they are not on this machine, or not what their name or the metric's signature says.
            WeightsError: the file can't be read.
        """
        from colorbench.nets.checkpoints import read_state

        found = find_backbone(BACKBONES[self.net].file_name)
        if isinstance(found, Missing):
            raise MetricError(
                f"{self.card.name}: {found.reason}",
                wanted="torchvision's ImageNet weights",
                remedy=f"get it with: {found.command}",
            )
        weights = {name: value.float() for name, value in read_state(found).items() if name.startswith("features.")}
        self._check(weights, found)
        return LpipsScorer(PerceptualDistance(self.net, weights, device=device), f"{self.card.name}/features on {device}")

    def _check(self, weights: Mapping[str, Tensor], path: Path) -> None:
        """Whatever file they are from, the tensors are those that the signature names."""
        wanted = BACKBONES[self.net].tensors
        if not wanted:
            return
        found = tensors_digest({name: value.numpy() for name, value in weights.items()})
        if found != wanted:
            raise MetricError(
                f"{self.card.name}: the convolutions in {path} have the SHA-256 {found[:12]}..., not {wanted[:12]}...",
                wanted="torchvision's ImageNet weights",
                remedy="remove the file and fetch it again",
            )


def _identity(net: Net) -> str:
    """Which backbone it was: the digest of the convolutions, or the file where that is not known."""
    backbone = BACKBONES[net]
    return f"features-sha256-{backbone.tensors[:12]}" if backbone.tensors else backbone.file_name


def lpips(truth: RgbFrame, prediction: RgbFrame, *, net: Net = "alex", device: str = "cpu") -> float:
    """LPIPS of one pair of frames; loads the network at every call, so for more pairs use :class:`Lpips` or PerceptualDistance.

    Args:
        truth: (H, W, 3) uint8 in [0, 255], sRGB.
        prediction: the same shape.
        net: the backbone.
        device: where it runs, in float32.

    Returns:
        0 for equal frames, lower is better.

    Raises:
        MetricError: the backbone's weights are not on this machine.
        UsageError: a frame is something else, the sizes differ, or a side is too short for the backbone.
    """
    return Lpips(f"lpips-{net}", net, default=False).open(device=device).distance(truth, prediction)


METRICS = (
    Lpips("lpips", "alex", default=True),
    Lpips("lpips-vgg", "vgg", default=False),
    Lpips("lpips-squeeze", "squeeze", default=False),
)
