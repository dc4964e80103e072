"""IDC (Zhang et al., Real-Time User-Guided Image Colorization, SIGGRAPH 2017) without hints, written from its published facts.

Each frame by itself, by regression. docs/design/automatic-baselines.md says what was compared with the authors' code and where a
choice was left.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from colorbench.types import MethodCard, Variant

if TYPE_CHECKING:
    from colorbench.method import Colorizer

WEIGHTS = "siggraph17"
"""In the manifest of weights. ``siggraph17-retrained`` is another training, whose mask is -0.5 without hints; it is not taken."""


@dataclass(frozen=True, slots=True)
class IdcMethod:
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
            WeightsError: its weights are not on this machine, damaged or others.
        """
        from baselines.cic_networks.coloring import SquareColorizer
        from baselines.idc_networks.siggraph17 import Siggraph17
        from colorbench.nets.checkpoints import load_strict, read_state
        from colorbench.weights import require_weights

        path = require_weights(WEIGHTS)
        network = Siggraph17()
        load_strict(network, read_state(path), source=path)
        return SquareColorizer(network, device=device)


METHODS = (
    IdcMethod(
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
                ),
            ),
            licence="BSD-2-Clause",
            paper="Zhang et al., Real-Time User-Guided Image Colorization, ACM TOG 36(4), SIGGRAPH 2017, arXiv 1705.02999",
            devices=("cpu", "cuda"),
        )
    ),
)
