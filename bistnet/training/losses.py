r"""What BiSTNet is trained with, eq. 5 of the paper.

    L_total = edge L_edge + hem L_hem + c L_c                                                 (5)

L_c is "the same loss function based on content, perception and temporal consistency by [30]", which is DeepExemplar's
(:mod:`colorbench.training.losses.chroma`).

**Units.** Chroma counts in CIE units, as in DeepExemplar, whose weights are for these; edges lie in [0, 1]. The paper gives 2, 2
and 1 and no unit. With CIE units the gradient of 2 L_edge by ab has about a tenth of the norm of that of 2 L_hem (0.09, median of
14 DAVIS frames, predictions some 3 units off). With ab / 128 it would have eleven times that norm, and the loss would mostly
paint the luminance's edges into the chroma, of which the true colors are 0.11 away.

**Scales.** L_hem and L_1 are taken at all three outputs, the coarser ones against 2x2 means of the truth, with 1 for the full
size and ``scales`` for each of the others, over the sum of these; all else is taken at full size. The paper supervises all three
and says no more.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn

from bistnet.training.edges import Against, edge_loss
from bistnet.training.mining import HARD, RANDOM, mining_loss
from colorbench.errors import UsageError
from colorbench.training.losses.chroma import ChromaWeights, chroma_terms, content_loss, exact

if TYPE_CHECKING:
    from bistnet.network.refinement import Scales
    from colorbench.nets.encoders import Vgg16, Vgg19
    from colorbench.training.losses.warping import Before


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights(ChromaWeights):
    """Of the terms; one of 0 is not computed. ``edge``, ``hem`` and ``c`` are the paper's, the others stand inside L_c."""

    edge: float = 2.0
    hem: float = 2.0
    c: float = 1.0
    scales: float = 0.5
    """The share of each coarser output beside 1 for the full size."""
    coarse: float = 0.0
    """Ours: L1 of the colors that the match over all of a reference gives by itself, softly, where windows come after it."""


def bistnet_terms(
    scales: Scales,
    truth_ab: Tensor,
    l_star: Tensor,
    *,
    weights: Weights,
    seeds: Tensor,
    vgg: Vgg19 | Vgg16 | None = None,
    temporal: Before | None = None,
    matched: Tensor | None = None,
    coarse: Tensor | None = None,
    critic: nn.Module | None = None,
    reference: Tensor | None = None,
    edges: Against = "luminance",
    hard: float = HARD,
    random: float = RANDOM,
) -> dict[str, Tensor]:
    """Eq. 5, term by term: what is minimized is the sum.

    Args:
        scales: predicted ab at 1/4, 1/2 and full size, as the network returns them.
        truth_ab: (N, 2, H, W), CIE units.
        l_star: (N, 1, H, W) in [0, 100].
        weights: of the terms.
        seeds: (N,) int64, one of each sample, which its random pixels are drawn by.
        vgg: for the perceptual and the contextual term; on the device of the tensors.
        temporal: the frame before each sample.
        matched: (N, 2, H, W) the fused color map, enlarged.
        coarse: (N, 2, H, W) the color map of the match over all of a reference alone, enlarged.
        critic: (N, 3, H, W) Lab -> (N,) scores; gets no gradient here.
        reference: (N, 3, h, w) Lab of the picture whose colors the contextual term asks for; None: the true frame, DeepExemplar
            takes the reference.
        edges: see :func:`bistnet.training.edges.edge_loss`.
        hard: see :func:`bistnet.training.mining.mining_loss`.
        random: likewise.

    Returns:
        Weighted scalars by the names of their weights, without those of weight 0.

    Raises:
        UsageError: a term needs what was not given, or shapes do not fit each other.
    """
    _check(scales, truth_ab, l_star)
    inside = {field.name: weights.c * getattr(weights, field.name) for field in fields(ChromaWeights)}
    content = inside.pop("content")
    of_chroma = chroma_terms(
        scales[-1],
        truth_ab,
        l_star,
        weights=ChromaWeights(content=0.0, **inside),
        vgg=vgg,
        temporal=temporal,
        matched=matched,
        critic=critic,
        reference=reference,
    )
    with torch.autocast(l_star.device.type, enabled=False):
        outputs, truth_ab = [exact(ab) for ab in scales], exact(truth_ab)
        terms: dict[str, Tensor] = {}
        if weights.edge:
            terms["edge"] = weights.edge * edge_loss(outputs[-1], exact(l_star), truth_ab, against=edges)
        if weights.hem or content:
            half = halved(truth_ab)
            pairs = list(zip(outputs, (halved(half), half, truth_ab), (weights.scales, weights.scales, 1.0), strict=True))
            pairs = [pair for pair in pairs if pair[2]]
            share = sum(pair[2] for pair in pairs)
            if weights.hem:
                parts = [s / share * mining_loss(ab, wanted, seeds, hard=hard, random=random) for ab, wanted, s in pairs]
                terms["hem"] = weights.hem * torch.stack(parts).sum()
            if content:
                terms["content"] = content * torch.stack([s / share * content_loss(ab, wanted) for ab, wanted, s in pairs]).sum()
        if weights.coarse:
            if coarse is None:
                raise UsageError(
                    f"the coarse term has weight {weights.coarse:g} and no color map",
                    wanted="the coarse map of a network with match.radius",
                    remedy="set the weight coarse to 0",
                )
            terms["coarse"] = weights.coarse * content_loss(exact(coarse), truth_ab)
    return terms | of_chroma


def halved(ab: Tensor) -> Tensor:
    """Means of 2x2 pixels, at an odd border of those there are: (N, C, H, W) -> (N, C, ceil(H / 2), ceil(W / 2))."""
    return F.avg_pool2d(ab, 2, ceil_mode=True)


def _check(scales: Scales, truth_ab: Tensor, l_star: Tensor) -> None:
    count, _, height, width = l_star.shape
    wanted = [(count, 2, -(-height // k), -(-width // k)) for k in (4, 2, 1)] + [(count, 2, height, width)]
    found = [tuple(x.shape) for x in (*scales, truth_ab)]
    if found != wanted or l_star.shape[1] != 1:
        raise UsageError(
            f"outputs and truth of shapes {found} for luminance {tuple(l_star.shape)}",
            wanted=f"{wanted}",
            remedy="pass what the network returned for these frames",
        )
