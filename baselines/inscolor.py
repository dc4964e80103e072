"""InsColor (Su et al., Instance-aware Image Colorization, CVPR 2020), from its published facts.

A whole frame is colored, and each detected instance in it at full detail; the instances' features are blended into the frame's
in the network. docs/design/favc-inscolor.md says what was compared with the authors' code and where a choice was left.
"""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from baselines.compact_networks.shipped import compact_file, compact_trainable, compact_way
from colorbench.training.trainable import OpenTask
from colorbench.types import MethodCard, NetworkFacts, Setting, Variant
from colorbench.weights.network_method import NetworkMethod, Settings, Way, released

if TYPE_CHECKING:
    from baselines.inscolor_networks.boxes import Boxes
    from baselines.inscolor_networks.boxes_file import BoxesFile
    from colorbench.method import Colorizer

WEIGHTS = "instcolorization"
"""In the manifest of weights; its archive is unpacked to ``<cache>/weights/instcolorization``."""

FILES = tuple(f"coco_finetuned_mask_256_ffs/latest_net_{name}.pth" for name in ("G", "GF", "GComp"))
"""For instances, fusion, and pictures without instances."""

DETECTOR = "maskrcnn"
"""In the manifest of weights."""


def _official(device: str, settings: Settings) -> Colorizer:
    from baselines.inscolor_networks.detection import load_detector
    from colorbench.weights.official import require_weights

    return _released(device, _given(settings) or load_detector(require_weights(DETECTOR), device=device))


def _undetected(device: str, settings: Settings) -> Colorizer:
    return _released(device, _given(settings))


def _released(device: str, boxes: Boxes | None) -> Colorizer:
    from baselines.inscolor_networks.coloring import ReleasedColorizer
    from baselines.inscolor_networks.loading import load_released
    from colorbench.weights.official import require_weights

    instances, fusion, alone = (require_weights(WEIGHTS, name) for name in FILES)
    networks = load_released(instances=instances, fusion=fusion, alone=alone)
    return ReleasedColorizer(networks, boxes=boxes, device=device)


def _compact(path: Path, device: str, boxes: Boxes | None = None) -> Colorizer:
    from baselines.inscolor_networks.compact import CompactColorizer, load_compact
    from baselines.inscolor_networks.saliency import SalientBoxes

    return CompactColorizer(load_compact(path), boxes=boxes or SalientBoxes(), device=device)


def _given(settings: Settings) -> BoxesFile | None:
    """Boxes of a file, where there is one."""
    from baselines.inscolor_networks.boxes_file import read_boxes

    return read_boxes(Path(settings["boxes"])) if settings["boxes"] else None


def _given_identity(settings: Settings) -> str:
    """Of the file of boxes; empty where there is none."""
    from colorbench.files.digest import file_digest

    return f"boxes {file_digest(Path(settings['boxes']))}" if settings["boxes"] else ""


def _detector_missing() -> str:
    from colorbench.weights.official import weights_missing

    return "; ".join(reason for reason in (weights_missing(WEIGHTS), weights_missing(DETECTOR)) if reason)


def _detector_identity() -> str:
    from colorbench.files.digest import file_digest
    from colorbench.weights.official import require_weights

    return f"detector {file_digest(require_weights(DETECTOR))} torchvision {version('torchvision')}"


def _ways() -> dict[str, Way]:
    official = released(
        WEIGHTS, *FILES, load=_official, beside=lambda settings: _given_identity(settings) or _detector_identity()
    )
    undetected = released(WEIGHTS, *FILES, load=_undetected, beside=lambda settings: _given_identity(settings) or "no boxes")
    compact = compact_way("inscolor", _compact)
    return {
        "official": replace(official, missing=_detector_missing),
        "undetected": undetected,
        "compact": replace(
            compact,
            identity=lambda settings: f"{compact.identity(settings)} {_given_identity(settings)}".rstrip(),
            load=lambda device, settings: _compact(compact_file("inscolor"), device, _given(settings)),
        ),
    }


_PUBLISHED = (
    NetworkFacts(
        name="instances",
        build="baselines.inscolor_networks.colornet:ColorNet",
        parameters=34_187_027,
        entries=107,
    ),
    NetworkFacts(
        name="fusion",
        build="baselines.inscolor_networks.fusion:FusionNet",
        parameters=35_270_831,
        entries=275,
    ),
    NetworkFacts(
        name="alone",
        build="baselines.inscolor_networks.colornet:ColorNet",
        parameters=34_187_027,
        entries=107,
    ),
)

METHODS = (
    NetworkMethod(
        MethodCard(
            name="inscolor",
            kind="automatic",
            summary="InsColor, whole frames and detected instances, fused inside of the network",
            variants=(
                Variant(
                    name="official",
                    summary="the authors' weights and preparation, boxes from torchvision's Mask R-CNN",
                    trained_on=("imagenet", "coco"),
                    weights="the authors' checkpoints (MIT), 3 files, and Mask R-CNN of torchvision (BSD-3-Clause)",
                    networks=_PUBLISHED,
                ),
                Variant(
                    name="undetected",
                    summary="without a detector: boxes of a file, else whole frames alone by the authors' network for these",
                    trained_on=("imagenet", "coco"),
                    weights="the authors' checkpoints (MIT), 3 files",
                    networks=_PUBLISHED,
                    by_default=False,
                ),
                Variant(
                    name="compact",
                    summary="idc:compact and a small fusion, trained by this project; boxes of what is salient, no detector",
                    trained_on=("davis", "bsds500"),
                    weights="in the package",
                    networks=(
                        NetworkFacts(
                            name="FusionNet",
                            build="baselines.inscolor_networks.compact:build_compact",
                            parameters=1_664_588,
                            entries=141,
                        ),
                    ),
                ),
            ),
            licence="MIT",
            paper="Su et al., Instance-aware Image Colorization, CVPR 2020, arXiv 2005.10825",
            devices=("cpu", "cuda"),
            settings=(Setting(name="boxes", summary="a file of boxes (JSON) in the variant's own boxes' place", default=""),),
        ),
        _ways(),
    ),
)


def _task() -> tuple[type[Any], OpenTask]:
    from baselines.inscolor_networks.training import TrainingSettings, open_task

    return TrainingSettings, lambda settings, data, seed: open_task(settings, data, seed, card=METHODS[0].card)


TRAINABLES = (compact_trainable(METHODS[0].card, _task),)
