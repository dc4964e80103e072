"""The network of one reference that a network of two becomes."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from bistnet.network.graph import BiSTNet
from bistnet.network.settings import RefinementSettings


def with_one_reference(network: BiSTNet) -> BiSTNet:
    """A network of ``fusion.references = 1`` that does what one of two does when it is given no backward reference.

    The forward match then stands in both matches' channels, so the weights of either are added.
    """
    settings = replace(network.settings, fusion=replace(network.settings.fusion, references=1))
    single = BiSTNet(settings)
    own = single.state_dict()
    state = {
        key: weight if weight.shape == own[key].shape else _added(weight, settings.refinement)
        for key, weight in network.state_dict().items()
    }
    single.load_state_dict(state)
    return single


def _added(weight: Tensor, refinement: RefinementSettings) -> Tensor:
    """A layer on the refinement's input, (N, C, ., .), with the second match's channels added to the first's."""
    parts, at = [weight[:, :3]], 3
    for width in (1,) * refinement.similarity + (2,) * refinement.warped + (1,) * refinement.luminance:
        parts.append(weight[:, at : at + width] + weight[:, at + width : at + 2 * width])
        at += 2 * width
    return torch.cat((*parts, weight[:, at:]), dim=1)
