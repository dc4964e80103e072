"""Iizuka (Iizuka, Simo-Serra and Ishikawa, Let there be Color!, SIGGRAPH 2016), written from the paper and from facts.

Each frame by itself: features of its places, fused with features of the whole picture. Its authors published a trained file and a
script, but no definition of the network, so some of its layers can't be known without the file and are read from it.
docs/design/automatic-baselines.md says which, and where a choice was left.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from baselines.compact_networks.shipped import compact_file, compact_identity, compact_missing
from colorbench.training.trainable import OpenTask, Preset, TrainableCard
from colorbench.types import MethodCard, Variant

if TYPE_CHECKING:
    from colorbench.method import Colorizer

WEIGHTS = "iizuka-places"
"""In the manifest of weights; the authors' default. ``iizuka-imagenet`` is another training and is not taken."""


@dataclass(frozen=True, slots=True)
class IizukaMethod:
    """The registered method."""

    card: MethodCard

    def unavailable(self, variant: str) -> str:
        """See Method."""
        if variant == "compact":
            return compact_missing("iizuka")
        from colorbench.weights import weights_missing

        return weights_missing(WEIGHTS)

    def fingerprint(self, *, variant: str, settings: Mapping[str, str]) -> str:  # noqa: ARG002
        """See Method."""
        if variant == "compact":
            return compact_identity("iizuka")
        from colorbench.digest import file_digest
        from colorbench.weights import require_weights

        return "no weights" if self.unavailable(variant) else file_digest(require_weights(WEIGHTS))

    def load(self, *, variant: str, device: str, settings: Mapping[str, str]) -> Colorizer:  # noqa: ARG002
        """See Method.

        Raises:
            WeightsError: its weights are not on this machine, damaged, others, or of a layout that is not known here.
        """
        if variant == "compact":
            from baselines.iizuka_networks.compact import colorizer, load_compact

            return colorizer(load_compact(compact_file("iizuka")), device=device)
        from baselines.iizuka_networks.coloring import IizukaColorizer
        from baselines.iizuka_networks.release import load_released
        from colorbench.weights import require_weights

        released = load_released(require_weights(WEIGHTS))
        return IizukaColorizer(released.network, mean=released.mean, device=device)


METHODS = (
    IizukaMethod(
        MethodCard(
            name="iizuka",
            kind="automatic",
            summary="Iizuka, each frame by itself, features of places and of the whole picture fused",
            variants=(
                Variant(
                    name="official",
                    summary="the authors' weights and preparation",
                    trained_on=("places",),
                    weights="the authors' colornet.t7 (CC BY-NC-SA 4.0), 695 MB",
                ),
                Variant(
                    name="compact",
                    summary="the same design small, trained by this project",
                    trained_on=("davis", "bsds500"),
                    weights="in the package",
                ),
            ),
            licence="CC-BY-NC-SA-4.0",
            paper="Iizuka, Simo-Serra and Ishikawa, Let there be Color!, ACM Transactions on Graphics 35(4), SIGGRAPH 2016",
            devices=("cpu", "cuda"),
        )
    ),
)


def _task() -> tuple[type[Any], OpenTask]:
    from baselines.iizuka_networks.training import TrainingSettings, open_task

    return TrainingSettings, lambda settings, data, seed: open_task(settings, data, seed, card=METHODS[0].card)


TRAINABLES = (
    Preset(
        TrainableCard(
            name="iizuka",
            summary="Iizuka, each frame by itself, features of places and of the whole picture fused",
            presets=("compact",),
            data="a root with davis/ and bsds500/, or what the task's clips and photographs name",
        ),
        Path(__file__).parent / "recipes" / "iizuka",
        _task,
    ),
)
