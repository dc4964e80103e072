"""CIC (Zhang, Isola and Efros, Colorful Image Colorization, ECCV 2016), written from its published facts.

Each frame by itself: a distribution over 313 colors for each position, and its mean. docs/design/automatic-baselines.md says what
was compared with the authors' code and where a choice was left.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from colorbench.errors import UsageError
from colorbench.types import MethodCard, Setting, Variant

if TYPE_CHECKING:
    from colorbench.method import Colorizer

WEIGHTS = "eccv16"
"""In the manifest of weights."""


@dataclass(frozen=True, slots=True)
class CicMethod:
    """The registered method."""

    card: MethodCard

    def unavailable(self, variant: str) -> str:  # noqa: ARG002
        """See Method."""
        from colorbench.weights import weights_missing

        return weights_missing(WEIGHTS)

    def fingerprint(self, *, variant: str, settings: Mapping[str, str]) -> str:
        """See Method.

        Raises:
            UsageError: a setting means nothing.
        """
        from colorbench.digest import file_digest
        from colorbench.weights import require_weights

        parse_temperature(settings)
        return "no weights" if self.unavailable(variant) else file_digest(require_weights(WEIGHTS))

    def load(self, *, variant: str, device: str, settings: Mapping[str, str]) -> Colorizer:  # noqa: ARG002
        """See Method.

        Raises:
            UsageError: a setting means nothing.
            WeightsError: its weights are not on this machine, damaged or others.
        """
        from baselines.cic_networks.coloring import SquareColorizer
        from baselines.cic_networks.eccv16 import Eccv16
        from colorbench.nets.checkpoints import load_strict, read_state
        from colorbench.weights import require_weights

        temperature = parse_temperature(settings)
        path = require_weights(WEIGHTS)
        network = Eccv16(temperature=temperature)
        load_strict(network, read_state(path), source=path)
        return SquareColorizer(network, device=device)


def parse_temperature(settings: Mapping[str, str]) -> float:
    """The setting ``temperature``.

    Raises:
        UsageError: it is no number above 0.
    """
    try:
        value = float(settings["temperature"])
    except ValueError:
        value = math.nan
    if not 0.0 < value < math.inf:
        raise UsageError(
            f"temperature = {settings['temperature']!r}",
            wanted="a number above 0; 1 is the released code, 0.38 the paper's",
            remedy="change temperature",
        )
    return value


METHODS = (
    CicMethod(
        MethodCard(
            name="cic",
            kind="automatic",
            summary="CIC, each frame by itself, a choice among 313 colors",
            variants=(
                Variant(
                    name="official",
                    summary="the authors' PyTorch weights and preparation",
                    trained_on=("imagenet",),
                    weights="the authors' colorization_release_v2 (BSD-2-Clause), 129 MB",
                ),
            ),
            licence="BSD-2-Clause",
            paper="Zhang, Isola and Efros, Colorful Image Colorization, ECCV 2016, arXiv 1603.08511",
            devices=("cpu", "cuda"),
            settings=(
                Setting(
                    name="temperature",
                    summary="what logits are divided by before the mean; 1 is the released PyTorch code, the paper has 0.38",
                    default="1",
                ),
            ),
        )
    ),
)
