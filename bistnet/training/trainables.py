"""What ``colorbench train`` can train of BiSTNet: the network, its compact experts, the blend with flow. Takes no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from colorbench.training.trainable import OpenTask, Preset, Trainable, TrainableCard

_RECIPES = Path(__file__).parents[1] / "recipes"


def _bistnet() -> tuple[type[Any], OpenTask]:
    from bistnet.training.task import BistnetTask, TrainingSettings

    return TrainingSettings, lambda settings, data, seed: BistnetTask(settings, data, seed=seed)


def _match() -> tuple[type[Any], OpenTask]:
    from bistnet.training.match_task import MatchTask, MatchTrainingSettings

    return MatchTrainingSettings, lambda settings, data, seed: MatchTask(settings, data, seed=seed)


def _edges() -> tuple[type[Any], OpenTask]:
    from bistnet.experts.edges_data import find_bsds
    from bistnet.experts.edges_training import EdgesSettings, EdgesTask

    return EdgesSettings, lambda settings, data, seed: EdgesTask(settings, find_bsds(data), seed=seed)


def _blend() -> tuple[type[Any], OpenTask]:
    from bistnet.training.blend_task import BlendSettings, BlendTask

    return BlendSettings, lambda settings, data, seed: BlendTask(settings, data, seed=seed)


def _semantics() -> tuple[type[Any], OpenTask]:
    from bistnet.experts.semantics_task import SemanticsTask
    from bistnet.experts.semantics_training import SemanticsSettings

    return SemanticsSettings, lambda settings, data, seed: SemanticsTask(settings, data, seed=seed)


TRAINABLES: tuple[Trainable, ...] = (
    Preset(
        TrainableCard(
            name="bistnet",
            summary="BiSTNet, exemplar-based colorization",
            presets=("compact", "compact-aligned", "compact-hard", "compact-single", "vgg16", "paper", "paper-single"),
            data="a root with davis/ and bsds500/, or what the task's clips and photographs name",
            stem="{preset}",
        ),
        _RECIPES / "bistnet",
        _bistnet,
    ),
    Preset(
        TrainableCard(
            name="match",
            summary="BiSTNet's match on a frozen encoder, before the rest is trained",
            presets=("vgg16",),
            data="a root with davis/, gallery/ and bsds500/, or what the task's clips and photographs name",
            stem="{preset}-{name}",
        ),
        _RECIPES / "match",
        _match,
    ),
    Preset(
        TrainableCard(
            name="edges",
            summary="the compact edge expert, from nothing, on BSDS500",
            presets=("edges",),
            data="BSDS500: a folder of images/ and boundaries/ with train, val and test, or its parent",
            stem="compact-{name}",
        ),
        _RECIPES / "edges",
        _edges,
    ),
    Preset(
        TrainableCard(
            name="semantics",
            summary="the compact semantic expert, Fast-SCNN on luminance, on CamVid's 11 classes",
            presets=("semantics",),
            data="CamVid in the form of SegNet's authors: the folder of train, trainannot, val, ..., or its parent",
            stem="compact-{name}",
        ),
        _RECIPES / "semantics",
        _semantics,
    ),
    Preset(
        TrainableCard(
            name="blend",
            summary="what bistnet-tracked blends the network's colors and flow's with",
            presets=("compact",),
            data="a root with davis/, or what the task's clips name",
            stem="{preset}-{name}",
        ),
        _RECIPES / "blend",
        _blend,
    ),
)
