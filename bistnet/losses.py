r"""What BiSTNet is trained with, eq. 5 of the paper, and the small terms of it.

    L_total = edge L_edge + hem L_hem + c L_c                                                 (5)
    L_c = content L_1 + perceptual L_perceptual + contextual L_contextual + smooth L_smooth + temporal L_temporal
          (+ adversarial L_generator) (+ match L_match)

L_c is "the same loss function based on content, perception and temporal consistency by [30]", which is DeepExemplar (Zhang et
al., CVPR 2019); its inner weights are those of DeepExemplar's training code, with the adversarial term off.

**Units.** Chroma counts in CIE units, as in DeepExemplar, whose weights are for these; edges lie in [0, 1]. The paper gives 2, 2
and 1 and no unit. With CIE units the gradient of 2 L_edge by ab has about a tenth of the norm of that of 2 L_hem (0.09, median of
14 DAVIS frames, predictions some 3 units off). With ab / 128 it would have eleven times that norm, and the loss would mostly
paint the luminance's edges into the chroma, of which the true colors are 0.11 away.

**Scales.** L_hem and L_1 are taken at all three outputs, the coarser ones against 2x2 means of the truth, with 1 for the full
size and ``scales`` for each of the others, over the sum of these; all else is taken at full size. The paper supervises all three
and says no more.

Each term is a mean over the samples of the batch (the adversarial one apart), in float32 whatever autocast is in force; float64
stays.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn

from bistnet.contextual import contextual_loss
from bistnet.edges import Against, edge_loss
from bistnet.mining import HARD, RANDOM, mining_loss
from bistnet.smoothness import smoothness_loss
from bistnet.warping import Before, temporal_loss
from colorbench.color import lab_to_rgb
from colorbench.errors import UsageError

if TYPE_CHECKING:
    from bistnet.refinement import Scales
    from colorbench.nets.encoders import Vgg19


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Of the terms; one of 0 is not computed. ``edge``, ``hem`` and ``c`` are the paper's, the others stand inside L_c."""

    edge: float = 2.0
    hem: float = 2.0
    c: float = 1.0
    content: float = 2.0
    perceptual: float = 0.001
    """Needs VGG19."""
    contextual: float = 0.2
    """Needs VGG19."""
    smooth: float = 5.0
    temporal: float = 0.02
    """Needs the frame before."""
    adversarial: float = 0.0
    """Needs a critic; DeepExemplar has 0.2."""
    match: float = 0.0
    """Ours: L1 of the fused color map, before the refinement."""
    scales: float = 0.5
    """The share of each coarser output beside 1 for the full size."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not (math.isfinite(value) and value >= 0.0):
                raise UsageError(f"weight {field.name} = {value}", wanted="a number from 0", remedy="0 leaves a term out")


def bistnet_terms(
    scales: Scales,
    truth_ab: Tensor,
    l_star: Tensor,
    *,
    weights: Weights,
    seeds: Tensor,
    vgg: Vgg19 | None = None,
    temporal: Before | None = None,
    fused: Tensor | None = None,
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
        fused: (N, 2, H, W) the fused color map, enlarged.
        critic: (N, 3, H, W) Lab -> (N,) scores; gets no gradient here.
        reference: (N, 3, h, w) Lab of the picture whose colors the contextual term asks for; None: the true frame, DeepExemplar
            takes the reference.
        edges: see :func:`bistnet.edges.edge_loss`.
        hard: see :func:`bistnet.mining.mining_loss`.
        random: likewise.

    Returns:
        Weighted scalars by the names of their weights, without those of weight 0.

    Raises:
        UsageError: a term needs what was not given, or shapes do not fit each other.
    """
    w = {name: getattr(weights, name) * weights.c for name in _INSIDE} | {"edge": weights.edge, "hem": weights.hem}
    given = {"perceptual": vgg, "contextual": vgg, "temporal": temporal, "match": fused, "adversarial": critic}
    for name, needed in given.items():
        if w[name] and needed is None:
            thing, argument = _NEEDS[name]
            raise UsageError(
                f"the {name} term has weight {w[name]:g} and no {thing}",
                wanted=f"{thing}, as {argument}",
                remedy=f"pass {argument}, or set the weight {name} to 0",
            )
    _check(scales, truth_ab, l_star)
    with torch.autocast(l_star.device.type, enabled=False):
        outputs = [_exact(ab) for ab in scales]
        full, truth_ab, l_star = outputs[-1], _exact(truth_ab), _exact(l_star)
        terms: dict[str, Tensor] = {}
        if w["edge"]:
            terms["edge"] = edge_loss(full, l_star, truth_ab, against=edges)
        if w["hem"] or w["content"]:
            half = halved(truth_ab)
            pairs = list(zip(outputs, (halved(half), half, truth_ab), (weights.scales, weights.scales, 1.0), strict=True))
            pairs = [pair for pair in pairs if pair[2]]
            share = sum(pair[2] for pair in pairs)
            if w["hem"]:
                parts = [s / share * mining_loss(ab, wanted, seeds, hard=hard, random=random) for ab, wanted, s in pairs]
                terms["hem"] = torch.stack(parts).sum()
            if w["content"]:
                terms["content"] = torch.stack([s / share * content_loss(ab, wanted) for ab, wanted, s in pairs]).sum()
        if vgg is not None and (w["perceptual"] or w["contextual"]):
            levels = vgg(rgb_of(l_star, full))
            with torch.no_grad():
                wanted_levels = vgg(rgb_of(l_star, truth_ab))
            if w["perceptual"]:
                terms["perceptual"] = perceptual_loss(levels[-1], wanted_levels[-1])
            if w["contextual"]:
                if reference is not None:
                    with torch.no_grad():
                        wanted_levels = vgg(rgb_of(_exact(reference[:, :1]), _exact(reference[:, 1:])))
                terms["contextual"] = contextual_loss(levels, wanted_levels)
        if w["smooth"]:
            terms["smooth"] = smoothness_loss(full, l_star)
        if w["temporal"] and temporal is not None:
            before = Before(_exact(temporal.ab), _exact(temporal.flow), temporal.mask)
            terms["temporal"] = temporal_loss(full, before)
        if w["match"] and fused is not None:
            terms["match"] = content_loss(_exact(fused), truth_ab)
        if w["adversarial"] and critic is not None:
            terms["adversarial"] = _adversarial(critic, l_star, full, truth_ab)
    return {name: w[name] * term for name, term in terms.items()}


def content_loss(ab: Tensor, truth_ab: Tensor) -> Tensor:
    """mean |ab - truth| over samples, channels and pixels, CIE units: (N, 2, H, W) twice -> a scalar."""
    return (ab - truth_ab).abs().mean()


def perceptual_loss(level: Tensor, wanted: Tensor) -> Tensor:
    """The mean square between VGG19's relu5_2 of predicted and of true pictures, as DeepExemplar takes it: not normalized.

    Args:
        level: (N, C, h, w).
        wanted: (N, C, h, w); no gradient goes there.

    Returns:
        A scalar.
    """
    return (level - wanted.detach()).square().mean()


def rgb_of(l_star: Tensor, ab: Tensor) -> Tensor:
    """The picture that a colorization shows, for networks that look at pictures.

    Differentiable. A color outside the sRGB gamut is clipped channel by channel, and a clipped channel gets no gradient, as the
    picture does not change with it: what lies outside is brought back by the terms on ab, which have no such limit.

    Args:
        l_star: (N, 1, H, W) in [0, 100].
        ab: (N, 2, H, W), CIE units.

    Returns:
        (N, 3, H, W) sRGB in [0, 1].
    """
    return lab_to_rgb(torch.cat((l_star, ab), dim=1).movedim(1, -1)).movedim(-1, 1)


def halved(ab: Tensor) -> Tensor:
    """Means of 2x2 pixels, at an odd border of those there are: (N, C, H, W) -> (N, C, ceil(H / 2), ceil(W / 2))."""
    return F.avg_pool2d(ab, 2, ceil_mode=True)


_INSIDE = ("content", "perceptual", "contextual", "smooth", "temporal", "adversarial", "match")
_NEEDS = {
    "perceptual": ("VGG19", "vgg"),
    "contextual": ("VGG19", "vgg"),
    "temporal": ("frame before", "temporal"),
    "match": ("fused color map", "fused"),
    "adversarial": ("critic", "critic"),
}


def _adversarial(critic: nn.Module, l_star: Tensor, ab: Tensor, truth_ab: Tensor) -> Tensor:
    from bistnet.adversarial import frozen, generator_loss

    with frozen(critic):
        real = critic(torch.cat((l_star, truth_ab), dim=1))
        return generator_loss(real, critic(torch.cat((l_star, ab), dim=1)))


def _exact(x: Tensor) -> Tensor:
    return x if x.dtype == torch.float64 else x.float()


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
