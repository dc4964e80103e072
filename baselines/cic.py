"""CIC (Zhang, Isola and Efros, Colorful Image Colorization, ECCV 2016), written from its published facts.

Each frame by itself: a distribution over 313 colors for each position, and its mean. docs/design/automatic-baselines.md says what
was compared with the authors' code and where a choice was left.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from baselines.compact_networks.shipped import compact_trainable, compact_way
from colorbench.errors import UsageError
from colorbench.training.trainable import OpenTask
from colorbench.types import MethodCard, NetworkFacts, Setting, Variant
from colorbench.weights.network_method import NetworkMethod, Settings, released

if TYPE_CHECKING:
    from colorbench.method import Colorizer

WEIGHTS = "eccv16"
"""In the manifest of weights."""


def _official(device: str, settings: Settings) -> Colorizer:
    from baselines.cic_networks.coloring import SquareColorizer
    from baselines.cic_networks.eccv16 import Eccv16
    from colorbench.nets.checkpoints import load_strict, read_state
    from colorbench.weights.official import require_weights

    path = require_weights(WEIGHTS)
    network = Eccv16(temperature=parse_temperature(settings))
    load_strict(network, read_state(path), source=path)
    return SquareColorizer(network, device=device)


def _compact(path: Path, device: str) -> Colorizer:
    from baselines.cic_networks.compact import colorizer, load_compact

    return colorizer(load_compact(path), device=device)


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
    NetworkMethod(
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
                    networks=(
                        NetworkFacts(
                            name="Eccv16", build="baselines.cic_networks.eccv16:Eccv16", parameters=32_236_011, entries=82
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
                            name="Eccv16", build="baselines.cic_networks.compact:build_compact", parameters=1_559_461, entries=82
                        ),
                    ),
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
        ),
        {"official": released(WEIGHTS, load=_official), "compact": compact_way("cic", _compact)},
        check=parse_temperature,
    ),
)


def _task() -> tuple[type[Any], OpenTask]:
    from baselines.cic_networks.training import TrainingSettings, open_task

    return TrainingSettings, lambda settings, data, seed: open_task(settings, data, seed, card=METHODS[0].card)


TRAINABLES = (compact_trainable(METHODS[0].card, _task),)
