"""DeepRemaster (Iizuka and Simo-Serra, SIGGRAPH Asia 2019), written from its published facts.

Convolutions over space and time with attention to any number of color pictures. A restoration network runs before the one that
colors: the authors' script has no other way. docs/design/tcvc-deepremaster.md says what was compared with the authors' code and
what differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from baselines.compact_networks.shipped import compact_file, compact_identity, compact_missing
from colorbench.errors import UsageError
from colorbench.training.trainable import OpenTask, Preset, TrainableCard
from colorbench.types import MethodCard, Setting, Variant

if TYPE_CHECKING:
    from baselines.deepremaster_networks.coloring import Working
    from colorbench.method import Colorizer

WEIGHTS = "deepremaster"
"""In the manifest of weights: one file, both networks."""

SHORTEST = 64
"""Least ``mindim``."""


@dataclass(frozen=True, slots=True)
class DeepRemasterMethod:
    """The registered method."""

    card: MethodCard

    def unavailable(self, variant: str) -> str:
        """See Method."""
        if variant == "compact":
            return compact_missing("deepremaster")
        from colorbench.weights import weights_missing

        return weights_missing(WEIGHTS)

    def fingerprint(self, *, variant: str, settings: Mapping[str, str]) -> str:
        """See Method. The file.

        Raises:
            UsageError: a setting means nothing.
        """
        from colorbench.digest import file_digest
        from colorbench.weights import require_weights

        parse_working(settings)
        if variant == "compact":
            return compact_identity("deepremaster")
        return "no weights" if self.unavailable(variant) else file_digest(require_weights(WEIGHTS))

    def load(self, *, variant: str, device: str, settings: Mapping[str, str]) -> Colorizer:
        """See Method.

        Raises:
            UsageError: a setting means nothing.
            WeightsError: its weights are not on this machine, damaged or others.
        """
        if variant == "compact":
            from baselines.deepremaster_networks.compact import CompactColorizer, load_compact

            return CompactColorizer(load_compact(compact_file("deepremaster")), device=device)
        from baselines.deepremaster_networks.coloring import ReleasedColorizer
        from baselines.deepremaster_networks.loading import load_released
        from colorbench.weights import require_weights

        working = parse_working(settings)
        return ReleasedColorizer(load_released(require_weights(WEIGHTS)), working=working, device=device)


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
    DeepRemasterMethod(
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
                ),
                Variant(
                    name="compact",
                    summary="the network that colors, small, trained by this project without degraded films",
                    exemplars=(1, None),
                    trained_on=("davis", "bsds500"),
                    weights="in the package",
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
        )
    ),
)


def _task() -> tuple[type[Any], OpenTask]:
    from baselines.deepremaster_networks.training import TrainingSettings, open_task

    return TrainingSettings, lambda settings, data, seed: open_task(settings, data, seed, card=METHODS[0].card)


TRAINABLES = (
    Preset(
        TrainableCard(
            name="deepremaster",
            summary="DeepRemaster, five frames at a time, colors found by attention in any number of exemplars",
            presets=("compact",),
            data="a root with davis/ and bsds500/, or what the task's clips and photographs name",
        ),
        Path(__file__).parent / "recipes" / "deepremaster",
        _task,
    ),
)
