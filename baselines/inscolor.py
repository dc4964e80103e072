"""InsColor (Su et al., Instance-aware Image Colorization, CVPR 2020), from its published facts.

A whole frame is colored, and each detected instance in it at full detail; the instances' features are blended into the frame's
at every stage of the network. docs/design/favc-inscolor.md says what was compared with the authors' code and where a choice was
left.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from colorbench.types import MethodCard, Setting, Variant

if TYPE_CHECKING:
    from baselines.inscolor_networks.boxes import Boxes
    from baselines.inscolor_networks.coloring import ReleasedColorizer

WEIGHTS = "instcolorization"
"""In the manifest of weights; its archive is unpacked to ``<cache>/weights/instcolorization``."""

FILES = tuple(f"coco_finetuned_mask_256_ffs/latest_net_{name}.pth" for name in ("G", "GF", "GComp"))
"""For instances, fusion, and pictures without instances."""

DETECTOR = "maskrcnn"
"""In the manifest of weights."""


@dataclass(frozen=True, slots=True)
class InsColorMethod:
    """The registered method."""

    card: MethodCard

    def unavailable(self, variant: str) -> str:
        """See Method."""
        from colorbench.weights import weights_missing

        reasons = [weights_missing(WEIGHTS), weights_missing(DETECTOR) if variant == "official" else ""]
        return "; ".join(reason for reason in reasons if reason)

    def fingerprint(self, *, variant: str, settings: Mapping[str, str]) -> str:
        """See Method. The files, and where boxes are from.

        Raises:
            ColorbenchError: the file of boxes can't be read.
        """
        from colorbench.digest import file_digest
        from colorbench.weights import require_weights

        if self.unavailable(variant):
            return "no weights"
        digests = " ".join(file_digest(require_weights(WEIGHTS, name)) for name in FILES)
        if settings["boxes"]:
            return f"{digests} boxes {file_digest(Path(settings['boxes']))}"
        if variant == "official":
            return f"{digests} detector {file_digest(require_weights(DETECTOR))} torchvision {version('torchvision')}"
        return f"{digests} no boxes"

    def load(self, *, variant: str, device: str, settings: Mapping[str, str]) -> ReleasedColorizer:
        """See Method.

        Raises:
            WeightsError: weights are not on this machine, damaged or others.
            UsageError: the file of boxes can't be read.
            MethodError: torchvision can't detect here.
        """
        from baselines.inscolor_networks.coloring import ReleasedColorizer
        from baselines.inscolor_networks.loading import load_released
        from colorbench.weights import require_weights

        boxes = _boxes(variant, device, settings["boxes"])
        instances, fusion, alone = (require_weights(WEIGHTS, name) for name in FILES)
        networks = load_released(instances=instances, fusion=fusion, alone=alone)
        return ReleasedColorizer(networks, boxes=boxes, device=device)


def _boxes(variant: str, device: str, file: str) -> Boxes | None:
    """Of the file where there is one, else the detector's in ``official``, else none."""
    from baselines.inscolor_networks.boxes_file import read_boxes
    from baselines.inscolor_networks.detection import load_detector
    from colorbench.weights import require_weights

    if file:
        return read_boxes(Path(file))
    return load_detector(require_weights(DETECTOR), device=device) if variant == "official" else None


METHODS = (
    InsColorMethod(
        MethodCard(
            name="inscolor",
            kind="automatic",
            summary="InsColor, whole frames and detected instances, fused at every stage of the network",
            variants=(
                Variant(
                    name="official",
                    summary="the authors' weights and preparation, boxes from torchvision's Mask R-CNN",
                    trained_on=("imagenet", "coco"),
                    weights="the authors' checkpoints (MIT), 3 files, and Mask R-CNN of torchvision (BSD-3-Clause)",
                ),
                Variant(
                    name="undetected",
                    summary="without a detector: boxes of a file, else whole frames alone by the authors' network for these",
                    trained_on=("imagenet", "coco"),
                    weights="the authors' checkpoints (MIT), 3 files",
                    by_default=False,
                ),
            ),
            licence="MIT",
            paper="Su et al., Instance-aware Image Colorization, CVPR 2020, arXiv 2005.10825",
            devices=("cpu", "cuda"),
            settings=(Setting(name="boxes", summary="a file of boxes (JSON) in the detector's place", default=""),),
        )
    ),
)
