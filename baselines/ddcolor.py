"""DDColor (Kang et al., ICCV 2023), written from its published facts.

Each frame by itself: learned color queries look at the picture at three sizes. docs/design/ddcolor-colormnet.md says what was
compared with the authors' code and where a choice was left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from colorbench.types import MethodCard, NetworkFacts, Variant
from colorbench.weights.network_method import NetworkMethod, Settings, Way, released

if TYPE_CHECKING:
    from colorbench.method import Colorizer

WEIGHTS = {"official": "ddcolor", "tiny": "ddcolor-tiny", "paper": "ddcolor-paper", "artistic": "ddcolor-artistic"}
"""Variants to entries of the manifest of weights; ``tiny`` alone is of another size."""


def _way(variant: str) -> Way:
    def load(device: str, settings: Settings) -> Colorizer:  # noqa: ARG001 - it has none
        from baselines.ddcolor_networks.coloring import ReleasedColorizer
        from baselines.ddcolor_networks.loading import load_released
        from baselines.ddcolor_networks.network import LARGE, TINY
        from colorbench.weights.official import require_weights

        path = require_weights(WEIGHTS[variant])
        return ReleasedColorizer(load_released(path, size=TINY if variant == "tiny" else LARGE), device=device)

    return released(WEIGHTS[variant], load=load)


_PUBLISHED = (
    NetworkFacts(
        name="DDColor",
        build="baselines.ddcolor_networks.network:DDColor",
        parameters=227_869_328,
        entries=602,
    ),
)

METHODS = (
    NetworkMethod(
        MethodCard(
            name="ddcolor",
            kind="automatic",
            summary="DDColor, each frame by itself, learned color queries that look at the picture at three sizes",
            variants=(
                Variant(
                    name="official",
                    summary="DDColor-L, the authors' default weights (ModelScope's) and preparation",
                    trained_on=("imagenet",),
                    weights="the authors' ddcolor_modelscope.pth (Apache-2.0), 912 MB",
                    networks=_PUBLISHED,
                ),
                Variant(
                    name="tiny",
                    summary="DDColor-T, trained as in the paper",
                    trained_on=("imagenet",),
                    weights="the authors' ddcolor_paper_tiny.pth (Apache-2.0), 220 MB",
                    networks=(
                        NetworkFacts(
                            name="DDColor",
                            build="baselines.ddcolor_networks.network:build_tiny",
                            parameters=55_006_640,
                            entries=440,
                        ),
                    ),
                ),
                Variant(
                    name="paper",
                    summary="DDColor-L, the paper's weights",
                    trained_on=("imagenet",),
                    weights="the authors' ddcolor_paper.pth (Apache-2.0), 912 MB",
                    networks=_PUBLISHED,
                    by_default=False,
                ),
                Variant(
                    name="artistic",
                    summary="DDColor-L trained on pictures of the authors' own too, without the colorfulness loss",
                    trained_on=("imagenet", "private"),
                    weights="the authors' ddcolor_artistic.pth (Apache-2.0), 912 MB",
                    networks=_PUBLISHED,
                    by_default=False,
                ),
            ),
            licence="Apache-2.0",
            paper="Kang et al., DDColor: Towards Photo-Realistic Image Colorization via Dual Decoders, ICCV 2023",
            devices=("cpu", "cuda"),
        ),
        {variant: _way(variant) for variant in WEIGHTS},
    ),
)
