"""ColorMNet (Yang et al., ECCV 2024), from the paper and its published facts.

One exemplar and what was colored so far are kept in a memory of features, from which each frame takes its chroma; features are
ResNet-50's under the guidance of DINOv2's. docs/design/ddcolor-colormnet.md says what was compared with the authors' code and
where a choice was left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from colorbench.types import MethodCard, NetworkFacts, Variant
from colorbench.weights.network_method import NetworkMethod, Settings, released

if TYPE_CHECKING:
    from colorbench.method import Colorizer

WEIGHTS = "colormnet"
"""In the manifest of weights: one file, DINOv2's backbone in it."""


def _official(device: str, settings: Settings) -> Colorizer:  # noqa: ARG001 - it has none
    from baselines.colormnet_networks.coloring import ReleasedColorizer
    from baselines.colormnet_networks.network import ColorMNet
    from colorbench.nets.checkpoints import load_strict, read_state
    from colorbench.weights.official import require_weights

    path = require_weights(WEIGHTS)
    network = ColorMNet()
    load_strict(network, read_state(path), source=path)
    return ReleasedColorizer(network, device=device)


METHODS = (
    NetworkMethod(
        MethodCard(
            name="colormnet",
            kind="exemplar",
            summary="ColorMNet, colors of the first exemplar carried on through a memory of features",
            variants=(
                Variant(
                    name="official",
                    summary="the authors' weights and preparation",
                    exemplars=(1, 1),
                    trained_on=("davis-train", "videvo-train", "imagenet", "lvd-142m"),
                    weights="the authors' release v0.1 (CC BY-NC-SA 4.0), DINOv2 ViT-S/14 in it, 494 MB",
                    networks=(
                        NetworkFacts(
                            name="ColorMNet",
                            build="baselines.colormnet_networks.network:ColorMNet",
                            parameters=123_609_281,
                            entries=667,
                        ),
                    ),
                ),
            ),
            licence="CC-BY-NC-SA-4.0",
            paper="Yang et al., ColorMNet: A Memory-based Deep Spatial-Temporal Feature Propagation Network for Video "
            "Colorization, ECCV 2024, arXiv 2404.06251",
            devices=("cpu", "cuda"),
        ),
        {"official": released(WEIGHTS, load=_official)},
    ),
)
