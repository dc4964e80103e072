"""From a checkpoint, or from nothing, to a network that colors: weights, and the experts that it was trained with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from bistnet.checkpoint import load_checkpoint
from bistnet.experts import MixedExperts, build_expert
from bistnet.network.graph import BiSTNet
from bistnet.network.settings import ExpertSettings, load_settings, with_overrides
from bistnet.shipped import find_expert, weights_folders
from colorbench.errors import UsageError, WeightsError

UNTRAINED_SEED = 0


@dataclass(frozen=True, slots=True)
class Loaded:
    """A network ready for :class:`bistnet.inference.Colorizer`."""

    network: BiSTNet
    experts: MixedExperts | None
    trained: bool
    """False: weights are random, and whatever is made with them must say so."""


def load_trained(path: Path, *, preset: str | None = None) -> Loaded:
    """A trained network.

    Args:
        path: a checkpoint.
        preset: what it must be of; None takes any.

    Raises:
        WeightsError: it can't be read, is of another preset, was never trained, or an expert is missing or another one.
    """
    network, card = load_checkpoint(path, expected=preset)
    if not card.trained:
        raise WeightsError(
            f"checkpoint {path} was never trained, says its card",
            wanted="a trained one",
            remedy="to try the plumbing, take random weights by their name: bistnet:untrained",
        )
    experts = build_experts(network.settings.experts, trained=True)
    for expert in experts.experts if experts is not None else ():
        known = card.experts.get(str(expert.name))
        if known is not None and known != expert.identity:
            raise WeightsError(
                f"checkpoint {path} was trained with another {expert.name} than this machine's",
                wanted=f"the expert of identity {known[:12]}",
                remedy=f"put its weights into {weights_folders()[1] / 'experts'}",
            )
    return Loaded(network, experts, trained=True)


def build_compact() -> BiSTNet:
    """The preset compact with random weights."""
    return BiSTNet(load_settings("compact"))


def build_compact_single() -> BiSTNet:
    """The preset compact for one reference, with random weights."""
    return BiSTNet(with_overrides(load_settings("compact"), {"fusion.references": 1}))


def build_vgg16() -> BiSTNet:
    """The preset vgg16 with random weights."""
    return BiSTNet(load_settings("vgg16"))


def build_vgg16_single() -> BiSTNet:
    """The preset vgg16 for one reference, with random weights."""
    return BiSTNet(with_overrides(load_settings("vgg16"), {"fusion.references": 1}))


def build_paper() -> BiSTNet:
    """The preset paper with random weights."""
    return BiSTNet(load_settings("paper"))


def load_untrained(preset: str) -> Loaded:
    """A preset's network with random weights, the same ones each time."""
    settings = load_settings(preset)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(UNTRAINED_SEED)
        return Loaded(BiSTNet(settings).eval(), build_experts(settings.experts, trained=False), trained=False)


def build_experts(settings: ExpertSettings, *, trained: bool) -> MixedExperts | None:
    """The experts that settings name, with this machine's weights; None where they name none.

    Args:
        settings: which.
        trained: whether an expert without weights is an error; else it is random.

    Raises:
        WeightsError: an expert's weights are not on this machine.
        UsageError: the settings count other maps than the experts give.
    """
    found = []
    for name in (name for name in (settings.semantic, settings.edges) if name != "none"):
        path = find_expert(name)
        if path is None and trained:
            raise WeightsError(
                f"no weights of the expert {name!r} on this machine",
                wanted=f"{name}.safetensors or {name}.pth in {weights_folders()[1] / 'experts'}",
                remedy="put them there, or take a network without experts",
            )
        found.append(build_expert(name, checkpoint=path))
    if not found:
        return None
    experts = MixedExperts(found)
    if experts.channels != settings.channels:
        raise UsageError(
            f"the experts give {experts.channels} maps, the network takes {settings.channels}",
            wanted="as many",
            remedy="set experts.classes to the semantic expert's classes",
        )
    return experts
