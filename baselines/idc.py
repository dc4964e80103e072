"""IDC (Zhang et al., Real-Time User-Guided Image Colorization, SIGGRAPH 2017) without hints, written from its published facts.

Each frame by itself, by regression. docs/design/automatic-baselines.md says what was compared with the authors' code and where a
choice was left.
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

WEIGHTS = "siggraph17"
"""In the manifest of weights. ``siggraph17-retrained`` is another training, whose mask is -0.5 without hints; it is not taken."""


def _official(device: str, settings: Settings) -> Colorizer:  # noqa: ARG001 - it has none
    from baselines.cic_networks.coloring import SquareColorizer
    from baselines.idc_networks.siggraph17 import Siggraph17
    from colorbench.nets.checkpoints import load_strict, read_state
    from colorbench.weights.official import require_weights

    path = require_weights(WEIGHTS)
    network = Siggraph17()
    load_strict(network, read_state(path), source=path)
    return SquareColorizer(network, device=device)


def _compact(path: Path, device: str) -> Colorizer:
    from baselines.idc_networks.compact import colorizer, load_compact

    return colorizer(load_compact(path), device=device)


METHODS = (
    NetworkMethod(
        MethodCard(
            name="idc",
            kind="automatic",
            summary="IDC without hints, each frame by itself, by regression",
            variants=(
                Variant(
                    name="official",
                    summary="the authors' PyTorch weights and preparation",
                    trained_on=("imagenet",),
                    weights="the authors' siggraph17 (BSD-2-Clause), 137 MB",
                    networks=(
                        NetworkFacts(
                            name="Siggraph17",
                            build="baselines.idc_networks.siggraph17:Siggraph17",
                            parameters=34_187_027,
                            entries=107,
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
                            name="Siggraph17",
                            build="baselines.idc_networks.compact:build_compact",
                            parameters=1_632_374,
                            entries=105,
                        ),
                    ),
                ),
            ),
            licence="BSD-2-Clause",
            paper="Zhang et al., Real-Time User-Guided Image Colorization, ACM TOG 36(4), SIGGRAPH 2017, arXiv 1705.02999",
            devices=("cpu", "cuda"),
        ),
        {"official": released(WEIGHTS, load=_official), "compact": compact_way("idc", _compact)},
    ),
)


def _task() -> tuple[type[Any], OpenTask]:
    from baselines.idc_networks.training import TrainingSettings, open_task

    return TrainingSettings, lambda settings, data, seed: open_task(settings, data, seed, card=METHODS[0].card)


TRAINABLES = (compact_trainable(METHODS[0].card, _task),)
