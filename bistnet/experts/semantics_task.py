"""What ``colorbench train semantics`` runs: crops of CamVid in, weighted cross entropy and a soft Jaccard term out.

With p(i, k) the probability of class k at pixel i, y(i) its label, f_k the share of class k in the training labels, m the median
of these shares, and sums and means over the pixels i of a batch that are not void,

    CE = mean_i w_{y(i)} (-log p(i, y(i))),    w_k proportional to (m / f_k)^weighting with sum_k f_k w_k = 1
    J  = mean_k (1 - I_k / (P_k + Y_k - I_k)),    I_k = sum_{y(i) = k} p(i, k),  P_k = sum_i p(i, k),  Y_k = sum_{y(i) = k} 1

the mean of J over the classes that the batch holds. Median frequency weights are those of Eigen and Fergus, ICCV 2015, arXiv
1411.4734, at weighting = 1; a smaller power costs the large classes less. J is the score with probabilities for decisions, after
Rahman and Wang, ISVC 2016, doi 10.1007/978-3-319-50835-1_22.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from numpy.typing import NDArray
from torch import Tensor, nn

from bistnet.experts.compact_semantics import CLASSES, compact_semantics
from bistnet.experts.gray import gray_level
from bistnet.experts.mmseg_expert import MmsegExpert
from bistnet.experts.semantic_score import class_iou, confusion_matrix, mean_iou
from bistnet.experts.semantics_data import (
    VOID,
    Augmentation,
    LabeledPicture,
    class_counts,
    find_camvid,
    random_crop,
    read_split,
)
from bistnet.experts.semantics_strip import strip
from colorbench.errors import DatasetError, UsageError
from colorbench.frames.images import write_png
from colorbench.weights.trained_file import package_versions, save_weights

if TYPE_CHECKING:
    from bistnet.experts.semantics_training import SemanticsSettings
    from colorbench.training.task import Batch, Provenance, Sample, Terms

_FEATURES = (64, 128)
"""Channels of Fast-SCNN's features at 1/8 (before the global features join) and at 1/32."""


class SemanticsInTraining(nn.Module):
    """The expert with heads that only training has: a 1x1 convolution on each of two features inside Fast-SCNN.

    Args:
        expert: of :func:`~bistnet.experts.compact_semantics.compact_semantics`.
        auxiliary: whether there are such heads.
    """

    def __init__(self, expert: MmsegExpert, *, auxiliary: bool) -> None:
        super().__init__()
        self.expert = expert
        self.heads = nn.ModuleList(nn.Conv2d(channels, len(CLASSES), 1) for channels in _FEATURES if auxiliary)
        _stride_after(expert)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, level: Tensor) -> list[Tensor]:
        """(N, 1, H, W) sRGB levels in [0, 1] -> scores (N, 11, ., .): of the expert at 1/8, of the heads at 1/8 and 1/32."""
        model: Any = self.expert.model
        features = model.extract_feat((level * 255.0 - self.expert.mean) / self.expert.std)
        heads = [head(feature) for head, feature in zip(self.heads, features, strict=False)]
        return [model.decode_head(features), *heads]


class SemanticsTask:
    """See :class:`colorbench.training.task.Task`.

    Args:
        settings: ``[task]`` of the preset.
        data: holds CamVid.
        seed: of the first weights.

    Raises:
        DatasetError: CamVid is missing, or laid out otherwise.
    """

    critic = None

    def __init__(self, settings: SemanticsSettings, data: Path, *, seed: int) -> None:
        self.settings = settings
        root = find_camvid(data)
        pictures = [picture for split in settings.splits for picture in read_split(root, split)]
        self.tests = _spread(read_split(root, "test"), settings.validation_pictures)
        self._levels = [_level(picture) for picture in pictures]
        self._labels = [picture.labels for picture in pictures]
        self._weights = torch.from_numpy(class_weights(class_counts(pictures), settings.weighting))
        self._digest = _digest(pictures)
        self._crops = Augmentation(**{key: getattr(settings, key) for key in Augmentation.__dataclass_fields__})
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network = SemanticsInTraining(compact_semantics(), auxiliary=settings.auxiliary > 0)

    @property
    def identity(self) -> Mapping[str, object]:
        """See Task. How much is validated or drawn is left out: it decides nothing."""
        settings = {key: value for key, value in asdict(self.settings).items() if not key.endswith("_pictures")}
        return {"network": "compact-semantics", "version": "1", "settings": settings, "data": self._digest}

    def sample(self, number: int, rng: np.random.Generator) -> Sample:
        """See Task. Every picture once in each pass over the data, in another order each time.

        Returns:
            "level" (1, H, W) float32 in [0, 1] and "labels" (H, W) / label_stride uint8.
        """
        epoch, place = divmod(number, len(self._levels))
        chosen = np.random.default_rng(epoch).permutation(len(self._levels))[place]
        level, labels = random_crop(self._levels[chosen], self._labels[chosen], self._crops, rng)
        return {"level": torch.from_numpy(level)[None], "labels": torch.from_numpy(labels)}

    def losses(self, batch: Batch) -> Terms:
        """See Task. "cross_entropy", "region" and "auxiliary"; the region term is one of the whole batch."""
        labels = batch["labels"].long()
        main, *heads = self.network(batch["level"])
        weights = self._weights.to(labels.device)
        scores = F.interpolate(main.float(), labels.shape[-2:], mode="bilinear", align_corners=False)
        log_p = F.log_softmax(scores, dim=1)  # (N, 11, h, w)
        terms = {"cross_entropy": cross_entropy(log_p, labels, weights)}
        if self.settings.region:
            terms["region"] = self.settings.region * soft_jaccard(log_p, labels)
        if heads:
            losses = [cross_entropy(F.log_softmax(x.float(), dim=1), _shrunk(labels, x.shape[-2:]), weights) for x in heads]
            terms["auxiliary"] = self.settings.auxiliary * torch.stack(losses).sum()
        return terms

    def critic_losses(self, batch: Batch) -> Terms:  # noqa: ARG002 - there is no critic
        """See Task."""
        return {}

    @torch.no_grad()
    def validate(self, network: nn.Module, folder: Path) -> Mapping[str, float]:
        """See Task. Over the test split at its own size: mean IoU, share of right pixels, IoU of each class that occurs."""
        expert = _expert(network)
        device = next(expert.parameters()).device
        confusion = np.zeros((VOID, VOID), np.int64)
        shown = {picture.name for picture in _spread(self.tests, self.settings.shown_pictures)}
        rows: list[tuple[LabeledPicture, NDArray[np.uint8]]] = []
        for picture in self.tests:
            scores = expert.logits(torch.from_numpy(picture.l_star)[None, None].to(device))
            predicted = scores[0].argmax(dim=0).to(torch.uint8).cpu().numpy()
            confusion += confusion_matrix(picture.labels, predicted, classes=VOID)
            if picture.name in shown:
                rows.append((picture, predicted))
        write_png(folder / "semantics.png", strip(rows))
        iou = dict(zip(CLASSES, class_iou(confusion).tolist(), strict=True))
        totals = {"miou": mean_iou(confusion), "accuracy": float(np.trace(confusion) / max(1, confusion.sum()))}
        return totals | {f"iou_{name}": value for name, value in iou.items() if value == value}

    def save(self, path: Path, network: nn.Module, provenance: Provenance) -> None:
        """See Task. The state dict of mmsegmentation's model, as ``build_expert("compact-semantics", checkpoint=path)`` loads."""
        card = {
            "network": "compact-semantics",
            "data": [f"camvid:{split}" for split in self.settings.splits],
            "settings": asdict(self.settings),
            "versions": package_versions(),
            **asdict(provenance),
        }
        save_weights(path, _expert(network).model.state_dict(), card)


def cross_entropy(log_p: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """CE of the module's text.

    Args:
        log_p: (N, K, h, w) logarithms of probabilities.
        labels: (N, h, w) int64, VOID where nothing is known.
        weights: (K,) of the classes.

    Returns:
        A scalar; 0 where all is void.
    """
    total = F.nll_loss(log_p, labels, weights, ignore_index=VOID, reduction="sum")
    return total / (labels != VOID).sum().clamp_min(1)


def soft_jaccard(log_p: Tensor, labels: Tensor) -> Tensor:
    """J of the module's text; as :func:`cross_entropy` without weights."""
    known = (labels != VOID).unsqueeze(1)
    p = log_p.exp() * known  # (N, K, h, w)
    classes = log_p.shape[1]
    true = labels.clamp_max(classes - 1)
    hits = p.new_zeros(classes).index_add(0, true.reshape(-1), p.gather(1, true.unsqueeze(1)).reshape(-1))
    present = p.new_zeros(classes + 1).index_add(0, labels.reshape(-1), known.to(p.dtype).reshape(-1))[:classes]
    union = p.sum(dim=(0, 2, 3)) + present - hits
    misses = torch.where(present > 0, 1.0 - hits / union.clamp_min(1e-6), 0.0)
    return misses.sum() / (present > 0).sum().clamp_min(1)


def class_weights(counts: NDArray[np.int64], power: float) -> NDArray[np.float32]:
    """(median / count)^power of each class, scaled to a mean of 1 over pixels; 0 for classes without any.

    Raises:
        DatasetError: no pixel has a class.

    >>> class_weights(np.array([100, 400, 0, 400]), 0.5).tolist()
    [1.7999999523162842, 0.8999999761581421, 0.0, 0.8999999761581421]
    """
    there = counts > 0
    if not there.any():
        raise DatasetError("all training pixels are void", wanted="pixels of classes 0 to 10", remedy="check the labels")
    weights = np.zeros(len(counts))
    weights[there] = (np.median(counts[there]) / counts[there]) ** power
    scale = float(counts.sum()) / float((weights * counts).sum())
    return (scale * weights).astype(np.float32)


def _expert(network: nn.Module) -> MmsegExpert:
    if not isinstance(network, SemanticsInTraining):
        raise UsageError(f"a {type(network).__name__}", wanted="the task's network or a copy", remedy="pass task.network")
    return network.expert


def _shrunk(labels: Tensor, size: Sequence[int]) -> Tensor:
    """The label at the center of each cell of a coarser grid."""
    return F.interpolate(labels.unsqueeze(1).to(torch.uint8), tuple(size), mode="nearest-exact")[:, 0].long()


def _stride_after(network: nn.Module) -> None:
    """Depthwise convolutions of stride 2 compute every pixel and keep every other: the same result.

    On CPUs their gradient is three times slower with the stride inside (oneDNN, bfloat16): a fifth of a whole step.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.groups > 1 and module.stride == (2, 2):
            module.stride = (1, 1)
            module.register_forward_hook(_every_other)


def _every_other(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:  # noqa: ARG001 - a hook's signature
    return output[..., ::2, ::2].contiguous(memory_format=torch.channels_last)


def _level(picture: LabeledPicture) -> NDArray[np.float32]:
    level: NDArray[np.float32] = gray_level(torch.from_numpy(picture.l_star)[None, None])[0, 0].numpy()
    return level


def _spread(pictures: Sequence[LabeledPicture], count: int) -> tuple[LabeledPicture, ...]:
    """``count`` evenly spaced ones; all where that is 0 or more than there are."""
    if not 0 < count < len(pictures):
        return tuple(pictures)
    return tuple(pictures[(2 * k + 1) * len(pictures) // (2 * count)] for k in range(count))


def _digest(pictures: Sequence[LabeledPicture]) -> str:
    """SHA-256 of names and labels."""
    total = hashlib.sha256()
    for picture in pictures:
        total.update(f"{picture.name} {picture.labels.shape}\n".encode())
        total.update(np.ascontiguousarray(picture.labels).data)
    return total.hexdigest()
