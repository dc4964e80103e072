"""Iizuka (Iizuka, Simo-Serra and Ishikawa, Let there be Color!, SIGGRAPH 2016), written from the paper and from facts.

Each frame by itself: features of its places, fused with features of the whole picture. Its authors published a trained file and a
script, but no definition of the network, so some of its layers can't be known without the file and are read from it.
docs/design/automatic-baselines.md says which, and where a choice was left.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from colorbench.types import MethodCard, Variant

if TYPE_CHECKING:
    from colorbench.method import Colorizer

WEIGHTS = "iizuka-places"
"""In the manifest of weights; the authors' default. ``iizuka-imagenet`` is another training and is not taken."""


@dataclass(frozen=True, slots=True)
class IizukaMethod:
    """The registered method."""

    card: MethodCard

    def unavailable(self, variant: str) -> str:  # noqa: ARG002
        """See Method."""
        from colorbench.weights import weights_missing

        return weights_missing(WEIGHTS)

    def fingerprint(self, *, variant: str, settings: Mapping[str, str]) -> str:  # noqa: ARG002
        """See Method."""
        from colorbench.digest import file_digest
        from colorbench.weights import require_weights

        return "no weights" if self.unavailable(variant) else file_digest(require_weights(WEIGHTS))

    def load(self, *, variant: str, device: str, settings: Mapping[str, str]) -> Colorizer:  # noqa: ARG002
        """See Method.

        Raises:
            WeightsError: its weights are not on this machine, damaged, others, or of a layout that is not known here.
        """
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
            ),
            licence="CC-BY-NC-SA-4.0",
            paper="Iizuka, Simo-Serra and Ishikawa, Let there be Color!, ACM Transactions on Graphics 35(4), SIGGRAPH 2016",
            devices=("cpu", "cuda"),
        )
    ),
)
