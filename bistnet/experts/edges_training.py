"""Training of the compact edge network on BSDS500, from nothing: ``colorbench train edges``.

The loss is HED's (Xie and Tu, ICCV 2015, DOI 10.1109/ICCV.2015.164): cross-entropy, balanced between the few boundary pixels
and the many others, of every side output and of the fused one. As in RCF (Liu et al., CVPR 2017, DOI 10.1109/CVPR.2017.622)
pixels that only a few annotators marked count as neither. Ours differs: the sum is divided by the pixels, and the balance may be
softened.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bistnet.experts.edges_data import Augmentation, EdgePicture, Map, augmented, read_split
from colorbench.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from bistnet.experts.compact_edges import CompactEdges
    from colorbench.training.task import Batch, Provenance, Sample

VERSION = "1"
"""Raised when the code gives other samples or losses for the same settings."""

_SPLITS = ("train", "val")
_SHOWN = 6
"""Pictures of a validation that are written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgesSettings:
    """What is trained on and how it is scored."""

    crop: int = 288
    """Side of the squares that are trained on."""
    positive: float = 0.3
    """Pixels that a larger share of annotators marked are boundary; those marked by fewer count as neither."""
    balance: float = 1.0
    """b in: boundary pixels weigh (others / boundary pixels)^b times as much as others. 1 is HED's, 0 leaves them alike."""
    sides: tuple[float, float, float, float, float] = (1.0, 1.0, 1.0, 1.0, 1.0)
    """Weights of the side outputs' losses, fine to coarse; the fused one's is 1."""
    validation_pictures: int = 0
    """Of the 200 test pictures, evenly picked by name; 0: all."""
    validation_thresholds: int = 99
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        least: dict[str, float] = {"crop": 32, "balance": 0, "validation_pictures": 0, "validation_thresholds": 1}
        for name, bound in least.items():
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) >= bound):
                raise UsageError(f"{name} = {getattr(self, name)}", wanted=f"at least {bound:g}", remedy=f"change {name}")
        if not 0.0 <= self.positive < 1.0:
            raise UsageError(f"positive = {self.positive}", wanted="from 0 to under 1", remedy="0.3 is usual")
        if not all(math.isfinite(weight) and weight >= 0 for weight in self.sides):
            raise UsageError(f"sides = {self.sides}", wanted="five weights of at least 0", remedy="change sides")


class EdgesTask:
    """The compact edge network on the 300 pictures of BSDS500's "train" and "val", scored on the 200 of "test".

    Args:
        settings: see :class:`EdgesSettings`.
        root: BSDS500, the folder of ``images`` and ``boundaries``.
        seed: of the first weights.

    Raises:
        DatasetError: pictures or boundaries are missing or don't fit.
    """

    critic = None

    def __init__(self, settings: EdgesSettings, root: Path, *, seed: int = 0) -> None:
        import torch

        from bistnet.experts.compact_edges import CompactEdges

        self.settings, self.root = settings, root
        self.pictures = tuple(picture for split in _SPLITS for picture in read_split(root, split))
        for picture in self.pictures:
            # Before workers are forked, which then share them.
            _ = picture.points
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network: CompactEdges = CompactEdges().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._network = network

    @property
    def network(self) -> CompactEdges:
        """See Task."""
        return self._network

    @cached_property
    def identity(self) -> Mapping[str, object]:
        """See Task."""
        total = hashlib.sha256()
        for picture in self.pictures:
            total.update(picture.name.encode())
            total.update(np.ascontiguousarray(picture.l_star).data)
            total.update(np.ascontiguousarray(picture.share).data)
        return {
            "network": "compact-edges",
            "version": VERSION,
            "data": total.hexdigest(),
            "settings": dataclasses.asdict(self.settings),
        }

    def sample(self, number: int, rng: np.random.Generator) -> Sample:
        """See Task: "l_star" (1, S, S) in [0, 100] and "share" (1, S, S) in [0, 1] or OUTSIDE.

        Each run of as many samples as there are pictures sees every picture once.
        """
        import torch

        round_, place = divmod(number, len(self.pictures))
        picture = self.pictures[np.random.default_rng(round_).permutation(len(self.pictures))[place]]
        l_star, share = augmented(picture, rng, crop=self.settings.crop, how=self.settings.augmentation)
        return {"l_star": torch.from_numpy(l_star)[None], "share": torch.from_numpy(share)[None]}

    def losses(self, batch: Batch) -> Mapping[str, Tensor]:
        """See Task: "fused", and "sides" where any weighs."""
        logits = self.network.logits(batch["l_star"])  # (N, 6, S, S)
        each = balanced_cross_entropy(
            logits.float(), batch["share"], positive=self.settings.positive, balance=self.settings.balance
        ).mean(0)
        terms = {"fused": each[-1]}
        if any(self.settings.sides):
            terms["sides"] = (each[:-1] * each.new_tensor(self.settings.sides)).sum()
        return terms

    def critic_losses(self, batch: Batch) -> Mapping[str, Tensor]:  # noqa: ARG002 - there is no critic
        """See Task."""
        return {}

    @cached_property
    def test_pictures(self) -> tuple[EdgePicture, ...]:
        """Those that a validation scores."""
        pictures = read_split(self.root, "test")
        count = min(self.settings.validation_pictures or len(pictures), len(pictures))
        return tuple(pictures[index * len(pictures) // count] for index in range(count))

    def validate(self, network: nn.Module, folder: Path) -> Mapping[str, float]:
        """See Task: "ods", "ois", "ap" and the threshold of "ods"; a few NAME.png of gray, boundaries and edges side by side."""
        from bistnet.experts.edge_score import score_edges
        from colorbench.frames.images import write_png

        def pairs() -> Iterator[tuple[Map, Map]]:
            for index, picture in enumerate(self.test_pictures):
                edges = predicted(network, picture.l_star)
                if index < _SHOWN:
                    strip = np.hstack((picture.l_star / np.float32(100.0), picture.share, edges))
                    levels = np.rint(strip * 255.0).astype(np.uint8)
                    write_png(folder / f"{picture.name}.png", np.repeat(levels[..., None], 3, axis=2))
                yield edges, picture.share

        score = score_edges(pairs(), thresholds=self.settings.validation_thresholds)
        return {"ods": score.ods, "ois": score.ois, "ap": score.ap, "threshold": score.threshold}

    def save(self, path: Path, network: nn.Module, provenance: Provenance) -> None:
        """See Task. Batch normalization is kept apart from the convolutions, as ``build_expert`` reads it."""
        from colorbench.weights.trained_file import package_versions, save_weights

        card = {
            "network": "compact-edges",
            "data": [f"bsds500:{split}" for split in _SPLITS],
            "scored_on": f"bsds500:test, {len(self.test_pictures)} pictures",
            "settings": dataclasses.asdict(self.settings),
            "versions": package_versions(),
            **dataclasses.asdict(provenance),
        }
        save_weights(path, network.state_dict(), card)


def balanced_cross_entropy(logits: Tensor, share: Tensor, *, positive: float, balance: float) -> Tensor:
    r"""HED's loss, of each sample and output: sum w_i CE_i over pixels, divided by all pixels of the crop.

    With P pixels above ``positive`` and Q of share 0, r = (Q / P)^balance: w = r / (1 + r) for the former, 1 / (1 + r) for the
    latter, 0 for the rest (marked by too few, OUTSIDE). Without a P it is taken as 1.

    Args:
        logits: (N, C, H, W).
        share: (N, 1, H, W) in [0, 1], or negative outside the picture.
        positive: share above which a pixel is boundary.
        balance: see :class:`EdgesSettings`.

    Returns:
        (N, C).
    """
    import torch.nn.functional as F  # noqa: N812 - torch's own name for it

    boundary = (share > positive).to(logits)
    other = (share == 0).to(logits)
    of_boundary = boundary.sum((2, 3), keepdim=True).clamp_min(1.0)  # (N, 1, 1, 1)
    ratio = (other.sum((2, 3), keepdim=True) / of_boundary) ** balance
    weight = (boundary * ratio + other) / (1.0 + ratio)  # (N, 1, H, W)
    # CE(x, 1) = softplus(-x) and CE(x, 0) = softplus(x) = softplus(-x) + x.
    entropy = F.softplus(-logits) + (1.0 - boundary) * logits
    return (weight * entropy).mean((2, 3))


def predicted(network: nn.Module, l_star: Map) -> Map:
    """A network's edges of one picture, (H, W) in [0, 1], for L* of (H, W) in [0, 100]."""
    import torch

    device = next(network.parameters()).device
    with torch.no_grad():
        edges: Map = network(torch.from_numpy(l_star)[None, None].to(device))[0, 0].float().cpu().numpy()
    return edges
