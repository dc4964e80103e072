"""Iizuka (Iizuka, Simo-Serra and Ishikawa, Let there be Color!, SIGGRAPH 2016), written from the paper and from facts.

Each frame by itself: features of its places, fused with features of the whole picture. Its authors published a trained file and a
script, but no definition of the network, so some of its layers can't be known without the file and are read from it.
docs/design/automatic-baselines.md says which, and where a choice was left.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from baselines.compact_networks.shipped import compact_trainable, compact_way
from colorbench.training.trainable import OpenTask
from colorbench.types import MethodCard, NetworkFacts, Variant
from colorbench.weights.network_method import NetworkMethod, Settings, released

if TYPE_CHECKING:
    from colorbench.method import Colorizer

WEIGHTS = "iizuka-places"
"""In the manifest of weights; the authors' default. ``iizuka-imagenet`` is another training and is not taken."""


def _official(device: str, settings: Settings) -> Colorizer:  # noqa: ARG001 - it has none
    from baselines.iizuka_networks.coloring import IizukaColorizer
    from baselines.iizuka_networks.release import load_released
    from colorbench.weights.official import require_weights

    found = load_released(require_weights(WEIGHTS))
    return IizukaColorizer(found.network, mean=found.mean, device=device)


def _compact(path: Path, device: str) -> Colorizer:
    from baselines.iizuka_networks.compact import colorizer, load_compact

    return colorizer(load_compact(path), device=device)


METHODS = (
    NetworkMethod(
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
                    networks=(
                        NetworkFacts(
                            name="IizukaNet",
                            build="baselines.iizuka_networks.network:IizukaNet",
                            parameters=42_182_818,
                            entries=142,
                        ),
                    ),
                ),
                Variant(
                    name="compact",
                    summary="the same design small, trained by this project",
                    trained_on=("davis", "bsds500"),
                    weights="in the package",
                    networks=(
                        NetworkFacts(
                            name="IizukaNet",
                            build="baselines.iizuka_networks.compact:build_compact",
                            parameters=1_558_954,
                            entries=142,
                        ),
                    ),
                ),
            ),
            licence="CC-BY-NC-SA-4.0",
            paper="Iizuka, Simo-Serra and Ishikawa, Let there be Color!, ACM Transactions on Graphics 35(4), SIGGRAPH 2016",
            devices=("cpu", "cuda"),
        ),
        {"official": released(WEIGHTS, load=_official), "compact": compact_way("iizuka", _compact)},
    ),
)


def _task() -> tuple[type[Any], OpenTask]:
    from baselines.iizuka_networks.training import TrainingSettings, open_task

    return TrainingSettings, lambda settings, data, seed: open_task(settings, data, seed, card=METHODS[0].card)


TRAINABLES = (compact_trainable(METHODS[0].card, _task),)
