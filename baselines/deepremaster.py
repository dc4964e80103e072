"""DeepRemaster (Iizuka and Simo-Serra, SIGGRAPH Asia 2019), written from its published facts.

Convolutions over space and time with attention to any number of color pictures. A restoration network runs before the one that
colors: the authors' script has no other way. docs/design/tcvc-deepremaster.md says what was compared with the authors' code and
what differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from baselines.compact_networks.shipped import compact_trainable, compact_way
from colorbench.errors import UsageError
from colorbench.training.trainable import OpenTask
from colorbench.types import MethodCard, NetworkFacts, Setting, Variant
from colorbench.weights.network_method import NetworkMethod, Settings, released

if TYPE_CHECKING:
    from baselines.deepremaster_networks.coloring import Working
    from colorbench.method import Colorizer

WEIGHTS = "deepremaster"
"""In the manifest of weights: one file, both networks."""

SHORTEST = 64
"""Least ``mindim``."""


def _official(device: str, settings: Settings) -> Colorizer:
    from baselines.deepremaster_networks.coloring import ReleasedColorizer
    from baselines.deepremaster_networks.loading import load_released
    from colorbench.weights.official import require_weights

    return ReleasedColorizer(load_released(require_weights(WEIGHTS)), working=parse_working(settings), device=device)


def _compact(path: Path, device: str) -> Colorizer:
    from baselines.deepremaster_networks.compact import CompactColorizer, load_compact

    return CompactColorizer(load_compact(path), device=device)


def parse_working(settings: Mapping[str, str]) -> Working:
    """Settings as text to Working.

    Raises:
        UsageError: a value that is none.
    """
    from baselines.deepremaster_networks.coloring import Working

    text = settings["mindim"]
    mindim = int(text) if text.isascii() and text.isdigit() else 0
    if mindim < SHORTEST:
        raise UsageError(f"mindim = {text!r}", wanted=f"a number of pixels, at least {SHORTEST}", remedy="change mindim")
    return Working(mindim=mindim)


METHODS = (
    NetworkMethod(
        MethodCard(
            name="deepremaster",
            kind="exemplar",
            summary="DeepRemaster, five frames at a time, colors found by attention in any number of exemplars",
            variants=(
                Variant(
                    name="official",
                    summary="the authors' weights and preparation, the clip's own luminance",
                    exemplars=(0, None),
                    trained_on=("youtube-8m",),
                    weights="the authors' remasternet.pth.tar (CC BY-NC-SA 4.0)",
                    networks=(
                        NetworkFacts(
                            name="RestorationNet",
                            build="baselines.deepremaster_networks.restoration:RestorationNet",
                            parameters=9_878_113,
                            entries=86,
                        ),
                        NetworkFacts(
                            name="ColorNet",
                            build="baselines.deepremaster_networks.colornet:ColorNet",
                            parameters=54_282_654,
                            entries=261,
                        ),
                    ),
                ),
                Variant(
                    name="compact",
                    summary="the network that colors, small, trained by this project without degraded films",
                    exemplars=(1, None),
                    trained_on=("davis", "bsds500"),
                    weights="in the package",
                    networks=(
                        NetworkFacts(
                            name="ColorNet",
                            build="baselines.deepremaster_networks.compact:build_compact",
                            parameters=1_612_837,
                            entries=261,
                        ),
                    ),
                ),
            ),
            licence="CC BY-NC-SA 4.0",
            paper="Iizuka and Simo-Serra, DeepRemaster: Temporal Source-Reference Attention Networks, SIGGRAPH Asia 2019",
            devices=("cpu", "cuda"),
            settings=(
                Setting(
                    name="mindim",
                    summary="official: the shorter side that frames are brought to; colors fade above about 450",
                    default="320",
                ),
            ),
        ),
        {"official": released(WEIGHTS, load=_official), "compact": compact_way("deepremaster", _compact)},
        check=parse_working,
    ),
)


def _task() -> tuple[type[Any], OpenTask]:
    from baselines.deepremaster_networks.training import TrainingSettings, open_task

    return TrainingSettings, lambda settings, data, seed: open_task(settings, data, seed, card=METHODS[0].card)


TRAINABLES = (compact_trainable(METHODS[0].card, _task),)
