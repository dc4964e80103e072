"""DeepRemaster as a task of the trainer: an L1 on blocks of frames, with the references of the shared samples.

The authors' training code is not published. Theirs degrades films on purpose and trains restoration too; both are left out,
frames here are clean. A sample has two references, one before and one after the block, or one for both; the network takes any
number.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import cast

import torch

from baselines.deepremaster_networks.colornet import MULTIPLE, ColorNet
from baselines.deepremaster_networks.compact import CompactColorizer, Shape, build_compact, chroma
from colorbench.errors import UsageError
from colorbench.training.corpus import Corpus, CorpusSettings
from colorbench.training.losses.chroma import content_loss, rgb_of
from colorbench.training.network_task import NetworkTask
from colorbench.training.task import Batch, Terms
from colorbench.types import MethodCard


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings(CorpusSettings):
    """What it is trained as and on, beside the recipe of the loop."""

    shape: Shape = field(default_factory=Shape)

    def __post_init__(self) -> None:
        if not self.triplets.consecutive:
            raise UsageError(
                "triplets.consecutive = false", wanted="frames that follow one another", remedy="set triplets.consecutive = true"
            )
        if any(side % MULTIPLE for side in self.triplets.size):
            raise UsageError(
                f"triplets.size = {list(self.triplets.size)}", wanted=f"multiples of {MULTIPLE}", remedy="change triplets.size"
            )


def open_task(settings: TrainingSettings, data: Path, seed: int, *, card: MethodCard) -> NetworkTask:
    """The task; see :class:`colorbench.training.corpus.Corpus` for what is raised."""
    return NetworkTask(
        card,
        settings,
        Corpus(settings, data),
        build=lambda: build_compact(settings.shape),
        seed=seed,
        losses=lambda network, batch: batch_terms(cast(ColorNet, network), batch),
        colorizer=lambda network: CompactColorizer(cast(ColorNet, network), device=next(network.parameters()).device.type),
        shape=asdict(settings.shape),
        exemplars=None,
    )


def batch_terms(network: ColorNet, batch: Batch) -> Terms:
    """The objective.

    Args:
        network: in training.
        batch: of :class:`colorbench.training.triplets.Triplets`, N samples of F frames and two references.
    """
    pictures = [rgb_of(batch[f"{name}_l"], batch[f"{name}_ab"]) for name in ("first", "last")]
    references = network.encode_references(torch.stack(pictures, dim=2))  # of (N, 3, 2, h, w)
    ab = chroma(network, batch["l_star"].transpose(1, 2), references)  # (N, 2, F, h, w)
    with torch.autocast(ab.device.type, enabled=False):
        return {"content": content_loss(ab, batch["ab"].transpose(1, 2))}
