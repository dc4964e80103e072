"""Experts by name: the one place that knows which checkpoint layout belongs to which network."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from torch import nn

from bistnet.experts.expert import MAX_PIXELS, FrozenExpert, Kind
from colorbench.errors import UnknownNameError, UsageError

Form = Literal["paper", "release"]

NAMES = ("compact-edges", "compact-semantics", "hed", "mmseg", "protoseg-19", "protoseg-150")

VERSION = "1"
"""Raised when the code gives other maps for the same weights; part of every identity."""


def build_expert(
    name: str,
    *,
    checkpoint: Path | None = None,
    config: Path | None = None,
    form: Form = "paper",
    max_pixels: int = MAX_PIXELS,
) -> FrozenExpert:
    """Builds an expert, on the CPU; ``.to(device)`` moves it.

    Args:
        name: of NAMES.
        checkpoint: its weights, as published or as saved from this project's network. None leaves random weights, and the
            expert's ``trained`` False.
        config: for "mmseg" alone, the config file (a .py one is a program, which runs).
        form: "release" feeds "hed" and the ProtoSegs what BiSTNet's released code does, and takes ProtoSeg's raw scores, which
            are not in [0, 1]: for the authors' fusion network only.
        max_pixels: of one pass through the network.

    Raises:
        UsageError: an unknown name, a config missing or not wanted, or a form that the expert does not have.
        WeightsError: the checkpoint can't be read or does not fit.
        ConfigError: the config can't be read or built.
    """
    if name not in NAMES:
        raise UnknownNameError("expert", name, NAMES)
    if (name == "mmseg") != (config is not None):
        raise UsageError(
            f"expert {name} {'without' if config is None else 'with'} a config",
            wanted="a config file of mmsegmentation for 'mmseg', and for no other",
        )
    if form == "release" and name not in ("hed", "protoseg-19", "protoseg-150"):
        raise UsageError(f"expert {name} has no form 'release'", wanted="hed, protoseg-19 or protoseg-150")
    match name:
        case "hed":
            expert = _hed(checkpoint, form)
        case "compact-edges":
            expert = _compact_edges(checkpoint)
        case "compact-semantics":
            expert = _compact_semantics(checkpoint)
        case "mmseg":
            expert = _mmseg(config, checkpoint)
        case _:
            expert = _protoseg(name, checkpoint, form)
    expert.max_pixels = max_pixels
    return expert


def _hed(checkpoint: Path | None, form: Form) -> FrozenExpert:
    from bistnet.experts.hed import Hed
    from colorbench.nets.checkpoints import load_strict, read_state
    from colorbench.nets.hed_weights import hed_state

    network = Hed(form=form)
    if checkpoint is not None:
        load_strict(network, hed_state(read_state(checkpoint)), source=checkpoint)
    return _frozen(network, "hed", "edge", 1, checkpoint, form=form, odd_sides="up" if form == "paper" else "down")


def _compact_edges(checkpoint: Path | None) -> FrozenExpert:
    from bistnet.experts.compact_edges import CompactEdges
    from colorbench.nets.checkpoints import load_strict, read_state

    network = CompactEdges()
    if checkpoint is not None:
        load_strict(network, read_state(checkpoint), source=checkpoint)
    return _frozen(network.folded(), "compact-edges", "edge", 1, checkpoint)


def _compact_semantics(checkpoint: Path | None) -> FrozenExpert:
    from bistnet.experts.compact_semantics import compact_semantics

    network = compact_semantics(checkpoint)
    return _frozen(network, "compact-semantics", "semantic", network.channels, checkpoint)


def _mmseg(config: Path | None, checkpoint: Path | None) -> FrozenExpert:
    from bistnet.experts.mmseg_expert import MmsegExpert

    network = MmsegExpert.from_config(config or Path(), checkpoint)
    return _frozen(network, "mmseg", "semantic", network.channels, checkpoint, config=network.description)


def _protoseg(name: str, checkpoint: Path | None, form: Form) -> FrozenExpert:
    from bistnet.experts.hrnet import hrnet_w48
    from bistnet.experts.protoseg import ProtoSeg
    from colorbench.nets.checkpoints import load_strict, read_state

    classes = int(name.removeprefix("protoseg-"))
    network = ProtoSeg(hrnet_w48(), classes=classes, form=form)
    if checkpoint is not None:
        load_strict(network, read_state(checkpoint), source=checkpoint)
    return _frozen(network, name, "semantic", classes, checkpoint, form=form)


def _frozen(network: nn.Module, name: str, kind: Kind, channels: int, checkpoint: Path | None, **settings: str) -> FrozenExpert:
    settings = {"version": VERSION, **settings}
    return FrozenExpert(network, name=name, kind=kind, channels=channels, trained=checkpoint is not None, settings=settings)
