"""InsColor as a task of the trainer: its fusion, on single frames of the samples that every method is trained on.

As with the authors, the image network is trained before (``colorbench train idc``), and fusion then learns weightings and the
network's last layers with the loss of IDC, a Huber loss with delta = 1, here of CIE units and a mean. How ours differs: the
network has not been trained on crops in between, as there are no boxes of objects in the data; boxes are those of saliency.py, as
when clips are colored.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor

from baselines.compact_networks.training import frame_task
from baselines.idc_networks import compact as idc
from baselines.inscolor_networks.compact import CompactColorizer, Shape, build_compact, chroma, windows_on
from baselines.inscolor_networks.fusion import FusionNet
from baselines.inscolor_networks.saliency import SalientBoxes, salient_boxes
from colorbench.nets.checkpoints import load_strict
from colorbench.training.corpus import Corpus, CorpusSettings
from colorbench.training.losses.chroma import exact
from colorbench.training.network_task import NetworkTask
from colorbench.training.task import Terms
from colorbench.types import MethodCard


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings(CorpusSettings):
    """What it is trained as and on, beside the recipe of the loop."""

    shape: Shape = field(default_factory=Shape)
    anchors: str = ""
    """IDC's compact weights, which it begins with; empty: those in the package."""


def open_task(settings: TrainingSettings, data: Path, seed: int, *, card: MethodCard) -> NetworkTask:
    """The task; see :class:`colorbench.training.corpus.Corpus` for what else is raised.

    Raises:
        WeightsError: IDC's compact weights are missing, damaged, or of another width.
    """
    image, path = idc.load_anchors(settings.anchors)

    def build() -> FusionNet:
        network = build_compact(settings.shape)
        weightings = {key: tensor for key, tensor in network.state_dict().items() if key.startswith("weight_layer")}
        load_strict(network, image.state_dict() | weightings, source=path)
        return network

    return frame_task(
        card,
        settings,
        Corpus(settings, data),
        seed=seed,
        shape=settings.shape,
        build=build,
        losses=batch_terms,
        colorizer=lambda network: CompactColorizer(network, boxes=SalientBoxes(), device=next(network.parameters()).device.type),
    )


def batch_terms(network: FusionNet, l_star: Tensor, truth_ab: Tensor) -> Terms:
    """The objective. Batch normalization rests.

    Args:
        network: in training.
        l_star: (N, 1, H, W) in [0, 100].
        truth_ab: (N, 2, H, W) in CIE units.
    """
    network.eval()
    size = l_star.shape[2], l_star.shape[3]
    windows = [windows_on(salient_boxes(exact(frame[0]).cpu().numpy()), frame=size, size=size) for frame in l_star]
    ab = chroma(network, l_star, windows)
    with torch.autocast(l_star.device.type, enabled=False):
        return {"regression": F.huber_loss(exact(ab), exact(truth_ab), delta=1.0)}
