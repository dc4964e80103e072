"""``bistnet-tracked`` for the harness: compact BiSTNet, its colors blended with those that flow carries. Takes no torch.

A method of its own, so that nobody takes it for the paper's network, of which the blend is no part.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from bistnet.method import PAPER, WORKING, digests, parse_options
from bistnet.shipped import find_network, weights_folders
from colorbench.errors import WeightsError
from colorbench.files.digest import file_digest
from colorbench.types import MethodCard, NetworkFacts, Variant
from colorbench.weights.network_method import NetworkMethod, Way

if TYPE_CHECKING:
    from bistnet.tracked.tracking import TrackedColorizer

NETWORK, BLEND = "compact", "compact-blend"
"""Names of the weights."""

CARD = MethodCard(
    name="bistnet-tracked",
    kind="exemplar",
    summary="BiSTNet, its colors blended with those that optical flow carries; not in the paper",
    variants=(
        Variant(
            name="compact",
            summary="small, for a CPU",
            exemplars=(1, None),
            trained_on=("davis", "bsds500"),
            weights="in the package",
            networks=(
                NetworkFacts(name="BiSTNet", build="bistnet.loading:build_compact", parameters=1_606_477, entries=198),
                NetworkFacts(name="Blend", build="bistnet.tracked.blending:Blend", parameters=164_644, entries=22),
            ),
        ),
    ),
    licence="MIT",
    paper=PAPER,
    devices=("cpu", "cuda"),
    settings=WORKING,
)


def _missing() -> str:
    lacking = [name for name in (NETWORK, BLEND) if find_network(name) is None]
    return f"no {lacking[0]}.safetensors in the package or in {weights_folders()[1] / 'bistnet'}" if lacking else ""


def _files() -> tuple[Path, Path]:
    """Weights of the network and of the blend."""
    network, blend = find_network(NETWORK), find_network(BLEND)
    if network is None or blend is None:
        raise WeightsError(_missing(), wanted="its weights", remedy="put them there, or train them: colorbench train blend")
    return network, blend


def _identity(settings: Mapping[str, str]) -> str:  # noqa: ARG001 - settings are in the identity by themselves
    network, blend = _files()
    return f"{digests(network)} {file_digest(blend)} opencv {version('opencv-python')}"


def _load(device: str, settings: Mapping[str, str]) -> TrackedColorizer:
    from bistnet.inference import Colorizer
    from bistnet.loading import load_trained
    from bistnet.tracked.blending import load_blend
    from bistnet.tracked.tracking import TrackedColorizer

    network, blend = _files()
    loaded = load_trained(network)
    core = Colorizer(loaded.network, experts=loaded.experts, device=device, options=parse_options(settings))
    return TrackedColorizer(core, load_blend(blend, network=file_digest(network)))


METHODS = (NetworkMethod(CARD, {"compact": Way(missing=_missing, identity=_identity, load=_load)}, check=parse_options),)
