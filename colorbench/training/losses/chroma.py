r"""The objective of DeepExemplar (Zhang et al., CVPR 2019), which BiSTNet takes over as its L_c.

    L = content L_1 + perceptual L_perceptual + contextual L_contextual + smooth L_smooth + temporal L_temporal
        (+ adversarial L_generator) (+ match L_match)

The weights are those of DeepExemplar's training code, with the adversarial term off. How ours differs: its code takes L_1 only
where the reference is the frame itself; here the true colors of every frame are known, and all of them count. ``match`` is ours:
an L1 on the colors that the correspondence alone gives, so that the embedding has a gradient that does not pass through the
network behind it.

Chroma counts in CIE units. Each term is a mean over the samples of the batch (the adversarial one apart), in float32 whatever
autocast is in force; float64 stays.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from colorbench.color import lab_to_rgb
from colorbench.errors import UsageError
from colorbench.training.losses.contextual import contextual_loss
from colorbench.training.losses.smoothness import smoothness_loss
from colorbench.training.losses.warping import Before, temporal_loss

if TYPE_CHECKING:
    from colorbench.nets.encoders import Vgg16, Vgg19


@dataclass(frozen=True, slots=True, kw_only=True)
class ChromaWeights:
    """Of the terms; one of 0 is not computed."""

    content: float = 2.0
    perceptual: float = 0.001
    """Needs VGG19 or VGG16."""
    contextual: float = 0.2
    """Needs VGG19 or VGG16."""
    smooth: float = 5.0
    temporal: float = 0.02
    """Needs the frame before."""
    adversarial: float = 0.0
    """Needs a critic; DeepExemplar has 0.2."""
    match: float = 0.0
    """Ours: L1 of the matched color map."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not (math.isfinite(value) and value >= 0.0):
                raise UsageError(f"weight {field.name} = {value}", wanted="a number from 0", remedy="0 leaves a term out")


def chroma_terms(
    ab: Tensor,
    truth_ab: Tensor,
    l_star: Tensor,
    *,
    weights: ChromaWeights,
    vgg: Vgg19 | Vgg16 | None = None,
    temporal: Before | None = None,
    matched: Tensor | None = None,
    critic: nn.Module | None = None,
    reference: Tensor | None = None,
) -> dict[str, Tensor]:
    """The objective, term by term: what is minimized is the sum.

    Args:
        ab: (N, 2, H, W) predicted, CIE units.
        truth_ab: (N, 2, H, W).
        l_star: (N, 1, H, W) in [0, 100].
        weights: of the terms.
        vgg: for the perceptual and the contextual term; on the device of the tensors.
        temporal: the frame before each sample.
        matched: (N, 2, H, W) the matched color map, enlarged.
        critic: (N, 3, H, W) Lab -> (N,) scores; gets no gradient here.
        reference: (N, 3, h, w) Lab of the picture whose colors the contextual term asks for; None: the true frame, DeepExemplar
            takes the reference.

    Returns:
        Weighted scalars by the names of their weights, without those of weight 0.

    Raises:
        UsageError: a term needs what was not given, or shapes do not fit each other.
    """
    given = {"perceptual": vgg, "contextual": vgg, "temporal": temporal, "match": matched, "adversarial": critic}
    w = {field.name: float(getattr(weights, field.name)) for field in fields(ChromaWeights)}
    for name, needed in given.items():
        if w[name] and needed is None:
            thing, argument = _NEEDS[name]
            raise UsageError(
                f"the {name} term has weight {w[name]:g} and no {thing}",
                wanted=f"{thing}, as {argument}",
                remedy=f"pass {argument}, or set the weight {name} to 0",
            )
    with torch.autocast(l_star.device.type, enabled=False):
        ab, truth_ab, l_star = exact(ab), exact(truth_ab), exact(l_star)
        terms: dict[str, Tensor] = {}
        if w["content"]:
            terms["content"] = content_loss(ab, truth_ab)
        if vgg is not None and (w["perceptual"] or w["contextual"]):
            levels = vgg(rgb_of(l_star, ab))
            with torch.no_grad():
                wanted_levels = vgg(rgb_of(l_star, truth_ab))
            if w["perceptual"]:
                terms["perceptual"] = perceptual_loss(levels[-1], wanted_levels[-1])
            if w["contextual"]:
                if reference is not None:
                    with torch.no_grad():
                        wanted_levels = vgg(rgb_of(exact(reference[:, :1]), exact(reference[:, 1:])))
                terms["contextual"] = contextual_loss(levels, wanted_levels)
        if w["smooth"]:
            terms["smooth"] = smoothness_loss(ab, l_star)
        if w["temporal"] and temporal is not None:
            terms["temporal"] = temporal_loss(ab, Before(exact(temporal.ab), exact(temporal.flow), temporal.mask))
        if w["match"] and matched is not None:
            terms["match"] = content_loss(exact(matched), truth_ab)
        if w["adversarial"] and critic is not None:
            terms["adversarial"] = _adversarial(critic, l_star, ab, truth_ab)
    return {name: w[name] * term for name, term in terms.items()}


def content_loss(ab: Tensor, truth_ab: Tensor) -> Tensor:
    """mean |ab - truth| over samples, channels and pixels, CIE units: (N, 2, H, W) twice -> a scalar."""
    return (ab - truth_ab).abs().mean()


def perceptual_loss(level: Tensor, wanted: Tensor) -> Tensor:
    """The mean square between VGG19's relu5_2 of predicted and of true pictures, as DeepExemplar takes it: not normalized.

    With VGG16 it is relu5_3.

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


def exact(x: Tensor) -> Tensor:
    """float32 of what a network gave in half precision; float64 stays."""
    return x if x.dtype == torch.float64 else x.float()


_NEEDS = {
    "perceptual": ("VGG19 or VGG16", "vgg"),
    "contextual": ("VGG19 or VGG16", "vgg"),
    "temporal": ("frame before", "temporal"),
    "match": ("matched color map", "matched"),
    "adversarial": ("critic", "critic"),
}


def _adversarial(critic: nn.Module, l_star: Tensor, ab: Tensor, truth_ab: Tensor) -> Tensor:
    from colorbench.training.losses.adversarial import frozen, generator_loss

    with frozen(critic):
        real = critic(torch.cat((l_star, truth_ab), dim=1))
        return generator_loss(real, critic(torch.cat((l_star, ab), dim=1)))
