"""CIC (Zhang, Isola and Efros, Colorful Image Colorization, ECCV 2016), written from its published facts.

Each frame by itself: a distribution over 313 colors for each position, and its mean. docs/design/automatic-baselines.md says what
was compared with the authors' code and where a choice was left.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from baselines.compact_networks.shipped import compact_file, compact_identity, compact_missing
from colorbench.errors import UsageError
from colorbench.training.trainable import OpenTask, Preset, TrainableCard
from colorbench.types import MethodCard, Setting, Variant

if TYPE_CHECKING:
    from colorbench.method import Colorizer

WEIGHTS = "eccv16"
"""In the manifest of weights."""


@dataclass(frozen=True, slots=True)
class CicMethod:
    """The registered method."""

    card: MethodCard

    def unavailable(self, variant: str) -> str:
        """See Method."""
        if variant == "compact":
            return compact_missing("cic")
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
        if variant == "compact":
            return compact_identity("cic")
        return "no weights" if self.unavailable(variant) else file_digest(require_weights(WEIGHTS))

    def load(self, *, variant: str, device: str, settings: Mapping[str, str]) -> Colorizer:
        """See Method.

        Raises:
            UsageError: a setting means nothing.
            WeightsError: its weights are not on this machine, damaged or others.
        """
        if variant == "compact":
            from baselines.cic_networks.compact import colorizer, load_compact

            return colorizer(load_compact(compact_file("cic")), device=device)
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
                Variant(
                    name="compact",
                    summary="the same design small, trained by this project",
                    trained_on=("davis", "bsds500"),
                    weights="in the package",
                ),
            ),
            licence="BSD-2-Clause",
            paper="Zhang, Isola and Efros, Colorful Image Colorization, ECCV 2016, arXiv 1603.08511",
            devices=("cpu", "cuda"),
            settings=(
                Setting(
                    name="temperature",
                    summary="official: what logits are divided by before the mean; 1 is the released code, 0.38 the paper's",
                    default="1",
                ),
            ),
        )
    ),
)


def _task() -> tuple[type[Any], OpenTask]:
    from baselines.cic_networks.training import TrainingSettings, open_task

    return TrainingSettings, lambda settings, data, seed: open_task(settings, data, seed, card=METHODS[0].card)


TRAINABLES = (
    Preset(
        TrainableCard(
            name="cic",
            summary="CIC, each frame by itself, a choice among 313 colors",
            presets=("compact",),
            data="a root with davis/ and bsds500/, or what the task's clips and photographs name",
        ),
        Path(__file__).parent / "recipes" / "cic",
        _task,
    ),
)
