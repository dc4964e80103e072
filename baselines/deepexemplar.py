"""DeepExemplar (Zhang et al., Deep Exemplar-based Video Colorization, CVPR 2019), written from its published facts.

Correspondence with one exemplar by learned embeddings of VGG19's features, then a U-Net that also sees what it made of the frame
before. docs/design/deepexemplar.md says what was compared with the authors' code and where a choice was left.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from baselines.compact_networks.shipped import compact_trainable, compact_way
from colorbench.errors import UsageError
from colorbench.training.trainable import OpenTask
from colorbench.types import MethodCard, NetworkFacts, Setting, Variant
from colorbench.weights.network_method import NetworkMethod, Settings, released

if TYPE_CHECKING:
    from baselines.deepexemplar_networks.coloring import Working
    from colorbench.method import Colorizer

WEIGHTS = "deepexemplar"
"""In the manifest of weights; its archive is unpacked to ``<cache>/weights/deepexemplar``."""

FILES = ("nonlocal_net_iter_76000.pth", "colornet_iter_76000.pth", "vgg19_conv.pth")
"""Of the authors' release v1.0, at any depth in that folder: WarpNet, ColorVidNet, VGG19's convolutions."""

CHOICES = {"fit": ("crop", "stretch"), "propagate": ("no", "yes")}


def _missing() -> str:
    from colorbench.weights.official import weights_missing, weights_root

    reason = weights_missing(WEIGHTS)
    lacking = [name for name in FILES if not any((weights_root() / WEIGHTS).rglob(name))]
    return f"no {', '.join(lacking)}: {reason}" if reason and lacking else reason


def _smoothing(settings: Settings) -> str:  # noqa: ARG001 - it is smoothed whatever they are
    """Whose filter it is."""
    from baselines.deepexemplar_networks.smoothing import smoother_name

    smoother = smoother_name()
    return f"smoothing {smoother} {version('scipy') if smoother == 'own' else _opencv_version()}"


def _official(device: str, settings: Settings) -> Colorizer:
    from baselines.deepexemplar_networks.coloring import ReleasedColorizer
    from baselines.deepexemplar_networks.loading import load_released
    from colorbench.weights.official import require_weights

    warp, color, vgg = (require_weights(WEIGHTS, name) for name in FILES)
    network = load_released(warp=warp, color=color, vgg=vgg)
    return ReleasedColorizer(network, working=parse_working(settings), device=device)


def _compact(path: Path, device: str) -> Colorizer:
    from baselines.deepexemplar_networks.compact import CompactColorizer, load_compact

    return CompactColorizer(load_compact(path), device=device)


def parse_working(settings: Mapping[str, str]) -> Working:
    """Settings as text to Working.

    Raises:
        UsageError: a value that is none.
    """
    from baselines.deepexemplar_networks.coloring import Working

    for name, known in CHOICES.items():
        if settings[name] not in known:
            raise UsageError(f"{name} = {settings[name]!r}", wanted=f"one of {', '.join(known)}", remedy=f"change {name}")
    rows, _, columns = settings["size"].partition("x")
    sides = [int(side) if side.isascii() and side.isdigit() else 0 for side in (rows, columns)]
    if min(sides) < 64 or sides[0] % 16 or sides[1] % 32:
        raise UsageError(
            f"size = {settings['size']!r}",
            wanted="ROWSxCOLUMNS, at least 64x64, rows a multiple of 16 and columns of 32, such as 432x768",
            remedy="change size",
        )
    return Working(
        size=(sides[0], sides[1]),
        fit="stretch" if settings["fit"] == "stretch" else "crop",
        propagate=settings["propagate"] == "yes",
    )


def _opencv_version() -> str:
    import cv2

    return str(cv2.__version__)


METHODS = (
    NetworkMethod(
        MethodCard(
            name="deepexemplar",
            kind="exemplar",
            summary="DeepExemplar, colors matched in the first exemplar and carried on from frame to frame",
            variants=(
                Variant(
                    name="official",
                    summary="the authors' weights and preparation",
                    exemplars=(1, 1),
                    trained_on=("videvo", "hollywood2", "imagenet"),
                    weights="the authors' release v1.0 (MIT), 3 files",
                    networks=(
                        NetworkFacts(
                            name="WarpNet",
                            build="baselines.deepexemplar_networks.warpnet:WarpNet",
                            parameters=6_917_131,
                            entries=43,
                        ),
                        NetworkFacts(
                            name="ColorVidNet",
                            build="baselines.deepexemplar_networks.colorvidnet:ColorVidNet",
                            parameters=32_802_370,
                            entries=65,
                        ),
                        NetworkFacts(name="Vgg19", build="colorbench.nets.encoders:Vgg19", parameters=20_024_384, entries=32),
                    ),
                ),
                Variant(
                    name="compact",
                    summary="the same design small, trained by this project",
                    exemplars=(1, 1),
                    trained_on=("davis", "bsds500"),
                    weights="in the package",
                    networks=(
                        NetworkFacts(
                            name="DeepExemplar",
                            build="baselines.deepexemplar_networks.compact:build_compact",
                            parameters=1_719_749,
                            entries=144,
                        ),
                    ),
                ),
            ),
            licence="MIT",
            paper="Zhang et al., Deep Exemplar-based Video Colorization, CVPR 2019, arXiv 1906.09909",
            devices=("cpu", "cuda"),
            settings=(
                Setting(
                    name="size",
                    summary="official: rows x columns that frames are brought to; networks see half",
                    default="432x768",
                ),
                Setting(
                    name="fit",
                    summary="official: crop, the authors' center cut, margins take the nearest chroma; stretch, the whole frame",
                    default="crop",
                ),
                Setting(
                    name="propagate",
                    summary="official: yes, the exemplar stands for the frame before the first, the authors' --frame_propagate",
                    default="no",
                ),
            ),
        ),
        {
            "official": replace(released(WEIGHTS, *FILES, load=_official, beside=_smoothing), missing=_missing),
            "compact": compact_way("deepexemplar", _compact),
        },
        check=parse_working,
    ),
)


def _task() -> tuple[type[Any], OpenTask]:
    from baselines.deepexemplar_networks.training import TrainingSettings, open_task

    return TrainingSettings, lambda settings, data, seed: open_task(settings, data, seed, card=METHODS[0].card)


TRAINABLES = (compact_trainable(METHODS[0].card, _task),)
