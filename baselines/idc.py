"""IDC (Zhang et al., Real-Time User-Guided Image Colorization, SIGGRAPH 2017) without hints, written from its published facts.

Each frame by itself, by regression. docs/design/automatic-baselines.md says what was compared with the authors' code and where a
choice was left.
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

WEIGHTS = "siggraph17"
"""In the manifest of weights. ``siggraph17-retrained`` is another training, whose mask is -0.5 without hints; it is not taken."""


@dataclass(frozen=True, slots=True)
class IdcMethod:
    """The registered method."""

    card: MethodCard

    def unavailable(self, variant: str) -> str:
        """See Method."""
        if variant == "compact":
            return compact_missing("idc")
        from colorbench.weights import weights_missing

        return weights_missing(WEIGHTS)

    def fingerprint(self, *, variant: str, settings: Mapping[str, str]) -> str:  # noqa: ARG002
        """See Method."""
        if variant == "compact":
            return compact_identity("idc")
        from colorbench.digest import file_digest
        from colorbench.weights import require_weights

        return "no weights" if self.unavailable(variant) else file_digest(require_weights(WEIGHTS))

    def load(self, *, variant: str, device: str, settings: Mapping[str, str]) -> Colorizer:  # noqa: ARG002
        """See Method.

        Raises:
            WeightsError: its weights are not on this machine, damaged or others.
        """
        if variant == "compact":
            from baselines.idc_networks.compact import colorizer, load_compact

            return colorizer(load_compact(compact_file("idc")), device=device)
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
                Variant(
                    name="compact",
                    summary="the same design small, trained by this project",
                    trained_on=("davis", "bsds500"),
                    weights="in the package",
                ),
            ),
            licence="BSD-2-Clause",
            paper="Zhang et al., Real-Time User-Guided Image Colorization, ACM TOG 36(4), SIGGRAPH 2017, arXiv 1705.02999",
            devices=("cpu", "cuda"),
        )
    ),
)


def _task() -> tuple[type[Any], OpenTask]:
    from baselines.idc_networks.training import TrainingSettings, open_task

    return TrainingSettings, lambda settings, data, seed: open_task(settings, data, seed, card=METHODS[0].card)


TRAINABLES = (
    Preset(
        TrainableCard(
            name="idc",
            summary="IDC without hints, each frame by itself, by regression",
            presets=("compact",),
            data="a root with davis/ and bsds500/, or what the task's clips and photographs name",
        ),
        Path(__file__).parent / "recipes" / "idc",
        _task,
    ),
)
